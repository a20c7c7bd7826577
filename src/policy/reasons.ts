import type { Forwarded, Reason } from "./outcome.ts";

/** What kind of decision a code tells of. */
export type ReasonGroup =
  | "storing"
  | "not storing"
  | "serving"
  | "not serving"
  | "revalidating"
  | "bypassing"
  | "collapsing"
  | "purging"
  | "evicting"
  | "key parts ignored";

/** What no `detail` tells, since other parameters of Cache-Status do, or nobody's answer has it. */
type Untold =
  | "fresh"
  | "stored"
  | "replaced"
  | "validated"
  | "collapsed"
  | Exclude<Forwarded, "bypass" | "method" | "partial">
  | "incomplete"
  | "no-cache"
  | "refresh-validated"
  | "refresh-replaced"
  | "refresh-failed"
  | "refresh-dropped"
  | "purge-deleted"
  | "purge-invalidated"
  | "evicted"
  | "expired"
  | "ignored-parameter"
  | "ignored-search";

/** Every decision of the cache that can be told, by one word. */
export type ReasonCode = Reason | Untold;

export interface ReasonRow {
  readonly group: ReasonGroup;
  /** For people. */
  readonly sentence: string;
  /** The clause or the setting that decided. */
  readonly decidedBy: string;
  /** What would change it. */
  readonly change: string;
}

const row = (group: ReasonGroup, sentence: string, decidedBy: string, change: string): ReasonRow => ({
  group,
  sentence,
  decidedBy,
  change,
});

/** What each code says, in the order of a request's life. */
export const REASONS = {
  method: row(
    "bypassing",
    "Only GET and HEAD are answered from the cache.",
    "RFC 9110 §9.2.3",
    "Ask with GET; what reads alone should be a GET.",
  ),
  upgrade: row(
    "bypassing",
    "The connection speaks another protocol from here on, which no cache can keep.",
    "RFC 9110 §7.8",
    "Nothing: WebSocket and its kin are passed through.",
  ),
  "client-no-store": row(
    "bypassing",
    "The client's Cache-Control says no-store, and clients' directives are honoured.",
    "RFC 9111 §5.2.1.5, CACHE_CLIENT_DIRECTIVES",
    "Set CACHE_CLIENT_DIRECTIVES=ignore.",
  ),
  precondition: row(
    "bypassing",
    "If-Match and If-Unmodified-Since are the origin's to judge.",
    "RFC 9110 §13.1",
    "Ask with If-None-Match or If-Modified-Since, which the cache can answer.",
  ),
  "request-body": row(
    "bypassing",
    "A GET with a body: its answer may depend on what no key knows.",
    "RFC 9110 §9.3.1",
    "Put into the query what the body says.",
  ),

  fresh: row("serving", "It is stored and fresh: the cache answers.", "RFC 9111 §4.2", "Nothing needs to."),
  "stale-while-revalidate": row(
    "serving",
    "It is stale, and may be served while it is refreshed in the background.",
    "RFC 5861 §3",
    "A longer lifetime, or no stale-while-revalidate (CACHE_DEFAULT_STALE_WHILE_REVALIDATE).",
  ),
  "stale-if-error": row(
    "serving",
    "The origin failed, and the stale response may be served then.",
    "RFC 5861 §4",
    "Mend the origin; GET /origins tells its state.",
  ),
  "client-max-stale": row(
    "serving",
    "It is stale, and the client's max-stale takes it so.",
    "RFC 9111 §5.2.1.2, CACHE_CLIENT_DIRECTIVES",
    "Set CACHE_CLIENT_DIRECTIVES=ignore, or ask without max-stale.",
  ),

  "uri-miss": row(
    "not serving",
    "Nothing is stored for this URL.",
    "RFC 9111 §4",
    "The next answer that may be stored fills the cache.",
  ),
  "vary-miss": row(
    "not serving",
    "The URL is stored, but for other selecting header fields than this request's.",
    "RFC 9111 §4.1",
    "Name fewer fields in Vary, or send fewer values of them.",
  ),
  incomplete: row(
    "not serving",
    "A part of the body is stored, and lacks bytes of what is asked for.",
    "RFC 9111 §3.3",
    "The rest alone is fetched, and joined where the origin has a strong validator.",
  ),
  only_if_cached: row(
    "not serving",
    "The client wants a stored answer or none, and none is usable.",
    "RFC 9111 §5.2.1.7",
    "Ask without only-if-cached.",
  ),
  no_healthy_origin: row(
    "not serving",
    "No origin is healthy, and nothing usable is stored.",
    "HEALTH_CHECK_PATH",
    "Mend the origins; a window of stale-if-error bridges it.",
  ),
  origin_unreachable: row(
    "not serving",
    "The origin refused the connection, broke it, or sent no HTTP.",
    "RFC 9110 §15.6.3",
    "Mend the origin; a window of stale-if-error bridges it.",
  ),
  origin_error: row(
    "not serving",
    "The origin answered a validation with an error, and the stale response may not be served then.",
    "RFC 9111 §4.3.3",
    "Mend the origin; a window of stale-if-error bridges it.",
  ),
  origin_timeout: row(
    "not serving",
    "The origin did not answer in time.",
    "ORIGIN_TIMEOUT",
    "Make the origin faster, or raise ORIGIN_TIMEOUT.",
  ),
  origin_overloaded: row(
    "not serving",
    "More requests wait for the origin than may.",
    "ORIGIN_CONNECTIONS, ORIGIN_QUEUE",
    "Raise these settings, or add origins.",
  ),
  store_unavailable: row(
    "not serving",
    "Redis did not answer, and CACHE_ON_STORE_FAILURE spares the origin then.",
    "CACHE_ON_STORE_FAILURE",
    "Mend Redis, or set CACHE_ON_STORE_FAILURE=origin.",
  ),
  bad_request: row(
    "not serving",
    "The request is malformed or beyond a limit.",
    "RFC 9112, MAX_*",
    "Mend the client; the answer's message says what is wrong.",
  ),
  purge_forbidden: row(
    "not serving",
    "This client may not purge.",
    "PURGE_ALLOW",
    "Name its address in PURGE_ALLOW.",
  ),
  internal_error: row(
    "not serving",
    "Freshline itself failed.",
    "a defect of ours",
    "Report it, with the lines of the log.",
  ),

  stale: row(
    "revalidating",
    "It is stored and stale, and has to be validated before it is used.",
    "RFC 9111 §4.3",
    "A longer lifetime, or stale-while-revalidate to answer meanwhile.",
  ),
  request: row(
    "revalidating",
    "It is stored and fresh, and the client's Cache-Control wants it newer.",
    "RFC 9111 §5.2.1, CACHE_CLIENT_DIRECTIVES",
    "Set CACHE_CLIENT_DIRECTIVES=ignore.",
  ),
  "no-cache": row(
    "revalidating",
    "The response's no-cache has it validated before every use.",
    "RFC 9111 §5.2.2.4",
    "Let the origin send max-age in place of no-cache.",
  ),
  validated: row(
    "revalidating",
    "The origin said 304: the stored body is still right, and was answered.",
    "RFC 9111 §4.3.3",
    "A longer lifetime asks the origin less often.",
  ),
  "refresh-validated": row(
    "revalidating",
    "A refresh in the background found it unchanged.",
    "RFC 5861 §3",
    "Nothing needs to.",
  ),
  "refresh-replaced": row(
    "revalidating",
    "A refresh in the background replaced it.",
    "RFC 5861 §3",
    "Nothing needs to.",
  ),
  "refresh-failed": row(
    "revalidating",
    "A refresh in the background failed; what is stored stays as stale as it is.",
    "RFC 5861 §3",
    "Mend the origin; GET /origins tells its state.",
  ),
  "refresh-dropped": row(
    "revalidating",
    "No refresh was begun: too many are under way, or no origin is healthy.",
    "REFRESH_CONCURRENCY",
    "Raise REFRESH_CONCURRENCY, or mend the origins.",
  ),
  collapsed: row(
    "collapsing",
    "It waited for another request's fetch of the same, and got its answer.",
    "COALESCE_PATIENCE",
    "Nothing needs to: the origin was asked once for all.",
  ),

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
  "ignored-parameter": row(
    "key parts ignored",
    "A parameter of the query is in no key, and no origin gets it.",
    "CACHE_KEY_IGNORE_PARAMS",
    "Take its name out of CACHE_KEY_IGNORE_PARAMS.",
  ),
  "ignored-search": row(
    "key parts ignored",
    "The origin says which differences between two queries do not matter.",
    "No-Vary-Search",
    "Let the origin send another No-Vary-Search.",
  ),
} as const satisfies Readonly<Record<ReasonCode, ReasonRow>>;

export const REASON_CODES = Object.keys(REASONS) as readonly ReasonCode[];

/** What one code says. */
export const reasonOf = (code: ReasonCode): ReasonRow => REASONS[code];
