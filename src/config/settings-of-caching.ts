import { boolean, integer, list, milliseconds, oneOf, seconds, size, text } from "./kinds.ts";
import { live, setting } from "./setting.ts";

/* What is kept, for how long, and who fetches it. */

const fieldPattern = text(
  "field name",
  /^(?:\*|\*_\*|[!#$%&'+.^_`|~\w-]+\*?)$/,
  "a name such as X-Host, a beginning such as X-Debug-*, *_* or *",
);

export const FRESHNESS = {
  CACHE_DEFAULT_TTL: live(
    seconds(),
    "0s",
    "How long a response is fresh that says nothing of it; keep 0s when answers depend on who asks.",
    ["ttl"],
  ),
  CACHE_DEFAULT_STALE_WHILE_REVALIDATE: live(
    seconds(),
    "0s",
    "How long a stale response is served while it is refreshed, when it does not say so itself.",
  ),
  CACHE_DEFAULT_STALE_IF_ERROR: live(
    seconds(),
    "0s",
    "How long a stale response is served when the origin fails, when it does not say so itself.",
  ),
  CACHE_KEEP: live(
    seconds(),
    "10m",
    "How long a response is kept for its validator alone, after it may no longer be served stale.",
  ),
  CACHE_MAX_TTL: setting(seconds("1s"), "30d", "No response is kept longer than this, whatever it says."),
};

export const STORING = {
  CACHE_MEMORY_BYTES: setting(
    size("0"),
    "64MiB",
    "Memory for responses, of all WORKERS together; 0 keeps none there.",
  ),
  CACHE_MAX_OBJECT_BYTES: live(
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
  CACHE_PROFILE: live(
    oneOf("safe", "rfc"),
    "safe",
    "rfc does what RFC 9111 says throughout: it stores Set-Cookie and honours clients' Cache-Control, unless the next two say otherwise, and lets s-maxage close every stale window.",
  ),
  CACHE_CLIENT_DIRECTIVES: live(
    oneOf("ignore", "honour"),
    "by-profile",
    "Whether a client's Cache-Control counts; honour lets any client send its requests to the origin. Unset: ignore, under the profile rfc honour.",
  ),
  CACHE_SET_COOKIE: live(
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
  CACHE_KEY_IGNORE_PARAMS: live(
    list(
      "names",
      text("parameter name", /^[^\s*&=#,]+\*?$/, "a name such as gclid, or a beginning such as utm_*"),
    ),
    "",
    "Query parameters that make no difference to the response, such as utm_*.",
  ),
  CACHE_KEY_FIELDS: live(
    list("names", text("field name", /^[!#$%&'+.^_`|~\w-]+$/, "one such as Accept-Language")),
    "",
    "Request fields by which responses differ although their Vary does not say so; a change of it is for an empty cache.",
  ),
  UNKEYED_FIELDS_STRIP: live(
    list("names", fieldPattern),
    "",
    "Request fields that no origin gets, beside those that docs/security.md lists; X-Debug-* covers a beginning.",
  ),
  UNKEYED_FIELDS_PASS: live(
    list("names", fieldPattern),
    "",
    "Request fields that docs/security.md lists and that are passed and count for nothing, since no response depends on them; * for all, which leaves all to the origins.",
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

export const COALESCING = {
  COALESCE_PATIENCE: live(
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
