import { Cutter } from "./cut.ts";
import type { Emit } from "./events.ts";
import { type CacheRequest, discard } from "./exchange.ts";
import type { Forward } from "./forward.ts";
import type { Origin } from "./ports/origin.ts";
import type { Entry } from "./ports/store.ts";

interface RefreshDeps {
  readonly forward: Forward;
  readonly origin: Origin;
  /** How many refreshes may be under way at once; further ones are dropped, the next request asks again. */
  readonly concurrency: number;
  readonly emit: Emit;
}

/**
 * Replaces stale entries in the background (RFC 5861 §3): one refresh per key at a time,
 * bounded in number, never in a client's way.
 */
export function createRefresh({ forward, origin, concurrency, emit }: RefreshDeps) {
  const underWay = new Map<string, Promise<void>>();

  /** Resolves when it has ended; it need not be waited for, and never rejects. */
  function enqueue(request: CacheRequest, entry: Entry): Promise<void> {
    const key = request.uri;
    const already = underWay.get(key);
    if (already !== undefined) return already;
    if (underWay.size >= concurrency || !origin.anyHealthy()) {
      emit({ type: "refreshed", key, result: "dropped" });
      return Promise.resolve();
    }
    // Whoever asked, the whole representation is what the cache wants; and it outlives the client,
    // who has an answer already.
    const { onInterim: _, ...asked } = request;
    const background = { ...asked, method: "GET", signal: new Cutter() };
    const work = refresh(background, entry)
      .catch(() => emit({ type: "refreshed", key, result: "failed" }))
      .finally(() => underWay.delete(key));
    underWay.set(key, work);
    return work;
  }

  async function refresh(request: CacheRequest, entry: Entry): Promise<void> {
    const response = await forward.refresh(request, entry);
    if (response === undefined) return;
    const { body, outcome } = response;
    // The flight goes on without this reader; a response that may not be stored ends here.
    if (body.type === "stream") await discard(body.stream);
    const result =
      outcome.word === "REVALIDATED" ? "validated" : outcome.body === "origin" ? "replaced" : "failed";
    emit({ type: "refreshed", key: request.uri, result });
  }

  /** Resolves when everything under way has ended. */
  async function drain(): Promise<void> {
    while (underWay.size > 0) await Promise.allSettled(underWay.values());
  }

  return { enqueue, drain };
}

export type Refresh = ReturnType<typeof createRefresh>;
