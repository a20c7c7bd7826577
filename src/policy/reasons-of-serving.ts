import { row } from "./reason-row.ts";

/** Why the cache stays out of it. */
export const BYPASSING = {
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
};

/** Why it answers of what is stored, and why it does not. */
export const SERVING = {
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
  origin_certificate: row(
    "not serving",
    "The origin's certificate is not believed: it has expired, is another host's, or nobody known vouches for it.",
    "RFC 9110 §4.3.4, ORIGIN_CA",
    "Renew the origin's certificate, or name who vouches for it in ORIGIN_CA; GET /origins says what is wrong.",
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
  too_many_connections: row(
    "not serving",
    "More connections of clients are open than may be.",
    "MAX_CONNECTIONS",
    "Raise MAX_CONNECTIONS, or add instances; KEEP_ALIVE_TIMEOUT closes idle ones sooner.",
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
};

/** Why the origin is asked about what is stored, what that comes to, and who waits for it. */
export const REVALIDATING = {
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
};

/** What of a request is in no key. */
export const KEYING = {
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
};
