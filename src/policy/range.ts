import { stronglyEqual } from "./entity-tag.ts";
import { type FieldLines, fieldLineValues, fieldValue } from "./fields.ts";
import { parseHttpDate } from "./http-date.ts";
import type { EpochMs } from "./stored-response.ts";

/** What a Range header asks of a complete representation (RFC 9110 §14.2). */
export type RangeVerdict =
  /** No Range, one that is ignored (malformed, another unit, several ranges), or a failed If-Range: the whole. */
  | { readonly type: "whole" }
  /** One part; `last` is inclusive, in bytes. */
  | { readonly type: "part"; readonly first: number; readonly last: number }
  /** 416. */
  | { readonly type: "unsatisfiable" };

const WHOLE: RangeVerdict = { type: "whole" };

export function rangeOf(
  request: { readonly method: string; readonly fields: FieldLines },
  response: { readonly status: number; readonly fields: FieldLines },
  length: number,
  now: EpochMs,
): RangeVerdict {
  const range = fieldValue(request.fields, "range");
  // Range is defined for GET only, and for what would be a 200 (§14.2).
  if (range === undefined || request.method !== "GET" || response.status !== 200) return WHOLE;
  if (!ifRangeHolds(request.fields, response.fields, now)) return WHOLE;
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range);
  if (!match) return WHOLE;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return WHOLE;
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0) return { type: "unsatisfiable" };
    // Satisfiable (§14.1.2), but no Content-Range can name a part of nothing.
    if (length === 0) return WHOLE;
    return { type: "part", first: Math.max(0, length - suffix), last: length - 1 };
  }
  if (last !== "" && Number(last) < Number(first)) return WHOLE;
  if (Number(first) >= length) return { type: "unsatisfiable" };
  return {
    type: "part",
    first: Number(first),
    last: last === "" ? length - 1 : Math.min(Number(last), length - 1),
  };
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
  const modified = parseHttpDate(fieldLineValues(response, "last-modified")[0] ?? "", now);
  const sent = parseHttpDate(fieldLineValues(response, "date")[0] ?? "", now);
  if (date === undefined || modified === undefined || sent === undefined) return false;
  return date === modified && sent - modified >= 1000;
}
