import { addressRange, corsOrigins, originUrl } from "./addresses.ts";
import {
  boolean,
  host,
  integer,
  type Kind,
  list,
  milliseconds,
  oneOf,
  optional,
  password,
  port,
  seconds,
  secret,
  size,
  text,
} from "./kinds.ts";
import { pemFile } from "./pem-file.ts";
import { redisUrl } from "./redis-url.ts";

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** As a user would write it; empty for none. */
  readonly default: string;
  readonly meaning: string;
  /** Flags besides the name in kebab-case. */
  readonly aliases: readonly string[];
}

const setting = <T>(
  kind: Kind<T>,
  defaultText: string,
  meaning: string,
  aliases: readonly string[] = [],
): Setting<T> => ({ kind, default: defaultText, meaning, aliases });

const LISTENING = {
  PORT: setting(port, "3000", "The port that clients ask."),
  HOST: setting(optional(host), "", "The address to listen on; every address of this machine when empty."),
  MAX_CONNECTIONS: setting(integer(1, 1_000_000), "10000", "Client connections at once; more are refused."),
  MAX_HEADER_BYTES: setting(
    size("1KiB", "1MiB"),
    "16KiB",
    "The longest head that is read, of a request and of an origin's response.",
  ),
  HEADERS_TIMEOUT: setting(
    milliseconds(),
    "10s",
    "How long a client may take to send a request head; at most REQUEST_TIMEOUT.",
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
  WRITE_TIMEOUT: setting(
    milliseconds(),
    "60s",
    "How long a client may take nothing of its answer before it is cut.",
  ),
  SHUTDOWN_TIMEOUT: setting(
    milliseconds("0s"),
    "10s",
    "How long requests in progress may take to end at a stop.",
  ),
  TRUSTED_PROXIES: setting(
    list("ranges", addressRange),
    "",
    "Peers whose X-Forwarded-* fields are believed; never a range from which clients come directly.",
  ),
  PURGE_ALLOW: setting(
    list("ranges", addressRange),
    "",
    "Clients whose PURGE requests purge, all others' being refused; when empty PURGE is a method like any other.",
  ),
};

const ORIGINS = {
  ORIGINS: setting(list("urls", originUrl), "", "The servers behind the proxy; at least one.", ["origin"]),
  PRESERVE_HOST: setting(boolean, "false", "Send the client's Host to the origins, not the origin's own."),
  ORIGIN_TIMEOUT: setting(
    milliseconds(),
    "30s",
    "How long an origin may take to answer with a response head.",
  ),
  ORIGIN_CONNECT_TIMEOUT: setting(milliseconds(), "2s", "How long connecting to an origin may take."),
  ORIGIN_BODY_TIMEOUT: setting(
    milliseconds(),
    "5m",
    "How long an origin may be silent within a response body.",
  ),
  ORIGIN_CONNECTIONS: setting(
    integer(1, 65_535),
    "256",
    "Connections to each origin at once, and as many tunnels (WebSockets) beside them.",
  ),
  ORIGIN_QUEUE: setting(
    integer(0, 1_000_000),
    "1024",
    "Requests that may wait for a connection to an origin; more are answered 503.",
  ),
  HEALTH_CHECK_PATH: setting(
    text("path", /^\/[\x21\x22\x24-\x7e]*$/, "one such as /health-check"),
    "/health-check",
    "What is asked to learn whether an origin is healthy.",
  ),
  HEALTH_CHECK_INTERVAL: setting(
    milliseconds("10ms"),
    "10s",
    "The time between two health checks of an origin.",
  ),
  HEALTH_CHECK_TIMEOUT: setting(milliseconds(), "2s", "How long a health check may take."),
};

const REDIS = {
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
  CACHE_ON_STORE_FAILURE: setting(
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

const FRESHNESS = {
  CACHE_DEFAULT_TTL: setting(
    seconds(),
    "0s",
    "How long a response is fresh that says nothing of it; keep 0s when answers depend on who asks.",
    ["ttl"],
  ),
  CACHE_DEFAULT_STALE_WHILE_REVALIDATE: setting(
    seconds(),
    "0s",
    "How long a stale response is served while it is refreshed, when it does not say so itself.",
  ),
  CACHE_DEFAULT_STALE_IF_ERROR: setting(
    seconds(),
    "0s",
    "How long a stale response is served when the origin fails, when it does not say so itself.",
  ),
  CACHE_KEEP: setting(
    seconds(),
    "10m",
    "How long a response is kept for its validator alone, after it may no longer be served stale.",
  ),
  CACHE_MAX_TTL: setting(seconds("1s"), "30d", "No response is kept longer than this, whatever it says."),
};

const STORING = {
  CACHE_MEMORY_BYTES: setting(
    size("0"),
    "64MiB",
    "Memory for responses in this process; 0 keeps none there.",
  ),
  CACHE_MAX_OBJECT_BYTES: setting(
    size("1", "512MiB"),
    "16MiB",
    "The longest body that is stored; without Redis at most an eighth of CACHE_MEMORY_BYTES.",
  ),
  CACHE_CHUNK_BYTES: setting(
    size("16KiB", "8MiB"),
    "256KiB",
    "Longer bodies are stored in Redis in chunks of so many bytes, of which one at a time is read.",
  ),
  CACHE_FLIGHT_BYTES: setting(
    size("1"),
    "256MiB",
    "Memory for bodies that arrive to be stored, until all who wait have them; above it they are passed on and not stored. As much again for bodies out of Redis while clients take them; above it those are read from there in chunks.",
  ),
  CACHE_PROFILE: setting(
    oneOf("safe", "rfc"),
    "safe",
    "rfc does what RFC 9111 says throughout: it stores Set-Cookie and honours clients' Cache-Control, unless the next two say otherwise, and lets s-maxage close every stale window.",
  ),
  CACHE_CLIENT_DIRECTIVES: setting(
    oneOf("ignore", "honour"),
    "by-profile",
    "Whether a client's Cache-Control counts; honour lets any client send its requests to the origin. Unset: ignore, under the profile rfc honour.",
  ),
  CACHE_SET_COOKIE: setting(
    boolean,
    "by-profile",
    "Store responses with Set-Cookie; only when their cookies belong to nobody in particular. Unset: false, under the profile rfc true.",
  ),
  CACHE_TAG_FIELDS: setting(
    list("names", text("field name", /^[!#$%&'*+.^_`|~\w-]+$/, "one such as Surrogate-Key")),
    "Cache-Groups,Surrogate-Key,Cache-Tag,xkey",
    "Response fields that name what a response can be purged by; Cache-Groups as in RFC 9875.",
  ),
  CACHE_TAG_FIELDS_STRIP: setting(
    boolean,
    "true",
    "Keep these fields from clients, except for Cache-Groups, which is for their caches, too.",
  ),
  CACHE_KEY_IGNORE_PARAMS: setting(
    list(
      "names",
      text("parameter name", /^[^\s*&=#,]+\*?$/, "a name such as gclid, or a beginning such as utm_*"),
    ),
    "",
    "Query parameters that make no difference to the response, such as utm_*.",
  ),
  CACHE_UNCACHEABLE_FOR: setting(
    seconds(),
    "2m",
    "How long a URL is remembered whose response could not be stored, so that nobody waits for another's.",
  ),
  CACHE_UNCACHEABLE_KEYS: setting(integer(1, 10_000_000), "10000", "How many such URLs are remembered."),
  WARM_URLS: setting(
    list("file|urls", text("file or URL", /^[^\p{Cc}]+$/u, "a file, a path or a URL")),
    "",
    "What to fetch into the cache at the start: paths and URLs, or a file with one of them a line.",
  ),
};

const COALESCING = {
  COALESCE_PATIENCE: setting(
    milliseconds(),
    "5s",
    "How long those who wait for another's fetch of the same URL do so before one of them asks the origin too; three ask at most.",
  ),
  LEASE_TTL: setting(
    milliseconds("100ms"),
    "10s",
    "After how long another instance fetches what one of those that share a Redis was fetching when it died; a fetch that lives may take longer.",
  ),
  REFRESH_CONCURRENCY: setting(integer(1, 10_000), "64", "Background refreshes at once."),
};

const RESPONSES = {
  CORS_ORIGINS: setting(
    corsOrigins,
    "",
    "Web origins whose scripts may read the responses; * for all, not for answers behind a login.",
  ),
  SECURITY_HEADERS: setting(
    boolean,
    "false",
    "Add the usual security fields to responses; not when the origins send their own.",
  ),
};

const ADMIN = {
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
};

const LOGGING = {
  LOG_LEVEL: setting(
    oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
    "info",
    "The least important lines that are written.",
  ),
  LOG_FORMAT: setting(
    oneOf("auto", "json", "pretty"),
    "auto",
    "auto is pretty on a terminal and json elsewhere.",
  ),
};

/** In the order in which --help and the README show them. */
export const GROUPS = [
  ["Listening", LISTENING],
  ["Origins", ORIGINS],
  ["Redis", REDIS],
  ["Freshness", FRESHNESS],
  ["Storing", STORING],
  ["Coalescing and refreshing", COALESCING],
  ["Responses", RESPONSES],
  ["Admin API", ADMIN],
  ["Logging", LOGGING],
] as const satisfies readonly (readonly [string, Readonly<Record<string, Setting<unknown>>>])[];

/** Every setting there is; Config, --help and the README's table are made from this one. */
export const SETTINGS = {
  ...LISTENING,
  ...ORIGINS,
  ...REDIS,
  ...FRESHNESS,
  ...STORING,
  ...COALESCING,
  ...RESPONSES,
  ...ADMIN,
  ...LOGGING,
};

export type SettingName = keyof typeof SETTINGS;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The flags of a setting without their dashes, the shortest first. */
export const flagsOf = (name: SettingName): readonly string[] => [
  ...SETTINGS[name].aliases,
  name.toLowerCase().replaceAll("_", "-"),
];
