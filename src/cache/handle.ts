import { bypassReason, type Decision, decide } from "../policy/decide.ts";
import { hasField } from "../policy/fields.ts";
import type { Outcome } from "../policy/outcome.ts";
import { type OnStoreFailure, withoutStore } from "../policy/store-failure.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { CacheRequest, CacheResponse, Looked } from "./exchange.ts";
import type { Forward } from "./forward.ts";
import type { Hide } from "./hide-fields.ts";
import type { FindStored } from "./lookup.ts";
import type { Lookup } from "./ports/store.ts";
import type { Refresh } from "./refresh.ts";
import { fresh, fromEntry, refusal, ttlOf } from "./respond.ts";
import type { SearchVariances } from "./search-variances.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface HandlerDeps {
  readonly lookup: FindStored;
  readonly forward: Forward;
  readonly refresh: Refresh;
  readonly variances: SearchVariances;
  readonly uncacheable: UncacheableKeys;
  readonly onStoreFailure: () => OnStoreFailure;
  readonly hide: Hide;
  readonly now: () => EpochMs;
}

/** What a look-up has found, and how long it took. */
type Asked = Omit<Looked, "key">;

const NOTHING: Lookup = { type: "none", fwd: "uri-miss" };

/**
 * One request, start to finish: lookup → purged? → decide → act.
 *
 * The only place where a Decision becomes I/O. Each case is one verb from a sibling file:
 * read the switch and you have read the proxy. Never rejects for a reason of the cache's.
 */
export function createHandler(deps: HandlerDeps) {
  const { lookup, forward, refresh, variances, hide, now } = deps;
  /** `looked`: what the caller has looked up for it at this moment. */
  return async function handle(asked: CacheRequest, looked?: Looked): Promise<CacheResponse> {
    // Traffic that the cache has no part in never touches the store.
    if (bypassReason(asked) !== undefined)
      return hide(await act(asked, NOTHING, decide<StoredResponse>(asked, undefined, now())));
    const request = keyed(asked);
    const looking = looked?.key === request.uri ? looked : look(request, asked.uri);
    const { found, waitedMs } = looking instanceof Promise ? await looking : looking;
    const stored = found.type === "found" ? found.entry.stored : undefined;
    const decision = decide(request, stored, now());
    const decided = found.storeFailed === true ? withoutStore(decision, onStoreFailure(request)) : decision;
    return hide(await act(request, found, decided, waitedMs));
  };

  function look(request: CacheRequest, uri: string): Asked | Promise<Asked> {
    const askedAt = now();
    const found = lookup(request, uri);
    const asked = (answer: Lookup): Asked => ({ found: answer, waitedMs: Math.max(0, now() - askedAt) });
    return found instanceof Promise ? found.then(asked) : asked(found);
  }

  /** What the cache would not have spared the origin is not refused for want of a cache. */
  function onStoreFailure({ uri, fields }: CacheRequest): OnStoreFailure {
    const wanted = deps.onStoreFailure();
    if (wanted !== "503") return wanted;
    const forEachAlone = hasField(fields, "authorization") || deps.uncacheable.has(uri, now());
    return forEachAlone ? "origin" : "503";
  }

  /** The request under the key that all its equivalents share (No-Vary-Search). */
  function keyed(asked: CacheRequest): CacheRequest {
    const uri = variances.keyFor(asked.uri);
    return uri === asked.uri ? asked : { ...asked, uri };
  }

  function act(
    request: CacheRequest,
    found: Lookup,
    decision: Decision<StoredResponse>,
    storeWaitedMs = 0,
  ): CacheResponse | Promise<CacheResponse> {
    const known = { storeFailed: found.storeFailed ?? false, storeWaitedMs };
    switch (decision.type) {
      case "pass":
        return forward.pass(request, decision.reason);
      case "serve":
        return fresh(request, hitOf(found), decision.age, now());
      case "serve-stale": {
        const ttl = ttlOf(decision.stored, decision.age);
        if (decision.refresh) void refresh.enqueue(request, hitOf(found).entry);
        const reason = decision.because ?? (decision.refresh ? "stale-while-revalidate" : "client-max-stale");
        const word = reason === "stale-while-revalidate" ? "UPDATING" : "STALE";
        return fromStore(request, found, { word, body: "cache", ttl, reason }, decision.age);
      }
      case "revalidate":
        return forward.revalidate(request, decision, hitOf(found).entry, known);
      case "fetch":
        if (decision.incomplete !== undefined)
          return forward.miss(request, "partial", { ...known, incomplete: hitOf(found).entry });
        return forward.miss(request, found.type === "none" ? found.fwd : "uri-miss", known);
      case "refuse":
        if (decision.because === "store-failed")
          return refusal(request, 503, "store_unavailable", "the cache is out of reach", {
            word: "MISS",
            body: "none",
            reason: "store_unavailable",
          });
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
    const { entry, tier } = hitOf(found);
    return fromEntry(request, entry, { outcome, age, now: now(), tier });
  }
}

export type Handle = ReturnType<typeof createHandler>;

/** Decisions that use a stored response are made only where one was found. */
function hitOf(found: Lookup): Extract<Lookup, { type: "found" }> {
  if (found.type !== "found") throw new TypeError("a decision to reuse without a stored response");
  return found;
}
