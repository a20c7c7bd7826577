import { type FieldLines, fieldValue, hasField, withoutFields } from "./fields.ts";
import { fieldDate } from "./http-date.ts";
import { type EpochMs, type Seconds, type StoredResponse, secondsBetween } from "./stored-response.ts";
import type { Instructions } from "./targeted.ts";

/** The clock readings around one exchange with an origin (RFC 9111 §4.2.3). */
export interface ExchangeTimes {
  readonly requestTime: EpochMs;
  readonly responseTime: EpochMs;
}

/** Heuristic freshness: this fraction of the time since Last-Modified, at most so long (§4.2.2). */
const HEURISTIC_FRACTION = 0.1;
const HEURISTIC_CAP: Seconds = 24 * 60 * 60;

/** Statuses that may be given a lifetime nobody stated (RFC 9110 §15.1). */
export const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/** Did the origin state a lifetime (§4.2.1)? An invalid one is stated too: it says "stale". */
export const hasExplicitFreshness = (
  { directives, expiresCounts }: Instructions,
  fields: FieldLines,
): boolean =>
  directives.sMaxage !== undefined ||
  directives.maxAge !== undefined ||
  (expiresCounts && hasField(fields, "expires"));

/**
 * freshness_lifetime (§4.2.1): s-maxage, else max-age, else Expires − Date; where none is
 * stated the operator's default for successes, else the heuristic of §4.2.2, else 0.
 */
export function freshnessLifetime(
  response: { readonly status: number; readonly fields: FieldLines; readonly instructions: Instructions },
  { responseTime }: ExchangeTimes,
  defaultTtl: Seconds,
): Seconds {
  const { status, fields } = response;
  const { directives, expiresCounts } = response.instructions;
  if (directives.sMaxage !== undefined) return directives.sMaxage;
  if (directives.maxAge !== undefined) return directives.maxAge;
  const date = dateOf(fields, responseTime) ?? responseTime;
  if (expiresCounts && hasField(fields, "expires")) {
    const at = fieldDate(fields, "expires", responseTime);
    return at === undefined ? 0 : Math.max(0, secondsBetween(date, at));
  }
  // "explicitly marked as cacheable" counts like a status that is (§4.2.2).
  if (!HEURISTICALLY_CACHEABLE.has(status) && !directives.public) return 0;
  if (defaultTtl > 0 && status < 400) return defaultTtl;
  return heuristicLifetime(fields, responseTime);
}

/** What the time since Last-Modified makes likely (§4.2.2); 0 where there is none. */
export function heuristicLifetime(fields: FieldLines, responseTime: EpochMs): Seconds {
  const lastModified = fieldDate(fields, "last-modified", responseTime);
  if (lastModified === undefined) return 0;
  const date = dateOf(fields, responseTime) ?? responseTime;
  return Math.min(Math.max(0, secondsBetween(lastModified, date)) * HEURISTIC_FRACTION, HEURISTIC_CAP);
}

/** date_value (§4.2.3): undefined where there is no Date, or none that is a date. */
const dateOf = (fields: FieldLines, now: EpochMs): EpochMs | undefined => fieldDate(fields, "date", now);

/** corrected_initial_age (§4.2.3). */
export function correctedInitialAge(
  fields: FieldLines,
  { requestTime, responseTime }: ExchangeTimes,
): Seconds {
  const date = dateOf(fields, responseTime);
  // Date names a whole second that lasts until the next one; only what exceeds it is apparent age.
  const apparentAge = date === undefined ? 0 : Math.max(0, secondsBetween(date, responseTime) - 1);
  const responseDelay = Math.max(0, secondsBetween(requestTime, responseTime));
  return Math.max(apparentAge, ageOf(fields) + responseDelay);
}

const AGE: ReadonlySet<string> = new Set(["age"]);

/**
 * The lines with an Age that can be sent on: of several members the first, and none that is no number
 * (§5.1). What is right already stays as it is.
 */
export function withOneAge(lines: FieldLines): FieldLines {
  const value = fieldValue(lines, "age");
  if (value === undefined || isDelta(value)) return lines;
  const rest = withoutFields(lines, AGE);
  const first = value.split(",", 1)[0]?.trim() ?? "";
  return isDelta(first) ? [...rest, "Age", first] : rest;
}

const isDelta = (text: string): boolean => /^\d+$/.test(text);

/** age_value: the first member of Age, 0 when absent or malformed (§5.1). */
function ageOf(fields: FieldLines): Seconds {
  const first = fieldValue(fields, "age")?.split(",", 1)[0]?.trim();
  return first !== undefined && isDelta(first) ? Math.min(Number(first), 2 ** 31) : 0;
}

/** current_age (§4.2.3). A clock that was set back does not make a response younger than it came. */
export const currentAge = (
  stored: Pick<StoredResponse, "initialAge" | "responseTime">,
  now: EpochMs,
): Seconds => stored.initialAge + Math.max(0, secondsBetween(stored.responseTime, now));

/** Clocks of instances may differ by so much. */
const CLOCK_SKEW: Seconds = 10;

/** Did it come later than it is now? Then a clock was set back, and its age cannot be told: it is not fresh. */
export const isAhead = ({ responseTime }: Pick<StoredResponse, "responseTime">, now: EpochMs): boolean =>
  secondsBetween(now, responseTime) > CLOCK_SKEW;

/** Is it fresh (§4.2)? Whether it may be reused is `decide`'s to say. */
export const isFresh = (
  stored: Pick<StoredResponse, "initialAge" | "responseTime" | "freshnessLifetime">,
  now: EpochMs,
): boolean => currentAge(stored, now) < stored.freshnessLifetime && !isAhead(stored, now);

/** The same response as if its freshness had ended by that instant: its stale windows begin there (§4.2.4). */
export const staleFrom = (stored: StoredResponse, instant: EpochMs): StoredResponse => ({
  ...stored,
  freshnessLifetime: Math.min(stored.freshnessLifetime, currentAge(stored, instant)),
});

/** The same response, to be validated before every reuse (§5.2.2.4), also where the origin fails. */
export const onlyValidated = (stored: StoredResponse): StoredResponse => ({ ...stored, noCache: true });

/** The end of the last window (§4.2.4, §4.3): from then on nothing may be done with it, and it is gone. */
export const keepUntil = (stored: StoredResponse): EpochMs =>
  stored.responseTime + Math.max(0, stored.freshnessLifetime - stored.initialAge + stored.keep) * 1000;
