import { row } from "./reason-row.ts";

/** Why a response may be stored, and why not. */
export const STORING = {
  stored: row(
    "storing",
    "The origin's answer may be stored.",
    "RFC 9111 §3",
    "Nothing needs to: the next request is answered from the cache.",
  ),
  replaced: row(
    "storing",
    "What was stored was stale, and the origin's new response has replaced it.",
    "RFC 9111 §4.3.3",
    "A longer lifetime, or a validator, so that what has not changed is not sent again.",
  ),
  status: row(
    "not storing",
    "The status is none that is stored without a lifetime, or none that is stored at all.",
    "RFC 9111 §3",
    "Let the origin send max-age or s-maxage with it.",
  ),
  "no-store": row(
    "not storing",
    "The response says no-store.",
    "RFC 9111 §5.2.2.5",
    "Let the origin send max-age in place of no-store, or CDN-Cache-Control: max-age=… for this cache alone.",
  ),
  private: row(
    "not storing",
    "The response says private: it is for one user.",
    "RFC 9111 §5.2.2.7",
    "Let the origin send public or s-maxage where the answer is everybody's; frameworks send private by default.",
  ),
  authorization: row(
    "not storing",
    "The request has Authorization, and the response does not say that it is for others too.",
    "RFC 9111 §3.5",
    "Ask without Authorization, or let the origin send public or s-maxage.",
  ),
  cookie: row(
    "not storing",
    "The request has cookies, and the response is a document under the name of a style, script or picture.",
    "docs/security.md",
    "Let the origin answer 404 for paths that are not there, and private for what is one visitor's.",
  ),
  "unkeyed-field": row(
    "not storing",
    "The request has a field that may change the answer and is in no key.",
    "docs/security.md, UNKEYED_FIELDS_PASS",
    "Let the origin name the field in Vary, or the operator in CACHE_KEY_FIELDS or UNKEYED_FIELDS_PASS.",
  ),
  "vary-star": row(
    "not storing",
    "Vary names *, which no two requests share, or something that each client has for itself.",
    "RFC 9111 §4.1",
    "Let the origin name the request fields that it reads, and no more.",
  ),
  "set-cookie": row(
    "not storing",
    "The response sets a cookie, and a shared cookie is somebody else's session.",
    "RFC 9111 §7.3, CACHE_SET_COOKIE",
    "Let the origin set cookies only where they are needed; CACHE_SET_COOKIE=true stores what it calls public.",
  ),
  "event-stream": row(
    "not storing",
    "It is a stream of events, which has no end.",
    "text/event-stream",
    "Nothing: it is passed through.",
  ),
  "too-many-tags": row(
    "not storing",
    "It has more tags than can be kept, so that nobody could purge it by all of them.",
    "CACHE_TAG_FIELDS",
    "Let the origin send fewer tags.",
  ),
  "no-freshness": row(
    "not storing",
    "It has no lifetime, no window in which it may be stale and no validator: nothing could be done with it.",
    "RFC 9111 §4.2",
    "Let the origin send max-age, or an ETag; or set CACHE_DEFAULT_TTL.",
  ),
  "too-large": row(
    "not storing",
    "Its body is longer than what is stored.",
    "CACHE_MAX_OBJECT_BYTES",
    "Raise CACHE_MAX_OBJECT_BYTES; without Redis CACHE_MEMORY_BYTES bounds it too.",
  ),
  "flights-full": row(
    "not storing",
    "Too many bodies were arriving at once to keep this one.",
    "CACHE_FLIGHT_BYTES",
    "Raise CACHE_FLIGHT_BYTES.",
  ),
  partial: row(
    "not storing",
    "It is a part of a body that cannot be kept: not asked for, of no known whole, or not what was announced.",
    "RFC 9111 §3.3",
    "Let the origin answer 200 with the whole, or 206 with a strong ETag to a Range.",
  ),
  "close-delimited": row(
    "not storing",
    "Its body ends where the connection does: nobody can tell whether it is whole.",
    "RFC 9112 §8",
    "Let the origin send Content-Length or chunks.",
  ),
  "cut-off": row("not storing", "Its body broke off.", "RFC 9111 §3.3", "Mend the origin, or the way to it."),
  purged: row(
    "not storing",
    "A purge came while it was on its way: it may be older than what was purged.",
    "the purge log",
    "Nothing: the next answer is stored.",
  ),
  "range-request": row(
    "not storing",
    "The answer to a Range says nothing about the whole.",
    "RFC 9110 §15.5.17",
    "Ask for a range that there is.",
  ),
  "head-request": row(
    "not storing",
    "The answer to a HEAD has no body to store.",
    "RFC 9110 §9.3.2",
    "Ask with GET once; then HEAD is answered from the cache.",
  ),
  "store-failed": row(
    "not storing",
    "Redis did not answer, or took no more.",
    "CACHE_ON_STORE_FAILURE",
    "Mend Redis; freshline stats tells its state.",
  ),
};

/** Why what was stored is there no more, or stale before its time. */
export const ENDING = {
  "purge-deleted": row(
    "purging",
    "A purge has deleted what was stored.",
    "the purge log",
    "Nothing: the next answer is stored.",
  ),
  "purge-invalidated": row(
    "purging",
    "A purge has made stale what is stored.",
    "the purge log",
    "Nothing: the next request has it validated.",
  ),
  evicted: row(
    "evicting",
    "It was stored, and others have pushed it out.",
    "CACHE_MEMORY_BYTES",
    "Raise CACHE_MEMORY_BYTES, or set REDIS_URL.",
  ),
  expired: row(
    "evicting",
    "It was stored, and its last window is over.",
    "RFC 9111 §4.2, CACHE_KEEP",
    "A longer lifetime; with a validator it is kept for CACHE_KEEP.",
  ),
};
