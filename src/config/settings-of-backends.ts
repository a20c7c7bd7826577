import { originUrl } from "./addresses.ts";
import { boolean, integer, list, milliseconds, oneOf, optional, password, text } from "./kinds.ts";
import { keyFile, pemFile } from "./pem-file.ts";
import { redisUrl } from "./redis-url.ts";
import { live, setting } from "./setting.ts";

/* What the proxy itself asks: origins and Redis. */

export const ORIGINS = {
  ORIGINS: live(list("urls", originUrl), "", "The servers behind the proxy; at least one.", ["origin"]),
  PRESERVE_HOST: live(boolean, "false", "Send the client's Host to the origins, not the origin's own."),
  ORIGIN_TIMEOUT: live(milliseconds(), "30s", "How long an origin may take to answer with a response head."),
  ORIGIN_CONNECT_TIMEOUT: live(milliseconds(), "2s", "How long connecting to an origin may take."),
  ORIGIN_BODY_TIMEOUT: live(milliseconds(), "5m", "How long an origin may be silent within a response body."),
  ORIGIN_CONNECTIONS: live(
    integer(1, 65_535),
    "256",
    "Connections to each origin at once, and as many tunnels (WebSockets) beside them.",
  ),
  ORIGIN_QUEUE: live(
    integer(0, 1_000_000),
    "1024",
    "Requests that may wait for a connection to an origin; more are answered 503.",
  ),
  ORIGIN_RETRY_PERCENT: live(
    integer(0, 100),
    "10",
    "Requests that may be sent to another origin after a failure, for each hundred; not counted are those that had reached nobody.",
  ),
  ORIGIN_HEDGE_AFTER: live(
    milliseconds("0s"),
    "0s",
    "After how long without an answer another origin is asked for the same GET, within ORIGIN_RETRY_PERCENT; 0s for never.",
  ),
  ORIGIN_BREAKER_AFTER: live(
    integer(0, 1000),
    "5",
    "Requests in a row that an origin leaves unanswered before it is asked no more, but once a second and then less often; 0 for never.",
  ),
  ORIGIN_EJECT_AFTER: live(
    integer(0, 1000),
    "5",
    "Failures in a row, 5xx among them, after which an origin gets no turn while half of the others do; 0 for never.",
  ),
  ORIGIN_EJECT_FOR: live(milliseconds(), "10s", "For how long that is."),
  ORIGIN_SLOW_START: live(
    milliseconds("0s"),
    "10s",
    "For how long an origin that is back gets less than its share of the requests; 0s for not at all.",
  ),
  ORIGIN_CA: setting(
    optional(pemFile),
    "",
    "The certificates that vouch for https origins, in place of those that Node knows.",
  ),
  ORIGIN_CERT: setting(
    optional(pemFile),
    "",
    "The certificate that is shown to https origins which ask who they speak to.",
  ),
  ORIGIN_KEY: setting(optional(keyFile), "", "The file with its private key, without a password."),
  ORIGIN_HTTP2: setting(
    oneOf("on", "off"),
    "off",
    "Ask https origins that offer it over HTTP/2; requests with content go over HTTP/1.1 all the same. Not for origins that are Node's own server.",
  ),
  HEALTH_CHECK_PATH: live(
    text("path", /^\/[\x21\x22\x24-\x7e]*$/, "one such as /health-check"),
    "/health-check",
    "What is asked to learn whether an origin is healthy.",
  ),
  HEALTH_CHECK_INTERVAL: live(
    milliseconds("10ms"),
    "10s",
    "The time between two health checks of an origin.",
  ),
  HEALTH_CHECK_TIMEOUT: live(milliseconds(), "2s", "How long a health check may take."),
};

export const REDIS = {
  REDIS_URL: setting(
    optional(redisUrl),
    "",
    "The Redis that keeps the cache: redis://host, redis-cluster://host,host or redis-sentinel://host,host?master=name, with rediss for TLS; the memory of this process alone when empty.",
  ),
  REDIS_CA: setting(
    optional(pemFile),
    "",
    "The certificates that vouch for a rediss Redis, when they are not among those that Node knows.",
  ),
  REDIS_SENTINEL_PASSWORD: setting(
    optional(password),
    "",
    "What the Sentinels ask for; user and password in REDIS_URL are for the Redis that they watch.",
  ),
  REDIS_COMMAND_TIMEOUT: setting(
    milliseconds(),
    "250ms",
    "How long Redis may take to answer before the request goes on without it.",
  ),
  PURGE_ACK_TIMEOUT: setting(
    milliseconds("0s"),
    "1s",
    "How long a purge waits for the other instances to say that they have heard of it.",
  ),
  CACHE_MEMORY_GRACE: setting(
    milliseconds("0s"),
    "10s",
    "How long a stored response is used as it is while purges of other instances cannot be heard; then it is validated first.",
  ),
  CACHE_ON_STORE_FAILURE: live(
    oneOf("origin", "stale", "503"),
    "origin",
    "What happens while Redis cannot be asked: the origins are; or what memory has is served, stale or not, for CACHE_MEMORY_GRACE and unless it says must-revalidate or the like; or what memory does not have is refused with 503.",
  ),
  CACHE_NAMESPACE: setting(
    text("namespace", /^[A-Za-z0-9_:-]{1,100}$/, "1 to 100 letters, digits, -, _ or :"),
    "freshline",
    "What every key in Redis begins with; proxies that share one share their cache.",
  ),
};
