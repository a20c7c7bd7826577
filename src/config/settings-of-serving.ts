import { addressRange, corsOrigins } from "./addresses.ts";
import {
  atMost,
  boolean,
  host,
  integer,
  list,
  milliseconds,
  oneOf,
  optional,
  port,
  processes,
  routePrefix,
  secret,
  size,
  text,
} from "./kinds.ts";
import { live, setting } from "./setting.ts";
import { ratio } from "./telemetry.ts";

/* How clients and operators are served. */

export const LISTENING = {
  PORT: setting(port, "3000", "The port that clients ask."),
  HOST: setting(optional(host), "", "The address to listen on; every address of this machine when empty."),
  WORKERS: setting(
    processes,
    "1",
    "Processes that serve together, auto for one per core; limits of connections and memory are divided among them.",
  ),
  WORKER_TIMEOUT: setting(
    milliseconds("0s"),
    "30s",
    "How long a worker may not answer before it is taken to hang, is ended and replaced; 0 is never.",
  ),
  MAX_CONNECTIONS: setting(
    integer(1, 1_000_000),
    "10000",
    "Client connections at once; more are refused: with 503, on the port for TLS without a word.",
  ),
  MAX_HEADER_BYTES: setting(
    size("1KiB", "1MiB"),
    "16KiB",
    "The longest head that is read, of a request and of an origin's response.",
  ),
  MAX_HEADER_COUNT: live(
    integer(1, 999),
    "500",
    "The most field lines of a request; one with more is answered 431.",
  ),
  MAX_URL_BYTES: setting(
    size("1KiB", "1MiB"),
    "8KiB",
    "The longest request-target; a longer one is answered 414. It is a part of the head.",
  ),
  MAX_BODY_BYTES: live(
    size("0B"),
    "16GiB",
    "The longest body of a request; a longer one is answered 413, and cut at the origin. Bodies are not kept.",
  ),
  HEADERS_TIMEOUT: setting(
    milliseconds(),
    "10s",
    "How long a client may take to send a request head; at most REQUEST_TIMEOUT.",
  ),
  BODY_TIMEOUT: live(
    milliseconds(),
    "10s",
    "How long a client may take for each 1 KiB of a body while it is waited for; slower ones are answered 408.",
  ),
  REQUEST_TIMEOUT: setting(
    milliseconds(),
    "5m",
    "How long a client may take to send a whole request, body included; raise it for slow uploads.",
  ),
  KEEP_ALIVE_TIMEOUT: setting(
    milliseconds(),
    "65s",
    "How long an idle client connection stays open; longer than that of a load balancer in front.",
  ),
  WRITE_TIMEOUT: live(
    milliseconds(),
    "60s",
    "How long a client may take nothing of its answer before it is cut.",
  ),
  TUNNEL_IDLE_TIMEOUT: live(
    milliseconds(),
    "1h",
    "How long a tunnel (WebSocket) may carry nothing, either way, before it is closed.",
  ),
  SHUTDOWN_TIMEOUT: setting(
    milliseconds("0s"),
    "10s",
    "How long requests in progress may take to end at a stop.",
  ),
  PLAIN_LANE: setting(
    oneOf("on", "off"),
    "on",
    "Answer plain GET and HEAD requests without Node's HTTP server, and ask http origins for them without undici; off costs speed, and is laxer with faulty origins.",
  ),
  TRUSTED_PROXIES: live(
    list("ranges", addressRange),
    "",
    "Peers whose X-Forwarded-* fields are believed; never a range from which clients come directly.",
  ),
  PURGE_ALLOW: live(
    list("ranges", addressRange),
    "",
    "Clients whose PURGE requests purge, all others' being refused; when empty PURGE is a method like any other.",
  ),
  DEBUG_ALLOW: live(
    list("ranges", addressRange),
    "",
    "Clients that may send X-Freshline-Debug: 1 and be told in X-Freshline-Trace what led to their answer.",
  ),
};

export const RESPONSES = {
  CORS_ORIGINS: live(
    corsOrigins,
    "",
    "Web origins whose scripts may read the responses; * for all, not for answers behind a login.",
  ),
  SECURITY_HEADERS: live(
    boolean,
    "false",
    "Add the usual security fields to responses; not when the origins send their own.",
  ),
};

export const ADMIN = {
  ADMIN_PORT: setting(port, "PORT+1", "The port of the admin API."),
  ADMIN_HOST: setting(
    host,
    "127.0.0.1",
    "The address of the admin API; other than loopback needs ADMIN_TOKEN.",
  ),
  ADMIN_TOKEN: setting(
    optional(secret),
    "",
    "The bearer token that the admin API asks for; better in the environment than in a flag.",
  ),
  METRICS_ROUTES: setting(
    atMost(100, list("paths", routePrefix)),
    "",
    "Path prefixes that have counts of their own in the metrics, such as /api/,/img/; everything else is `other`.",
  ),
};

export const LOGGING = {
  LOG_LEVEL: live(
    oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
    "info",
    "The least important lines that are written.",
  ),
  LOG_FORMAT: setting(
    oneOf("auto", "json", "pretty", "combined"),
    "auto",
    "auto is pretty on a terminal and json elsewhere; combined is nginx's with $upstream_cache_status behind it, all but requests going to standard error as JSON.",
  ),
  LOG_SAMPLE: live(
    ratio,
    "1",
    "How many of all requests are written to the log; those that end with a 5xx or break off always are.",
  ),
  LOG_REDACT_QUERY: setting(
    list("names", text("name", /^[^\s&=]{1,128}$/, "a name without spaces, & and =")),
    "",
    "Query parameters whose values are written down nowhere, besides token, key, password, signature, code and their kin.",
  ),
};
