import { stronglyEqual } from "./entity-tag.ts";
import { type FieldLines, fieldLineValues, fieldValue, trimOws } from "./fields.ts";
import { fieldDate, parseHttpDate } from "./http-date.ts";
import { hasStrongDate, sizeOf } from "./partial.ts";
import type { EpochMs, StoredResponse } from "./stored-response.ts";

/** Contiguous bytes of a representation; `last` is inclusive (RFC 9110 §14.1.2). */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What a Range header asks of a complete representation (RFC 9110 §14.2). */
export type RangeVerdict =
  /** No Range, one that is ignored (malformed, another unit, too much of it), or a failed If-Range: the whole. */
  | { readonly type: "whole" }
  /** One range. */
  | ({ readonly type: "part" } & ByteRange)
  /** Several, in the order in which they were asked for: multipart/byteranges (§15.3.7.2). */
  | { readonly type: "parts"; readonly parts: readonly ByteRange[] }
  /** 416. */
  | { readonly type: "unsatisfiable" };

export interface RangeRequest {
  readonly method: string;
  readonly fields: FieldLines;
}

/** Further ranges cost more than they can be worth: the whole is sent instead (§17.15). */
const MAX_RANGES = 16;
/** More ranges than this that overlap others are a broken client's, or an attacker's (§14.2). */
const MAX_OVERLAPPING = 2;

const WHOLE: RangeVerdict = { type: "whole" };

/** Which bytes of a representation of `length` bytes answer this request (RFC 9110 §14.2, §13.1.5)? */
export function rangeOf(
  request: RangeRequest,
  response: Pick<StoredResponse, "status" | "fields" | "part">,
  length: number,
  now: EpochMs,
): RangeVerdict {
  const range = fieldValue(request.fields, "range");
  // Range is defined for GET only, and for what would be a 200 (§14.2).
  if (range === undefined || request.method !== "GET") return WHOLE;
  if (response.status !== 200 && response.part === undefined) return WHOLE;
  if (!ifRangeHolds(request.fields, response.fields, now)) return WHOLE;
  const specs = rangeSpecs(range);
  if (specs === undefined || specs.length > MAX_RANGES) return WHOLE;
  const wanted: ByteRange[] = [];
  for (const spec of specs) {
    const bytes = within(spec, length);
    if (bytes === "all of nothing") return WHOLE;
    if (bytes !== undefined) wanted.push(bytes);
  }
  const [only, ...others] = wanted;
  if (only === undefined) return { type: "unsatisfiable" };
  if (others.length === 0) return { type: "part", ...only };
  return isExcessive(wanted, length) ? WHOLE : { type: "parts", parts: wanted };
}

/**
 * Can this stored response answer the request, as far as its bytes go (RFC 9111 §3.3)?
 *
 * A complete one can. A part can where all the ranges that are asked for lie in it, where none
 * can be satisfied, and where no bytes are wanted (HEAD); never a request without Range.
 */
export function hasBytesFor(
  request: RangeRequest,
  stored: Pick<StoredResponse, "status" | "fields" | "part">,
  now: EpochMs,
): boolean {
  const { part } = stored;
  if (part === undefined || request.method === "HEAD") return true;
  const verdict = rangeOf(request, stored, part.length, now);
  const holds = ({ first, last }: ByteRange) => part.first <= first && last <= part.last;
  switch (verdict.type) {
    case "whole":
      return false;
    case "part":
      return holds(verdict);
    case "parts":
      return verdict.parts.every(holds);
    case "unsatisfiable":
      return true;
  }
}

/** One range-spec: both, the first alone (to the end), or the last alone (so many from the end). */
interface RangeSpec {
  readonly first: string;
  readonly last: string;
}

/** The members of a byte range-set (§14.1.2), or undefined when the field is not one: then it is ignored (§14.2). */
function rangeSpecs(value: string): RangeSpec[] | undefined {
  const set = /^bytes=(.*)$/i.exec(trimOws(value))?.[1];
  if (set === undefined) return undefined;
  const specs: RangeSpec[] = [];
  for (const member of set.split(",").map(trimOws)) {
    // A recipient parses and ignores a reasonable number of empty members (§5.6.1.2).
    if (member === "") continue;
    const match = /^(\d*)-(\d*)$/.exec(member);
    const [, first = "", last = ""] = match ?? [];
    if (first === "" && last === "") return undefined;
    if (first !== "" && last !== "" && BigInt(last) < BigInt(first)) return undefined;
    specs.push({ first, last });
  }
  return specs.length === 0 ? undefined : specs;
}

/** The bytes that a spec selects, or undefined when it is unsatisfiable (§14.1.2). */
function within({ first, last }: RangeSpec, length: number): ByteRange | "all of nothing" | undefined {
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0) return undefined;
    // Satisfiable (§14.1.2), but no Content-Range can name a part of nothing.
    if (length === 0) return "all of nothing";
    return { first: Math.max(0, length - suffix), last: length - 1 };
  }
  if (Number(first) >= length) return undefined;
  return { first: Number(first), last: last === "" ? length - 1 : Math.min(Number(last), length - 1) };
}

/** Would several ranges cost more than the whole, or are they a sign of abuse (§14.2, §17.15)? */
function isExcessive(ranges: readonly ByteRange[], length: number): boolean {
  const bytes = ranges.reduce((sum, range) => sum + sizeOf(range), 0);
  const overlapping = ranges.filter((a) =>
    ranges.some((b) => a !== b && a.first <= b.last && b.first <= a.last),
  );
  return bytes > length || overlapping.length > MAX_OVERLAPPING;
}

/**
 * If-Range (§13.1.5): the same representation, by a strong entity tag or an exact date. The
 * date is strong when the response was sent at least a second after it (§8.8.2.2).
 */
function ifRangeHolds(request: FieldLines, response: FieldLines, now: EpochMs): boolean {
  const condition = fieldValue(request, "if-range");
  if (condition === undefined) return true;
  if (condition.startsWith('"') || condition.startsWith("W/")) {
    const etag = fieldLineValues(response, "etag")[0];
    return etag !== undefined && stronglyEqual(condition, etag);
  }
  const date = parseHttpDate(condition, now);
  const modified = fieldDate(response, "last-modified", now);
  return date !== undefined && date === modified && hasStrongDate(response, now);
}
