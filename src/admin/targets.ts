import { ApiError } from "./errors.ts";

/** Which URLs does a request to the admin API name? */

/** More in one request are refused: each becomes a record in the purge log, or a fetch. */
export const MAX_URLS = 1000;

/** A primary key's ingredients: the request-target with its bytes as they came, and the host if one was named. */
export interface NamedTarget {
  readonly target: string;
  readonly host?: string;
}

/** The request-target of Node's request without the authority of an absolute-form one (RFC 9112 §3.2.2). */
export const originForm = (target: string): string => {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "");
  return path.startsWith("/") ? path : `/${path}`;
};

/** `/cache/a?b` → `/a?b`, undefined when nothing follows; nothing is decoded, resolved or tidied. */
export function cachedTarget(target: string): string | undefined {
  const rest = originForm(target).slice("/cache".length);
  return rest.startsWith("/") ? rest : undefined;
}

/** X-Host: one host with an optional port. Throws ApiError 400. */
export function namedHost(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (!isHost(value)) throw new ApiError(400, "bad_request", "X-Host must be a host, with or without a port");
  return value;
}

export const isHost = (value: string): boolean =>
  /^(?:\[[0-9a-f:.]+\]|[^\s/?#@:,[\]\\]+)(?::\d{1,5})?$/i.test(value);

/** So many may be fetched at once. */
export const MAX_CONCURRENCY = 64;

/** The body of POST /warm. Throws ApiError 400. */
export function parseWarm(body: unknown): { urls: readonly string[]; concurrency: number | undefined } {
  const members = membersOf(body, ["urls", "concurrency"]);
  const urls = parseUrls(members["urls"]);
  if (urls.length === 0) throw new ApiError(400, "bad_request", '"urls" must name at least one');
  urls.forEach(namedTarget);
  const { concurrency } = members;
  if (concurrency === undefined) return { urls, concurrency };
  if (typeof concurrency === "number" && Number.isInteger(concurrency) && concurrency >= 1)
    if (concurrency <= MAX_CONCURRENCY) return { urls, concurrency };
  throw new ApiError(400, "bad_request", `"concurrency" must be a whole number from 1 to ${MAX_CONCURRENCY}`);
}

/** A member that is not understood is refused: ignoring it would purge less than was asked for. */
export function membersOf(body: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError(400, "bad_request", "the body must be a JSON object");
  }
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const message = `unknown member ${JSON.stringify(unknown.slice(0, 64))}; known: ${known.join(", ")}`;
    throw new ApiError(400, "bad_request", message);
  }
  return body as Readonly<Record<string, unknown>>;
}

export function parseUrls(value: unknown): string[] {
  if (!Array.isArray(value) || !value.every((url): url is string => typeof url === "string")) {
    throw new ApiError(400, "bad_request", '"urls" must be a list of strings');
  }
  if (value.length > MAX_URLS) throw new ApiError(400, "bad_request", `"urls" must be at most ${MAX_URLS}`);
  return value;
}

/**
 * Splits `http://host/path?query` or `/path?query`. Like a browser it percent-encodes
 * what cannot stand in a request-target, and drops a fragment; dot segments stay.
 */
export function namedTarget(url: string): NamedTarget {
  const parts = /^(?:https?:\/\/([^/?#@\s\\]+))?((?:[/?][^#\s]*)?)(?:#.*)?$/i.exec(url);
  const [, host, rest] = parts ?? [];
  if (rest === undefined || (host === undefined && !rest.startsWith("/"))) throw notAUrl(url);
  try {
    const target = rest.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
    const path = target.startsWith("/") ? target : `/${target}`;
    return host === undefined ? { target: path } : { target: path, host };
  } catch {
    throw notAUrl(url);
  }
}

const notAUrl = (url: string): ApiError =>
  new ApiError(400, "bad_request", `not an http URL, nor a path: ${JSON.stringify(url.slice(0, 200))}`);
