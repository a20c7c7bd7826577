import { hasField } from "../policy/fields.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { isConditional } from "../policy/validate.ts";
import type { Answers, Need } from "./answers.ts";
import { Cutter } from "./cut.ts";
import type { CacheResponse } from "./exchange.ts";
import type { Fetch, FetchMode } from "./fetch.ts";
import type { Entry } from "./ports/store.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface AloneDeps {
  readonly fetch: Fetch;
  readonly answers: Answers;
  readonly uncacheable: UncacheableKeys;
  readonly now: () => EpochMs;
}

/** Asks the origin for one request alone; a client that leaves before the head ends that. */
export function createAlone({ fetch, answers, uncacheable, now }: AloneDeps) {
  return async function alone(need: Need): Promise<CacheResponse> {
    const { request } = need;
    const cutter = new Cutter();
    const leave = () => cutter.cut(request.signal.reason);
    if (request.signal.aborted) leave();
    request.signal.addEventListener("abort", leave, { once: true });
    try {
      const fetched = await fetch(request, need, modeOf(need), cutter);
      return answers.land(need, fetched, () => {}).response;
    } catch (error) {
      return answers.failed(need, error);
    } finally {
      // From here on the reader of the body decides, or the cache that wants it.
      request.signal.removeEventListener("abort", leave);
    }
  };

  function modeOf({ request, stale }: Need): FetchMode {
    if (isPart(stale)) return "keep-range";
    if (stale !== undefined) return "as-cache";
    if (request.method === "HEAD") return "as-client";
    if (hasField(request.fields, "range")) return "keep-range";
    // Known to be uncacheable: then the client's own copy is all that a 304 could save.
    return isConditional(request.fields) && uncacheable.has(request.uri, now()) ? "as-client" : "as-cache";
  }
}

/**
 * Requests whose answer is for themselves alone: HEAD has no body to share, a part is not the
 * whole, and what Authorization brings is rarely for others (RFC 9111 §3.5).
 */
export const goesAlone = ({ request, stale }: Need): boolean =>
  request.method === "HEAD" ||
  hasField(request.fields, "authorization") ||
  isPart(stale) ||
  (stale === undefined && hasField(request.fields, "range"));

/** A part is validated as a part, so that nobody has the whole fetched for a few bytes of it. */
export const isPart = (entry: Entry | undefined): boolean => entry?.stored.part !== undefined;
