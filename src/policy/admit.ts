import type { ResponseDirectives } from "./cache-control.ts";
import {
  endToEnd,
  type FieldLines,
  fieldLineValues,
  hasField,
  isToken,
  listedNames,
  mediaType,
  REWRITTEN_RESPONSE_FIELDS,
  withoutFields,
} from "./fields.ts";
import {
  correctedInitialAge,
  type ExchangeTimes,
  freshnessLifetime,
  HEURISTICALLY_CACHEABLE,
  hasExplicitFreshness,
} from "./freshness.ts";
import { withOneDate } from "./http-date.ts";
import { sameOriginUri } from "./invalidate.ts";
import { selectingFields } from "./key.ts";
import { type NotStoredReason, withValidCacheStatus } from "./outcome.ts";
import {
  type Epoch,
  type EpochMs,
  hasValidator,
  type Seconds,
  type StoredResponse,
  validatorsOf,
} from "./stored-response.ts";
import { responseTags } from "./tags.ts";
import { type Instructions, instructionsOf } from "./targeted.ts";
import { isForAll, type UnkeyedFields } from "./unkeyed-fields.ts";

/** What an operator decides about storing; settled into the stored response, never consulted again. */
export interface AdmissionSettings {
  /** For successes whose origin states no lifetime; 0 = none. */
  readonly defaultTtl: Seconds;
  readonly defaultStaleWhileRevalidate: Seconds;
  readonly defaultStaleIfError: Seconds;
  /** How long a response with a validator is kept after its stale windows. */
  readonly keepForValidation: Seconds;
  /** No entry is kept longer than this. */
  readonly maxTtl: Seconds;
  readonly maxObjectBytes: number;
  /** Store answers with Set-Cookie; under `safe` only those that the origin explicitly made shareable. */
  readonly allowSetCookie: boolean;
  /** `rfc`: what RFC 9111 says throughout, also where we are more careful or more lenient otherwise. */
  readonly profile: "safe" | "rfc";
  /** Where tags are read, in lower case (CACHE_TAG_FIELDS). */
  readonly tagFields: readonly string[];
  /** What becomes of request fields that are in no key. */
  readonly unkeyed: UnkeyedFields;
}

/** A stored response before its body has arrived. */
export type StoredHead = Omit<StoredResponse, "bodyLength">;

export type Admission =
  | { readonly type: "store"; readonly head: StoredHead }
  | { readonly type: "discard"; readonly reason: NotStoredReason };

export interface AdmissionRequest {
  readonly method: string;
  readonly uri: string;
  readonly fields: FieldLines;
  /** Its answer was 304: the body is what has been stored already. */
  readonly validates?: true;
}

export interface AdmissionResponse {
  readonly status: number;
  readonly statusMessage: string;
  readonly fields: FieldLines;
}

/** What this hop tells an origin of each client, so that an answer that varies by it is for that one alone. */
const PER_CLIENT: ReadonlySet<string> = new Set(["x-forwarded-for", "x-request-id"]);

/**
 * Statuses that speak of one request, of its credentials, conditions, content or length, and not of its
 * target (RFC 9110 §15.5, RFC 6585 §3 to §6, RFC 8470 §5.2), whatever lifetime they state.
 */
const ABOUT_THE_REQUEST: ReadonlySet<number> = new Set([
  401, 407, 408, 411, 412, 413, 415, 416, 417, 421, 425, 426, 428, 429, 431, 511,
]);

/** Final statuses whose meaning for caching is implemented here, for must-understand (§5.2.2.3). */
const understood = (status: number): boolean =>
  HEURISTICALLY_CACHEABLE.has(status) || status === 302 || status === 307;

/**
 * May this response be stored, and with which windows (RFC 9111 §3)?
 *
 * Pure. The operator's defaults are settled here, so that reuse needs none.
 */
export function admit(
  request: AdmissionRequest,
  response: AdmissionResponse,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): Admission {
  const instructions = instructionsOf(response.fields, times.responseTime);
  const reason = whyNot(request, response, instructions, settings);
  if (reason !== undefined) return { type: "discard", reason };

  const head = settle(request, response, instructions, times, epoch, settings);
  // Nobody could purge it by what it names.
  if (head === undefined) return { type: "discard", reason: "too-many-tags" };
  // Nothing could ever be done with it: not fresh, not stale, not validated.
  const usable = head.freshnessLifetime - head.initialAge + head.keep;
  if (usable <= 0 || (head.noCache && !hasValidator(head)))
    return { type: "discard", reason: "no-freshness" };
  return { type: "store", head };
}

/** The conditions of §3, in its order; undefined when all are met. */
function whyNot(
  request: AdmissionRequest,
  response: AdmissionResponse,
  instructions: Instructions,
  settings: AdmissionSettings,
): NotStoredReason | undefined {
  const { status, fields } = response;
  const { directives } = instructions;
  // "the request method is understood by the cache"
  if (request.method === "HEAD") return "head-request";
  if (request.method !== "GET" && !isRepresentation(request, response, instructions)) return "method";
  // "the response status code is final" and understood where it has to be (§3.3)
  if (status === 206) return "partial";
  if (status < 200 || status === 304) return "status";
  if (ABOUT_THE_REQUEST.has(status)) return status === 416 ? "range-request" : "status";
  // "the no-store cache directive is not present", unless must-understand overrides it (§5.2.2.3)
  if (directives.mustUnderstand ? !understood(status) : directives.noStore) {
    return directives.mustUnderstand ? "status" : "no-store";
  }
  // "if the cache is shared: the private response directive is either not present or allows it"
  if (directives.private) return "private";
  // "if the cache is shared: Authorization is not present in the request or explicitly allowed" (§3.5)
  const shareable = directives.public || directives.sMaxage !== undefined;
  if (hasField(request.fields, "authorization") && !shareable && !directives.mustRevalidate)
    return "authorization";
  // Vary: * never matches (§4.1), so that it is never worth keeping; what is no name might be anything.
  if (listedNames(fields, "vary").some((name) => name === "*" || !isToken(name) || PER_CLIENT.has(name)))
    return "vary-star";
  // We deviate: RFC 9111 §7.3 leaves it to origins; a shared cookie is a leaked session.
  const takesCookies = settings.allowSetCookie && (shareable || settings.profile === "rfc");
  if (hasField(fields, "set-cookie") && !takesCookies) return "set-cookie";
  if (mediaType(fields) === "text/event-stream") return "event-stream";
  const explicit = hasExplicitFreshness(instructions, fields);
  if (request.validates !== true && settings.profile === "safe") {
    // Who sets a lifetime for all that states none has said that it is for all.
    const shareable = isForAll(instructions) || (!explicit && settings.defaultTtl > 0);
    const alone = settings.unkeyed.whyAlone(request, { uri: request.uri, fields, shareable });
    if (alone !== undefined) return alone;
  }
  // "the response contains at least one of": public, a lifetime, or a status that is heuristically cacheable
  if (!shareable && !explicit && !HEURISTICALLY_CACHEABLE.has(status)) return "status";
  const length = Number(fieldLineValues(fields, "content-length")[0] ?? 0);
  if (length > settings.maxObjectBytes) return "too-large";
  return undefined;
}

/**
 * The answer to a POST may stand for a GET of its target when the origin says that it is the
 * target's representation, and for how long (RFC 9110 §9.3.3).
 */
const isRepresentation = (
  { method, uri }: AdmissionRequest,
  { status, fields }: AdmissionResponse,
  instructions: Instructions,
): boolean =>
  method === "POST" &&
  status === 200 &&
  hasExplicitFreshness(instructions, fields) &&
  fieldLineValues(fields, "content-location").some((reference) => sameOriginUri(reference, uri) === uri);

/**
 * The record of a response that may be stored: its freshness (§4.2) and what may be done with it when
 * stale (§4.2.4); undefined where it has more tags than can be kept.
 */
function settle(
  request: AdmissionRequest,
  response: AdmissionResponse,
  instructions: Instructions,
  times: ExchangeTimes,
  epoch: Epoch,
  settings: AdmissionSettings,
): StoredHead | undefined {
  const { directives } = instructions;
  const { status, statusMessage } = response;
  const fields = storedFields(response.fields, directives, times.responseTime);
  const tags = responseTags(fields, request.uri, settings.tagFields);
  if (tags === undefined) return undefined;
  const validators = validatorsOf(fields);
  const initialAge = correctedInitialAge(response.fields, times);
  const lifetime = Math.min(
    freshnessLifetime({ status, fields, instructions }, times, settings.defaultTtl),
    settings.maxTtl,
  );
  const windows = staleWindows(directives, settings);
  const validation = hasValidator(validators) ? settings.keepForValidation : 0;
  const lastWindow = Math.max(windows.staleWhileRevalidate, windows.staleIfError) + validation;
  return {
    uri: request.uri,
    // As the origin saw them: what Connection names was not passed on, so that it selected nothing.
    selectingFields: selectingFields(
      response.fields,
      endToEnd(request.fields),
      settings.unkeyed.selecting(response.fields),
    ),
    status,
    statusMessage,
    fields,
    ...validators,
    responseTime: times.responseTime,
    initialAge,
    freshnessLifetime: lifetime,
    ...windows,
    keep: Math.max(0, Math.min(lastWindow, settings.maxTtl - lifetime)),
    mustRevalidate:
      directives.mustRevalidate || directives.proxyRevalidate || directives.sMaxage !== undefined,
    noCache: directives.noCache,
    tags,
    epoch,
  };
}

/**
 * The stale windows (RFC 5861 §3, §4). must-revalidate, proxy-revalidate and no-cache close
 * them. We deviate from RFC 9111 §5.2.2.10 in that s-maxage closes only the operator's
 * defaults: a response that names both s-maxage and a window means both. Under the profile
 * `rfc` it closes all.
 */
function staleWindows(
  directives: ResponseDirectives,
  settings: AdmissionSettings,
): Pick<StoredResponse, "staleWhileRevalidate" | "staleIfError"> {
  if (directives.mustRevalidate || directives.proxyRevalidate || directives.noCache) {
    return { staleWhileRevalidate: 0, staleIfError: 0 };
  }
  const open = directives.sMaxage === undefined;
  if (!open && settings.profile === "rfc") return { staleWhileRevalidate: 0, staleIfError: 0 };
  return {
    staleWhileRevalidate:
      directives.staleWhileRevalidate ?? (open ? settings.defaultStaleWhileRevalidate : 0),
    staleIfError: directives.staleIfError ?? (open ? settings.defaultStaleIfError : 0),
  };
}

const NOT_KEPT: ReadonlySet<string> = new Set(["age", "content-length", ...REWRITTEN_RESPONSE_FIELDS]);

/**
 * What is kept of the field lines (§3.1): end-to-end, not withheld, and not this hop's own to write.
 * What decides the lifetime is kept, so that a 304 that does not repeat it leaves it as it was (§3.2);
 * so is Vary, even where Connection or `private` names it: what selected goes on selecting (§4.1).
 */
function storedFields(lines: FieldLines, directives: ResponseDirectives, responseTime: EpochMs): FieldLines {
  const { withheldFields } = directives;
  const notKept = withheldFields.length === 0 ? NOT_KEPT : new Set([...NOT_KEPT, ...withheldFields]);
  const kept = withoutFields(withValidCacheStatus(endToEnd(lines)), notKept);
  if (!hasField(kept, "vary")) {
    for (const names of fieldLineValues(lines, "vary")) kept.push("Vary", names);
  }
  return withOneDate(kept, responseTime);
}
