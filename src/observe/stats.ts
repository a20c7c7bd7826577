import type { Stats } from "../admin/answers.ts";
import type { CacheEvent, Emit } from "../cache/events.ts";
import type { CacheWord, NotStoredReason } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { isRefusal } from "./refusal.ts";

/** What the memory tier holds now; `evictions` since the start. */
export interface MemoryReading {
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
}

export interface StatsSources {
  memory(): MemoryReading;
  now(): EpochMs;
}

export function createStats(sources: StatsSources): { readonly listen: Emit; read(): Stats } {
  const startedAt = sources.now();
  const byCache: Record<CacheWord, number> = {
    HIT: 0,
    UPDATING: 0,
    STALE: 0,
    REVALIDATED: 0,
    EXPIRED: 0,
    MISS: 0,
    BYPASS: 0,
  };
  const notStored: Partial<Record<NotStoredReason, number>> = {};
  const count = {
    requests: 0,
    hits: 0,
    misses: 0,
    bypassed: 0,
    coalesced: 0,
    stale_served: 0,
    background_refreshes: 0,
    origin_requests: 0,
    origin_failures: 0,
    stored: 0,
    errors: 0,
  };
  const store = { up: false, errors: 0 };

  const answered = (event: CacheEvent & { type: "answered" }): void => {
    const { outcome } = event;
    count.requests++;
    byCache[outcome.word]++;
    if (outcome.word === "BYPASS") count.bypassed++;
    else if (outcome.body === "cache") count.hits++;
    else count.misses++;
    if (outcome.word === "STALE" || outcome.word === "UPDATING") count.stale_served++;
    if (outcome.collapsed === true) count.coalesced++;
    if (event.status >= 500 && isRefusal(outcome.reason)) count.errors++;
  };

  return {
    listen(event) {
      switch (event.type) {
        case "answered":
          return answered(event);
        case "origin-answered":
          count.origin_requests++;
          return;
        case "origin-failed":
          // Without an origin's name none was asked.
          if (event.origin === undefined) return;
          if (event.answered !== true) count.origin_requests++;
          count.origin_failures++;
          return;
        case "not-stored":
          notStored[event.reason] = (notStored[event.reason] ?? 0) + 1;
          return;
        case "stored":
          count.stored++;
          return;
        case "refreshed":
          if (event.result !== "dropped") count.background_refreshes++;
          return;
        case "store-failed":
          store.errors++;
          return;
        case "store-state":
          store.up = event.up;
          return;
        case "origin-health":
        case "origin-ejected":
        case "coalesced":
        case "store-asked":
        case "connection-refused":
        case "spans-lost":
        case "purged":
        case "certificates":
        case "foreign-value":
          return;
      }
    },
    read() {
      const memory = sources.memory();
      const asked = count.hits + count.misses;
      return {
        uptime_seconds: Math.max(0, Math.round((sources.now() - startedAt) / 1000)),
        ...count,
        hit_rate: asked === 0 ? 0 : count.hits / asked,
        by_cache: { ...byCache },
        entries: memory.entries,
        bytes: memory.bytes,
        evictions: memory.evictions,
        revalidated: byCache.REVALIDATED,
        not_stored: { ...notStored },
        store: { ...store },
      };
    },
  };
}
