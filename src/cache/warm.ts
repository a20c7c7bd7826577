import { withoutParameters } from "../policy/key.ts";
import type { CacheRequest } from "./exchange.ts";
import type { Handle } from "./handle.ts";
import { ownRequest } from "./own-request.ts";

export interface WarmResult {
  readonly requested: number;
  readonly warmed: number;
  readonly failed: readonly { readonly url: string; readonly detail: string }[];
}

interface WarmDeps {
  readonly handle: Handle;
  /** For paths, and for URLs that name an origin itself. */
  readonly defaultHost: string;
  readonly origins: readonly string[];
  readonly ignoredParameters: readonly string[];
}

/** How many URLs are fetched at once. */
const CONCURRENCY = 8;

/**
 * Fetches URLs through the cache, as clients would, so that the first client finds them
 * there. A path means the proxy's own default host.
 */
export function createWarm({ handle, defaultHost, origins, ignoredParameters }: WarmDeps) {
  return async function warm(urls: readonly string[]): Promise<WarmResult> {
    const failed: { url: string; detail: string }[] = [];
    const waiting = urls.values();
    let warmed = 0;
    const worker = async () => {
      for (const url of waiting) {
        const detail = await warmOne(url);
        if (detail === undefined) warmed++;
        else failed.push({ url, detail });
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    return { requested: urls.length, warmed, failed };
  };

  /** Undefined when the cache has it now, else why not. */
  async function warmOne(url: string): Promise<string | undefined> {
    const request = asRequest(url);
    if (request === undefined) return "is neither a path nor an http URL";
    try {
      const { status, body, outcome } = await handle(request);
      if (body.type === "stream") for await (const _chunk of body.stream);
      if (status >= 400) return `answered ${status}`;
      return outcome.body === "cache" || outcome.stored === true || outcome.collapsed === true
        ? undefined
        : `not stored: ${outcome.reason ?? outcome.word}`;
    } catch (error) {
      return String(error);
    }
  }

  function asRequest(url: string): CacheRequest | undefined {
    const parsed = url.startsWith("/") ? new URL(`http://${defaultHost}`) : URL.parse(url);
    if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) return undefined;
    const ours = url.startsWith("/") || origins.includes(parsed.origin);
    const host = ours ? defaultHost : parsed.host;
    const proto = ours || parsed.protocol === "http:" ? "http" : "https";
    const path = url.startsWith("/") ? url : parsed.pathname + parsed.search;
    const target = withoutParameters(path.split("#", 1)[0] ?? path, ignoredParameters);
    return ownRequest("warm", proto, host, target);
  }
}
