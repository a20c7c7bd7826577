import { type FieldLines, fieldValue, withoutFields } from "./fields.ts";
import type { Seconds } from "./stored-response.ts";
import { readList } from "./structured-fields.ts";

/** nginx's words for what a request met in the cache (X-Cache, the log, the metric label). */
export type CacheWord = "HIT" | "UPDATING" | "STALE" | "REVALIDATED" | "EXPIRED" | "MISS" | "BYPASS";

/** Why a response was not stored (RFC 9111 §3). */
export type NotStoredReason =
  | "method" // only GET responses are stored
  | "status" // neither understood nor heuristically cacheable (§3)
  | "no-store" // §5.2.2.5
  | "private" // §5.2.2.7
  | "authorization" // §3.5
  | "vary-star" // §4.1
  | "cookie" // ours: a document for somebody's cookies, under the name of a style, script or picture
  | "unkeyed-field" // ours: it may depend on a request field that no key has
  | "set-cookie" // ours: shared cookies are somebody else's session
  | "event-stream" // ours: an endless body
  | "too-many-tags" // ours: nobody could purge it by all that it names
  | "no-freshness" // no lifetime, no stale window and no validator: never usable
  | "too-large" // CACHE_MAX_OBJECT_BYTES
  | "flights-full" // CACHE_FLIGHT_BYTES
  | "partial" // 206 (§3.3)
  | "close-delimited" // ended by closing: nobody can tell whether it is whole
  | "cut-off" // the body did not end cleanly (§3.3)
  | "purged" // a purge came during the fetch
  | "range-request" // ours: the answer to a Range request is passed on
  | "head-request" // HEAD has no body to store
  | "store-failed"; // the store refused or did not answer

/** Why the cache stayed out of it altogether. */
export type BypassReason =
  | "method" // neither GET nor HEAD
  | "upgrade" // WebSocket and kin
  | "client-no-store" // request no-store, honoured by CACHE_CLIENT_DIRECTIVES
  | "precondition" // If-Match and If-Unmodified-Since are the origin's to judge (RFC 9110 §13.1)
  | "request-body"; // a GET with content: a hidden input that no key knows

/** Why a stale response was served. */
type StaleReason = "stale-while-revalidate" | "stale-if-error" | "client-max-stale" | "store-failed"; // CACHE_ON_STORE_FAILURE

/** Why there was no answer from cache or origin. */
export type RefusalReason =
  | "no_healthy_origin"
  | "origin_unreachable"
  | "origin_certificate"
  | "origin_error"
  | "origin_timeout"
  | "origin_overloaded"
  | "only_if_cached"
  | "too_many_connections"
  | "bad_request"
  | "purge_forbidden"
  | "store_unavailable"
  | "internal_error";

/** What a 503 of ours says in Retry-After: within that time what was away has mostly come back (RFC 9110 §10.2.3). */
export const RETRY_AFTER: Seconds = 1;

/** Every word that `detail`, the log's `reason` and the metric's label can carry. */
export type Reason = NotStoredReason | BypassReason | StaleReason | RefusalReason;

/** Why a request went forward, in RFC 9211 §2.2's words. */
export type Forwarded = "bypass" | "method" | "uri-miss" | "vary-miss" | "partial" | "request" | "stale";

/** What happened to one request, told once and shown everywhere (RFC 9211). */
export interface Outcome {
  readonly word: CacheWord;
  /** Where the body came from: that decides X-Cache-Status. */
  readonly body: "cache" | "origin" | "none";
  /** Absent where the request did not go forward: for a hit, and for a refusal of our own. */
  readonly fwd?: Forwarded;
  readonly fwdStatus?: number;
  /** Remaining freshness in whole seconds, negative when stale. */
  readonly ttl?: number;
  /** Current age in whole seconds of what was answered from the store, as Age says it. */
  readonly age?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly reason?: Reason;
}

/** Do they say the same? */
export const sameOutcome = (one: Outcome, other: Outcome): boolean =>
  one.word === other.word &&
  one.body === other.body &&
  one.fwd === other.fwd &&
  one.fwdStatus === other.fwdStatus &&
  one.ttl === other.ttl &&
  one.age === other.age &&
  one.stored === other.stored &&
  one.collapsed === other.collapsed &&
  one.reason === other.reason;

/** HIT when the body came from the cache, MISS when it came from an origin (ours; RFC 9211 §2.1 is finer). */
export const xCacheStatus = (outcome: Outcome): "HIT" | "MISS" => (outcome.body === "cache" ? "HIT" : "MISS");

/**
 * This cache's member of Cache-Status (RFC 9211 §2), to be appended to what caches
 * nearer to the origin have said. Every value is a valid structured-field item:
 * reasons are tokens by construction.
 */
export function cacheStatusMember(name: string, outcome: Outcome): string {
  let member = name;
  // Neither, where nothing was found and nobody asked: `hit` is for what the cache has answered (§2.1).
  if (outcome.fwd !== undefined) member += `; fwd=${outcome.fwd}`;
  else if (outcome.body === "cache") member += "; hit";
  if (outcome.fwdStatus !== undefined) member += `; fwd-status=${outcome.fwdStatus}`;
  if (outcome.ttl !== undefined) member += `; ttl=${outcome.ttl}`;
  if (outcome.stored === true) member += "; stored";
  if (outcome.collapsed === true) member += "; collapsed";
  // `fwd=method` says it already.
  if (outcome.reason !== undefined && outcome.reason !== outcome.fwd) member += `; detail=${outcome.reason}`;
  return member;
}

const CACHE_STATUS: ReadonlySet<string> = new Set(["cache-status"]);

/**
 * The lines without a Cache-Status that is no list: what cannot be parsed is ignored as a whole, and
 * our own member, appended to it, would be ignored with it (RFC 9211 §2, RFC 9651 §4.2).
 */
export function withValidCacheStatus(lines: FieldLines): FieldLines {
  const value = fieldValue(lines, "cache-status");
  if (value === undefined) return lines;
  try {
    readList(value);
    return lines;
  } catch {
    return withoutFields(lines, CACHE_STATUS);
  }
}
