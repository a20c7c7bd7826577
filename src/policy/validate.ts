import { type Admission, type AdmissionRequest, type AdmissionSettings, admit } from "./admit.ts";
import { entityTags, weaklyEqual } from "./entity-tag.ts";
import {
  endToEnd,
  type FieldLines,
  fieldLineValues,
  fieldValue,
  hasField,
  OWN_RESPONSE_FIELDS,
  withoutFields,
} from "./fields.ts";
import type { ExchangeTimes } from "./freshness.ts";
import { fieldDate, formatHttpDate, parseHttpDate } from "./http-date.ts";
import { asPart, hasStrongDate } from "./partial.ts";
import { type Epoch, type EpochMs, type StoredResponse, validatorsOf } from "./stored-response.ts";

/** The lines that turn a request into a validation of a stored response (RFC 9111 §4.3.1). */
export function validationFields(stored: StoredResponse): string[] {
  const lines: string[] = [];
  if (stored.etag !== undefined) lines.push("If-None-Match", stored.etag);
  if (stored.lastModified !== undefined) lines.push("If-Modified-Since", stored.lastModified);
  return lines;
}

/**
 * Is this 304 about the stored response whose validators were sent (§4.3.4)? Where it is not, it must
 * update nothing.
 *
 * An entity tag decides where both have one: a strong one names this response or none, a weak one is
 * compared weakly. Where only one of them has a tag the modification date has to be the same, and a
 * strong one (RFC 9110 §8.8.2.2) where the 304's tag is strong. A 304 without validators answers a
 * request that named one stored response: it is about that (docs/decisions/0014).
 */
export function identifies(notModified: FieldLines, stored: StoredResponse, now: EpochMs): boolean {
  const { etag, lastModified } = validatorsOf(notModified);
  const isStrong = etag !== undefined && !etag.startsWith("W/");
  if (etag !== undefined && stored.etag !== undefined)
    return isStrong ? etag === stored.etag : weaklyEqual(etag, stored.etag);
  if (lastModified === undefined) return etag === undefined;
  return lastModified === stored.lastModified && (!isStrong || hasStrongDate(stored.fields, now));
}

const SET_COOKIE: ReadonlySet<string> = new Set(["set-cookie"]);

/**
 * What a 304 makes of the response it validated (§4.3.4): its fields replace the stored
 * ones, and the result is admitted anew, so that windows and permissions are those of now.
 *
 * We deviate from §3.2: a 304's Set-Cookie is for the client whose request it answers, and
 * replaces a stored one under the profile `rfc` alone.
 */
export function freshen(
  stored: StoredResponse,
  request: AdmissionRequest,
  notModified: FieldLines,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): Admission {
  const takesCookies = settings.profile === "rfc" && settings.allowSetCookie;
  const update = takesCookies ? notModified : withoutFields(notModified, SET_COOKIE);
  const fields = updatedFields(stored.fields, datedFields(update, times.responseTime));
  const { status, statusMessage, part } = stored;
  const admission = admit(
    { method: request.method, uri: request.uri, fields: request.fields, validates: true },
    { status: part === undefined ? status : 200, statusMessage, fields },
    times,
    epoch,
    settings,
  );
  if (admission.type === "discard") return admission;
  // A 304 that names fewer fields does not make the stored response everybody's (§4.1).
  const selectingFields = { ...stored.selectingFields, ...admission.head.selectingFields };
  const kept: Admission = { type: "store", head: { ...admission.head, selectingFields } };
  return part === undefined ? kept : asPart(kept, part, statusMessage);
}

/**
 * The lines for the one whose request the 304 answers: the stored ones as it leaves them (§3.2), with
 * what it says that is not kept for others.
 */
export const validatedFields = (stored: FieldLines, notModified: FieldLines, now: EpochMs): string[] =>
  withoutFields(updatedFields(stored, datedFields(notModified, now)), NOT_ANSWERED);

const NOT_ANSWERED: ReadonlySet<string> = new Set(["age", ...OWN_RESPONSE_FIELDS]);

/** A 304's lines with a Date (RFC 9110 §6.6.1): the stored one is another message's, and the response would be as old as before. */
export const datedFields = (update: FieldLines, responseTime: EpochMs): FieldLines =>
  hasField(update, "date") ? update : [...update, "Date", formatHttpDate(responseTime)];

/** Fields that never change in a stored response (§3.2): those that describe the stored bytes themselves. */
const NOT_UPDATED: ReadonlySet<string> = new Set(["content-length", "content-encoding", "content-range"]);

/** The stored lines, with each field that the update brings replaced as a whole (§3.2). */
export function updatedFields(stored: FieldLines, update: FieldLines): string[] {
  const replacing = withoutFields(endToEnd(update), NOT_UPDATED);
  const names = new Set<string>();
  for (let i = 0; i < replacing.length; i += 2) names.add((replacing[i] as string).toLowerCase());
  return [...withoutFields(stored, names), ...replacing];
}

/**
 * Does the client already have this response, so that 304 answers it (RFC 9110 §13.2.2)?
 * If-None-Match decides alone where it is present; without a Last-Modified the Date counts where the
 * response is `stored` (RFC 9111 §4.3.2), and nothing where it has just arrived.
 */
export function notModified(
  request: FieldLines,
  response: { status: number; fields: FieldLines },
  now: EpochMs,
  from: "stored" | "origin",
): boolean {
  // A 206 is what a 200 would have been (§14.2), and the condition comes before the range (§13.2.2).
  if (response.status !== 200 && response.status !== 206) return false;
  const noneMatch = fieldValue(request, "if-none-match");
  const etag = fieldLineValues(response.fields, "etag")[0];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === "*") return true;
    return etag !== undefined && entityTags(noneMatch).some((tag) => weaklyEqual(tag, etag));
  }
  const since = parseHttpDate(fieldValue(request, "if-modified-since") ?? "", now);
  const name = from === "origin" || hasField(response.fields, "last-modified") ? "last-modified" : "date";
  const modified = fieldDate(response.fields, name, now);
  return since !== undefined && modified !== undefined && modified <= since;
}

/**
 * Is a HEAD's answer about the stored GET response (RFC 9111 §4.3.5)? Then its fields update that;
 * else what is stored is out of date.
 */
export function headConcerns(stored: StoredResponse, head: FieldLines): boolean {
  const agrees = (name: string, value: string | undefined): boolean => {
    const given = fieldLineValues(head, name)[0];
    return given === undefined || given === value;
  };
  const length = stored.part?.length ?? stored.bodyLength;
  return (
    agrees("etag", stored.etag) &&
    agrees("last-modified", stored.lastModified) &&
    agrees("content-length", String(length))
  );
}

/** Is the request conditional on what the client has (RFC 9110 §13.1)? */
export const isConditional = (request: FieldLines): boolean =>
  hasField(request, "if-none-match") || hasField(request, "if-modified-since");

const REPRESENTATION_METADATA: ReadonlySet<string> = new Set([
  "content-length",
  "content-type",
  "content-encoding",
  "content-language",
  "content-range",
]);

/** The fields a 304 carries (RFC 9110 §15.4.5): those that guide caches, no representation metadata beyond them. */
export const notModifiedFields = (fields: FieldLines): string[] =>
  withoutFields(fields, REPRESENTATION_METADATA);
