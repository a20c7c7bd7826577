import { siteOf } from "../policy/key.ts";
import { type Emit, storeFailed } from "./events.ts";
import { ownRequest } from "./own-request.ts";
import type { Store } from "./ports/store.ts";
import { EVER } from "./purge-memory.ts";
import type { Purges } from "./purges.ts";
import type { Refresh } from "./refresh.ts";

/** How many keys may wait; of further ones the next request makes a validation, as of everything that is stale. */
const CAPACITY = 10_000;

interface RefetchDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly refresh: Refresh;
  /** How many are fetched at once. */
  readonly concurrency: number;
  readonly emit: Emit;
}

/**
 * Fetches again, in the background, what is stored under these keys, whatever its age; what nobody
 * has asked for yet is not fetched. Of several variants it is the one that a plain GET selects.
 */
export function createRefetch({ store, purges, refresh, concurrency, emit }: RefetchDeps) {
  const waiting = new Set<string>();
  let working = 0;

  function refetch(keys: readonly string[]): void {
    for (const key of keys) {
      if (waiting.size >= CAPACITY && !waiting.has(key)) emit({ type: "refreshed", key, result: "dropped" });
      else waiting.add(key);
    }
    while (working < concurrency && waiting.size > 0) void work();
  }

  async function work(): Promise<void> {
    working++;
    for (const key of waiting) {
      waiting.delete(key);
      await one(key);
    }
    working--;
  }

  async function one(key: string): Promise<void> {
    try {
      const site = siteOf(key);
      const [proto, host] = site.split("://");
      if (host === undefined) return;
      const found = await store.lookup(key, []);
      if (found.type === "none") return;
      const { stored } = found.entry;
      if (purges.staleSince(key, stored.epoch, stored.tags) === EVER) return;
      const request = ownRequest(
        "refresh",
        proto === "https" ? "https" : "http",
        host,
        key.slice(site.length),
      );
      await refresh.enqueue(request, found.entry);
    } catch (error) {
      emit(storeFailed("lookup", error));
    }
  }

  /** Nothing that waits is begun any more. */
  function stop(): void {
    waiting.clear();
  }

  return { refetch, stop };
}
