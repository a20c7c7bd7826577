import { type Dictionary, type List, parseDictionary, parseList } from "structured-headers";

/** A field's members as RFC 9651 §4.2 reads them. Throws where it is no list: it is then ignored as a whole. */
export const readList = (value: string): List => parseList(readable(value));

/** The same of a dictionary. */
export const readDictionary = (value: string): Dictionary => parseDictionary(readable(value));

/** Or one that never ends: all behind it is a part of it, so that nothing is looked at twice. */
const STRING = /%"[^"]*"?|"(?:[^"\\]|\\.)*(?:"|\\?$)/;
const DATE = /(?<=^|[=(, \t])@-?\d{1,15}(?![\d.])/;
/** The RFC's own example of a decimal that is no integer: `max-age=60.0` (RFC 9213 §2.1). */
const WHOLE_DECIMAL = /(?<==-?\d{1,12})\.0{1,3}(?![\d.])/;
const MISREAD = new RegExp(`${STRING.source}|(${DATE.source})|(${WHOLE_DECIMAL.source})`, "g");

/**
 * What the parser misreads, as decimals, which mean nothing in any field that is read here, as the others would: it takes
 * a Date (§3.3.7) with anything behind it for an error, and a decimal without a fraction for an integer.
 */
const readable = (value: string): string =>
  value.replace(MISREAD, (text, date, decimal) =>
    date !== undefined ? "0.5" : decimal !== undefined ? ".5" : text,
  );
