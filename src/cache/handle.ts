import { bypassReason, type Decision, decide } from "../policy/decide.ts";
import { staleFrom } from "../policy/freshness.ts";
import type { Outcome } from "../policy/outcome.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { Emit } from "./events.ts";
import type { CacheRequest, CacheResponse } from "./exchange.ts";
import type { Forward } from "./forward.ts";
import { type Entry, type Lookup, type Store, StoreError } from "./ports.ts";
import { EVER, NEVER } from "./purge-memory.ts";
import type { Purges } from "./purges.ts";
import type { Refresh } from "./refresh.ts";
import { fromEntry, refusal, ttlOf } from "./respond.ts";
import { answersUri, type SearchVariances } from "./search-variances.ts";

interface HandlerDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly forward: Forward;
  readonly refresh: Refresh;
  readonly variances: SearchVariances;
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

const NOTHING: Lookup = { type: "none", fwd: "uri-miss" };

/**
 * One request, start to finish: lookup → purged? → decide → act.
 *
 * The only place where a Decision becomes I/O. Each case is one verb from a sibling file:
 * read the switch and you have read the proxy. Never rejects for a reason of the cache's.
 */
export function createHandler({ store, purges, forward, refresh, variances, emit, now }: HandlerDeps) {
  return async function handle(asked: CacheRequest): Promise<CacheResponse> {
    // Traffic that the cache has no part in never touches the store.
    if (bypassReason(asked) !== undefined) return act(asked, NOTHING, decide(asked, undefined, now()));
    const request = keyed(asked);
    const found = await lookup(request, asked.uri);
    const stored = found.type === "found" ? found.entry.stored : undefined;
    return act(request, found, decide(request, stored, now()));
  };

  /** The request under the key that all its equivalents share (No-Vary-Search). */
  function keyed(asked: CacheRequest): CacheRequest {
    const uri = variances.keyFor(asked.uri);
    return uri === asked.uri ? asked : { ...asked, uri };
  }

  /** A broken cache makes a slow proxy, not a broken one. */
  async function lookup(request: CacheRequest, uri: string): Promise<Lookup> {
    try {
      const found = await store.lookup(request.uri, request.fields);
      if (found.type === "none") return found;
      const { stored } = found.entry;
      if (!answersUri(stored, uri)) return NOTHING;
      const since = purges.staleSince(request.uri, stored.epoch, stored.tags);
      if (since === NEVER) return found;
      if (since === EVER) return NOTHING;
      return { ...found, entry: { ...found.entry, stored: staleFrom(stored, Math.min(since, now())) } };
    } catch (error) {
      const code = error instanceof StoreError ? error.code : "refused";
      emit({ type: "store-failed", tier: "redis", operation: "lookup", code, message: String(error) });
      return NOTHING;
    }
  }

  async function act(
    request: CacheRequest,
    found: Lookup,
    decision: Decision<StoredResponse>,
  ): Promise<CacheResponse> {
    switch (decision.type) {
      case "pass":
        return forward.pass(request, decision.reason);
      case "serve": {
        const outcome: Outcome = { word: "HIT", body: "cache", ttl: ttlOf(decision.stored, decision.age) };
        return fromStore(request, found, outcome, decision.age);
      }
      case "serve-stale": {
        const ttl = ttlOf(decision.stored, decision.age);
        if (!decision.refresh) {
          const outcome: Outcome = { word: "STALE", body: "cache", ttl, reason: "client-max-stale" };
          return fromStore(request, found, outcome, decision.age);
        }
        void refresh.enqueue(request, entryOf(found));
        const outcome: Outcome = { word: "UPDATING", body: "cache", ttl, reason: "stale-while-revalidate" };
        return fromStore(request, found, outcome, decision.age);
      }
      case "revalidate":
        return forward.revalidate(request, decision, entryOf(found));
      case "fetch":
        if (decision.incomplete !== undefined) return forward.miss(request, "partial", entryOf(found));
        return forward.miss(request, found.type === "none" ? found.fwd : "uri-miss");
      case "refuse":
        return refusal(
          request,
          504,
          "only_if_cached",
          "nothing usable is stored, and the client wants nothing else",
          { word: "MISS", body: "none", reason: "only_if_cached" },
        );
    }
  }

  function fromStore(request: CacheRequest, found: Lookup, outcome: Outcome, age: number): CacheResponse {
    const tier = found.type === "found" ? { tier: found.tier } : {};
    return fromEntry(request, entryOf(found), { outcome, age, now: now(), ...tier });
  }
}

export type Handle = ReturnType<typeof createHandler>;

/** Decisions that use a stored response are made only where one was found. */
function entryOf(found: Lookup): Entry {
  if (found.type !== "found") throw new TypeError("a decision to reuse without a stored response");
  return found.entry;
}
