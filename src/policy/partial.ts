import {
  type Admission,
  type AdmissionRequest,
  type AdmissionResponse,
  type AdmissionSettings,
  admit,
} from "./admit.ts";
import { type FieldLines, fieldLineValues, fieldValue, hasField, withoutFields } from "./fields.ts";
import type { ExchangeTimes } from "./freshness.ts";
import { fieldDate } from "./http-date.ts";
import type { Epoch, EpochMs, Part, StoredResponse } from "./stored-response.ts";

/** How many bytes a part has (RFC 9110 §14.1.2). */
export const sizeOf = ({ first, last }: Pick<Part, "first" | "last">): number => last - first + 1;

/** Content-Range describes one message; an answer from the store gets its own (RFC 9110 §14.4). */
const CONTENT_RANGE: ReadonlySet<string> = new Set(["content-range"]);

/**
 * The part that a 206 says it holds (RFC 9110 §15.3.7.1), or undefined when it is several
 * (multipart/byteranges), of unknown length, malformed, or contradicts its Content-Length.
 */
export function partOf(fields: FieldLines): Part | undefined {
  if (/^\s*multipart\/byteranges\b/i.test(fieldValue(fields, "content-type") ?? "")) return undefined;
  const [range, ...others] = fieldLineValues(fields, "content-range");
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(range?.trim() ?? "");
  if (match === null || others.length > 0) return undefined;
  const [first, last, length] = match.slice(1).map(Number) as [number, number, number];
  if (last < first || last >= length) return undefined;
  const part = { first, last, length };
  return fieldLineValues(fields, "content-length").every((value) => Number(value) === sizeOf(part))
    ? part
    : undefined;
}

/**
 * May the answer to a Range request be stored, as the part that it is (RFC 9111 §3.3)?
 *
 * It may where the whole representation might be. A part that is everything is a complete
 * response (RFC 9110 §15.3.7.3). What its body must measure is `sizeOf(partOf(fields))`. The
 * answer to an If-Range may lack what describes the representation (§15.3.7): it is no part of a store's.
 */
export function admitPart(
  request: AdmissionRequest,
  response: AdmissionResponse,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): Admission {
  const part = partOf(response.fields);
  if (part === undefined || hasField(request.fields, "if-range"))
    return { type: "discard", reason: "partial" };
  const fields = withoutFields(response.fields, CONTENT_RANGE);
  const whole = { status: 200, statusMessage: "OK", fields };
  const admission = admit(request, whole, times, epoch, settings);
  if (admission.type === "discard") return { type: "discard", reason: "partial" };
  return sizeOf(part) === part.length ? admission : asPart(admission, part, response.statusMessage);
}

/** The same admission for a part of the representation (RFC 9111 §3.3). */
export function asPart(admission: Admission, part: Part, statusMessage: string): Admission {
  if (admission.type === "discard") return admission;
  return { type: "store", head: { ...admission.head, status: 206, statusMessage, part } };
}

/**
 * The validator that names this representation byte for byte (RFC 9110 §8.8.1): a strong entity
 * tag, or where there is no entity tag at all a Last-Modified at least a second older than the
 * response's own Date (§8.8.2.2, §13.1.5).
 */
export function strongValidator(fields: FieldLines, now: EpochMs): string | undefined {
  const etag = fieldLineValues(fields, "etag")[0];
  if (etag !== undefined) return etag.startsWith('"') ? etag : undefined;
  return hasStrongDate(fields, now) ? fieldLineValues(fields, "last-modified")[0] : undefined;
}

/** Is the Last-Modified a strong validator: at least a second older than the Date (RFC 9110 §8.8.2.2)? */
export function hasStrongDate(fields: FieldLines, now: EpochMs): boolean {
  const modified = fieldDate(fields, "last-modified", now);
  const sent = fieldDate(fields, "date", now);
  return modified !== undefined && sent !== undefined && sent - modified >= 1000;
}

/** Are these two of the same representation, byte for byte (RFC 9111 §3.4)? */
export function shareStrongValidator(a: FieldLines, b: FieldLines, now: EpochMs): boolean {
  const validator = strongValidator(a, now);
  return validator !== undefined && validator === strongValidator(b, now);
}

/**
 * The lines that ask for what a stored part lacks (RFC 9111 §3.4), or undefined when asking for
 * the rest cannot complete it: it does not begin at the beginning, or has no strong validator.
 */
export function completionFields(stored: StoredResponse, now: EpochMs): string[] | undefined {
  const { part, fields } = stored;
  if (part === undefined || part.first !== 0) return undefined;
  const validator = strongValidator(fields, now);
  return validator === undefined ? undefined : ["Range", `bytes=${part.last + 1}-`, "If-Range", validator];
}

/** Is this 206 exactly what the stored part lacks, of the same representation (RFC 9111 §3.4)? */
export function completes(stored: StoredResponse, response: FieldLines, now: EpochMs): boolean {
  const rest = partOf(response);
  const { part } = stored;
  return (
    part !== undefined &&
    rest !== undefined &&
    rest.first === part.last + 1 &&
    rest.last === part.length - 1 &&
    rest.length === part.length &&
    shareStrongValidator(stored.fields, response, now)
  );
}
