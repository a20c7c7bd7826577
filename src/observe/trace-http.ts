import type { CacheEvent } from "../cache/events.ts";
import { keyHash } from "./key-hash.ts";
import { shownUri } from "./redact.ts";
import type { Attributes } from "./span.ts";

type Answered = CacheEvent & { readonly type: "answered" };

/* What spans say of HTTP, by OpenTelemetry's semantic conventions (HTTP spans, stable), and of the cache. */

/** RFC 9110 §9 and RFC 5789; any other is told as `_OTHER`, since anybody can make one up. */
const METHODS: ReadonlySet<string> = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "TRACE",
]);
const OTHER = "_OTHER";

/** How the span of a request with this method is called. */
export const spanName = (method: string): string => (METHODS.has(method) ? method : "HTTP");

const methodAttributes = (method: string): Attributes =>
  METHODS.has(method)
    ? { "http.request.method": method }
    : { "http.request.method": OTHER, "http.request.method_original": method };

/** Of the span of a request that has been answered; secrets in its URL are left out. */
export function answeredAttributes(event: Answered): Attributes {
  const { method, uri, status, outcome, tier, origin, bytes } = event;
  const { host, path } = shownUri(uri);
  return {
    ...methodAttributes(method),
    "url.scheme": uri.startsWith("https:") ? "https" : "http",
    ...pathAttributes(path),
    ...serverAttributes(host),
    "http.response.status_code": status,
    "http.response.body.size": bytes,
    "error.type": event.aborted ? "aborted" : isServerError(status) ? String(status) : undefined,
    "cache.status": outcome.word,
    "cache.reason": outcome.reason,
    "cache.key_hash": keyHash(uri),
    "cache.tier": tier,
    "cache.collapsed": outcome.collapsed,
    "cache.origin": origin,
    "freshline.request_id": event.requestId,
  };
}

/** Of the span of a request to an origin, before it is known which one. */
export const sentAttributes = (method: string, target: string): Attributes => ({
  ...methodAttributes(method),
  ...pathAttributes(shownUri(target).path),
});

function pathAttributes(path: string): Attributes {
  const query = path.indexOf("?");
  return {
    "url.path": query === -1 ? path : path.slice(0, query),
    "url.query": query === -1 ? undefined : path.slice(query + 1),
  };
}

/** `origin`: as scheme://host:port. */
export function receivedAttributes(origin: string, status: number): Attributes {
  return {
    "url.scheme": origin.startsWith("https:") ? "https" : "http",
    ...serverAttributes(origin.slice(origin.indexOf("://") + 3), origin.startsWith("https:") ? 443 : 80),
    "http.response.status_code": status,
    "error.type": status >= 400 ? String(status) : undefined,
  };
}

export const isServerError = (status: number): boolean => status >= 500;

function serverAttributes(host: string | undefined, defaultPort?: number): Attributes {
  const [, address, port] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(host ?? "") ?? [];
  if (address === undefined || address === "") return {};
  return {
    "server.address": address.replace(/^\[|\]$/g, ""),
    "server.port": port === undefined ? defaultPort : Number(port),
  };
}
