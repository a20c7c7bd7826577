import { withoutParameters } from "../policy/key.ts";
import { type CacheRequest, discard, type Keying } from "./exchange.ts";
import type { HandleOrHit } from "./hit.ts";
import { ownRequest } from "./own-request.ts";
import type { ByteStream } from "./ports/body.ts";
import type { Timer } from "./stalled.ts";
import { within } from "./within.ts";

export interface WarmResult {
  readonly requested: number;
  readonly warmed: number;
  readonly failed: readonly { readonly url: string; readonly detail: string }[];
}

interface WarmDeps {
  readonly handle: HandleOrHit;
  /** For paths, and for URLs that name an origin itself. */
  readonly defaultHost: string;
  readonly origins: () => readonly string[];
  readonly keying: Keying;
  readonly timer: Timer;
}

/** How many URLs are fetched at once, where nobody says. */
const CONCURRENCY = 8;

/**
 * How long a body that the cache wants may take. One that is slow, and not endless, is stored without
 * a reader too: whoever warms need not wait for it.
 */
export const WARM_BODY_MS = 60_000;

/**
 * Fetches URLs through the cache, as clients would, so that the first client finds them
 * there. A path means the proxy's own default host. Takes no body that is not stored.
 */
export function createWarm({ handle, defaultHost, origins, keying, timer }: WarmDeps) {
  return async function warm(urls: readonly string[], concurrency = CONCURRENCY): Promise<WarmResult> {
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
    await Promise.all(Array.from({ length: concurrency }, worker));
    return { requested: urls.length, warmed, failed };
  };

  /** Undefined when the cache has it now, else why not. */
  async function warmOne(url: string): Promise<string | undefined> {
    const request = asRequest(url);
    if (request === undefined) return "is neither a path nor an http URL";
    try {
      const { status, body, outcome } = await handle(request);
      const stream = body.type === "stream" ? body.stream : undefined;
      const arriving = outcome.stored === true || outcome.collapsed === true;
      if (stream !== undefined && (status >= 400 || !arriving)) await discard(stream);
      if (status >= 400) return `answered ${status}`;
      if (outcome.body === "cache") return undefined;
      if (!arriving) return `not stored: ${outcome.reason ?? outcome.word}`;
      if (stream === undefined || (await arrives(stream))) return undefined;
      return `its body had not ended after ${WARM_BODY_MS / 1000} s`;
    } catch (error) {
      return String(error);
    }
  }

  /** False when the time is over first; rejects when the body breaks off. */
  async function arrives(stream: ByteStream): Promise<boolean> {
    const chunks = stream[Symbol.asyncIterator]();
    const ended = async () => {
      while ((await chunks.next()).done !== true);
      return true;
    };
    try {
      return (await within(ended(), WARM_BODY_MS, timer)) === true;
    } finally {
      void chunks.return?.().catch(() => {});
    }
  }

  function asRequest(url: string): CacheRequest | undefined {
    const parsed = url.startsWith("/") ? new URL(`http://${defaultHost}`) : URL.parse(url);
    if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) return undefined;
    const ours = url.startsWith("/") || origins().includes(parsed.origin);
    const host = ours ? defaultHost : parsed.host;
    const proto = ours || parsed.protocol === "http:" ? "http" : "https";
    const path = url.startsWith("/") ? url : parsed.pathname + parsed.search;
    const target = withoutParameters(path.split("#", 1)[0] ?? path, keying.ignoredParameters);
    return ownRequest("warm", proto, host, target);
  }
}
