import {
  type Admission,
  type AdmissionRequest,
  type AdmissionResponse,
  type AdmissionSettings,
  admit,
  type StoredHead,
} from "./admit.ts";
import type { FieldLines } from "./fields.ts";
import { type ExchangeTimes, isFresh } from "./freshness.ts";
import { completes, shareStrongValidator, sizeOf } from "./partial.ts";
import { type Epoch, type EpochMs, type Part, type StoredResponse, validatorsOf } from "./stored-response.ts";
import { joinedTags } from "./tags.ts";
import { datedFields, updatedFields } from "./validate.ts";

/** Writing so many bytes again costs too little to ask what it brings. */
const SMALL_BYTES = 256 * 1024;

/** What becomes of a stored response when a part of the same resource arrives. */
export type Combination =
  /** It stays, and the part is not stored. */
  | { readonly type: "stays" }
  /** The part replaces it. */
  | { readonly type: "replaced" }
  /** Both are one: these bytes of the representation. */
  | { readonly type: "combined"; readonly head: StoredHead; readonly union: Part };

/**
 * What becomes of `older`, which is stored and not purged, when the part `newer` arrives
 * (RFC 9111 §3.4)?
 *
 * Parts that overlap or touch are combined when they share a strong validator. A complete
 * response stays while it is usable: fresh, or still what the origin has. So does a part of which
 * another would add little to much: each of many small ones would have all of it written again. `maxBytes`
 * bounds what combining may make.
 */
export function combine(
  older: StoredResponse,
  newer: StoredHead,
  now: EpochMs,
  maxBytes: number,
): Combination {
  if (newer.part === undefined) return { type: "replaced" };
  const same = shareStrongValidator(older.fields, newer.fields, now);
  if (older.part === undefined) {
    return { type: isFresh(older, now) || same ? "stays" : "replaced" };
  }
  const union = unionOf(older.part, newer.part);
  if (!same || union === undefined || sizeOf(union) > maxBytes) return { type: "replaced" };
  // Nothing of the older one is missing in the newer.
  if (sizeOf(union) === sizeOf(newer.part)) return { type: "replaced" };
  const renewed = !isFresh(older, now) && isFresh(newer, now);
  if (!renewed && addsLittle(older.part, union)) return { type: "stays" };
  // Either part's bytes are purged by what that part was known by.
  const tags = joinedTags(newer.tags, older.tags);
  if (tags === undefined) return { type: "replaced" };
  return { type: "combined", head: { ...combinedHead(older, newer, union), tags }, union };
}

/** Less than a sixteenth, which does not make it whole. */
function addsLittle(older: Part, union: Part): boolean {
  const [size, added] = [sizeOf(union), sizeOf(union) - sizeOf(older)];
  return size > SMALL_BYTES && size < union.length && added < SMALL_BYTES && added * 16 < size;
}

/** Both parts as one, or undefined when there is a gap between them or they are not of one representation. */
function unionOf(a: Part, b: Part): Part | undefined {
  if (a.length !== b.length) return undefined;
  if (a.first > b.last + 1 || b.first > a.last + 1) return undefined;
  return { first: Math.min(a.first, b.first), last: Math.max(a.last, b.last), length: a.length };
}

/** The newer response's fields replace the older one's, and its lifetime counts (RFC 9110 §15.3.7.3). */
function combinedHead(older: StoredResponse, newer: StoredHead, union: Part): StoredHead {
  const { part: _, etag: _etag, lastModified: _lastModified, ...rest } = newer;
  const fields = updatedFields(older.fields, newer.fields);
  const complete = sizeOf(union) === union.length;
  return {
    ...rest,
    fields,
    ...validatorsOf(fields),
    ...(complete ? { status: 200, statusMessage: "OK" } : { part: union }),
  };
}

/**
 * The complete response that a stored part and the rest of it make, admitted anew, and its field
 * lines (RFC 9110 §15.3.7.3); undefined where the answer is not that rest.
 */
export function admitCompleted(
  stored: StoredResponse & { readonly part: Part },
  request: AdmissionRequest,
  rest: AdmissionResponse,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): { readonly admission: Admission; readonly fields: FieldLines } | undefined {
  if (rest.status !== 206) return undefined;
  const update = datedFields(rest.fields, times.responseTime);
  if (!completes(stored, update, times.responseTime)) return undefined;
  const length = ["Content-Length", String(stored.part.length)];
  const fields = [...updatedFields(stored.fields, update), ...length];
  const whole = { status: 200, statusMessage: "OK", fields };
  return { admission: admit(request, whole, times, epoch, settings), fields };
}
