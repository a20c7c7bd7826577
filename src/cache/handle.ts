import { bypassReason, type Decision, decide } from "../policy/decide.ts";
import type { Outcome } from "../policy/outcome.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { Emit } from "./events.ts";
import type { CacheRequest, CacheResponse } from "./exchange.ts";
import type { Forward } from "./forward.ts";
import { type Entry, type Lookup, type Store, StoreError } from "./ports.ts";
import type { Purges } from "./purges.ts";
import type { Refresh } from "./refresh.ts";
import { fromEntry, refusal, ttlOf } from "./respond.ts";

interface HandlerDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly forward: Forward;
  readonly refresh: Refresh;
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
export function createHandler({ store, purges, forward, refresh, emit, now }: HandlerDeps) {
  return async function handle(request: CacheRequest): Promise<CacheResponse> {
    const bypass = bypassReason(request);
    // Traffic that the cache has no part in never touches the store.
    if (bypass !== undefined) return forward.pass(request, bypass);
    const found = await lookup(request);
    const stored = found.type === "found" ? found.entry.stored : undefined;
    return act(request, found, decide(request, stored, now()));
  };

  /** A broken cache makes a slow proxy, not a broken one. */
  async function lookup(request: CacheRequest): Promise<Lookup> {
    try {
      const found = await store.lookup(request.uri, request.fields);
      if (found.type === "none") return found;
      const { epoch, tags } = found.entry.stored;
      return purges.covers(request.uri, epoch, tags) ? NOTHING : found;
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
        refresh.enqueue(request, entryOf(found));
        const outcome: Outcome = { word: "UPDATING", body: "cache", ttl, reason: "stale-while-revalidate" };
        return fromStore(request, found, outcome, decision.age);
      }
      case "revalidate":
        return forward.revalidate(request, decision, entryOf(found));
      case "fetch":
        return forward.miss(request, found.type === "none" ? found.fwd : "uri-miss");
      case "refuse":
        return refusal(
          request,
          504,
          "only_if_cached",
          "nothing usable is stored, and the client wants nothing else",
          {
            word: "MISS",
            body: "none",
            fwd: "uri-miss",
            reason: "only_if_cached",
          },
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
