import { type FieldLines, fieldLineValues, isNamed } from "./fields.ts";
import type { EpochMs } from "./stored-response.ts";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const IMF_FIXDATE =
  /^(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const RFC850 =
  /^(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const ASCTIME =
  /^(?:Sun|Mon|Tue|Wed|Thu|Fri|Sat) ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;

/**
 * The instant an HTTP-date names, in any of its three forms (RFC 9110 §5.6.7), or undefined
 * when it is none of them. Case does not count (RFC 9111 §4.2). `now` tells which century a
 * two-digit year means: one that looks more than 50 years ahead is in the past.
 */
export function parseHttpDate(text: string, now: EpochMs): EpochMs | undefined {
  let match = IMF_FIXDATE.exec(text);
  if (match) return instant(match[3], match[2], match[1], match[4], match[5], match[6]);
  match = ASCTIME.exec(text);
  if (match) return instant(match[6], match[1], match[2], match[3], match[4], match[5]);
  match = RFC850.exec(text);
  if (!match) return undefined;
  const thisYear = new Date(now).getUTCFullYear();
  let year = Math.floor(thisYear / 100) * 100 + Number(match[3]);
  if (year > thisYear + 50) year -= 100;
  return instant(String(year), match[2], match[1], match[4], match[5], match[6]);
}

/** The instant that the parts of a date name, or undefined when there is no such day or time. */
function instant(year = "", name = "", day = "", hour = "", minute = "", second = ""): EpochMs | undefined {
  const month = MONTHS.indexOf(name.toLowerCase());
  const at = new Date(0);
  at.setUTCFullYear(Number(year), month, Number(day));
  // A leap second is legal grammar (RFC 9110 §5.6.7): it counts as the second before.
  at.setUTCHours(Number(hour), Number(minute), Math.min(Number(second), 59), 0);
  const valid =
    at.getUTCMonth() === month &&
    at.getUTCDate() === Number(day) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) <= 60;
  return valid ? at.getTime() : undefined;
}

/** The date in the first line with this name; undefined where there is none, or none that is a date. `name` is lower-case. */
export const fieldDate = (lines: FieldLines, name: string, now: EpochMs): EpochMs | undefined =>
  parseHttpDate(fieldLineValues(lines, name)[0] ?? "", now);

/** IMF-fixdate, the only form that is generated (RFC 9110 §5.6.7). */
export const formatHttpDate = (instant: EpochMs): string => new Date(instant).toUTCString();

/**
 * The lines with exactly one Date: a recipient with a clock adds the one that the origin left out
 * (RFC 9110 §6.6.1); where there are several the first counts, as it does for the age.
 */
export function withOneDate(lines: FieldLines, now: EpochMs): FieldLines {
  let first = -1;
  let count = 0;
  for (let i = 0; i < lines.length; i += 2) {
    if (!isNamed(lines[i] as string, "date")) continue;
    if (count++ === 0) first = i;
  }
  if (count === 1) return lines;
  if (count === 0) return [...lines, "Date", formatHttpDate(now)];
  return lines.filter((_, i) => {
    const at = i - (i % 2);
    return at === first || !isNamed(lines[at] as string, "date");
  });
}
