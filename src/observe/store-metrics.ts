import { Counter, Gauge, type Registry } from "prom-client";
import type { CacheEvent } from "../cache/events.ts";
import type { Tier } from "../cache/ports/store.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { described } from "./described.ts";
import { Distribution, Distributions, REMOTE_BUCKETS } from "./distribution.ts";
import { type Family, familyOf } from "./families.ts";
import { METRICS } from "./metric-table.ts";
import { recordOf } from "./series.ts";
import type { MemoryReading } from "./stats.ts";

const TIERS: readonly Tier[] = ["memory", "redis"];

type Event<Type extends CacheEvent["type"]> = CacheEvent & { readonly type: Type };

/** What the memory tier holds now, and what has left it since the start. */
export interface TierReading extends MemoryReading {
  /** Found to be over. */
  readonly expired: number;
  /** Dropped by purges. */
  readonly purged: number;
}

/** What the shared store holds, as far as it can be told cheaply. */
export interface LoadReading {
  readonly keys: number;
  readonly usedBytes: number;
  /** Null where nothing limits it. */
  readonly maxBytes: number | null;
}

export interface StoreSources {
  memory(): TierReading;
  /** Asked at every scrape; absent where no store is shared. May reject, and is then told without. */
  readonly load?: (() => Promise<LoadReading>) | undefined;
  /** For how many milliseconds purges of others may have gone unheard; absent where there are no others. */
  readonly purgesBehindMs?: (() => number) | undefined;
  readonly now: () => EpochMs;
}

/** Counts what happens in the tiers, and how purges travel. */
export class StoreMetrics {
  readonly #stored;
  readonly #purges;
  readonly #propagation: Distribution | undefined;
  readonly #errors;
  readonly #durations: Readonly<Record<Tier, Distributions>>;
  readonly #up;
  readonly #foreign;
  readonly #load: StoreSources["load"];

  constructor(registry: Registry, { memory, load, purgesBehindMs, now }: StoreSources) {
    const registers = [registry];
    this.#load = load;
    this.#stored = new Counter({ ...described(METRICS.stored), registers });
    this.#purges = new Counter({ ...described(METRICS.purges), registers });
    this.#errors = new Counter({ ...described(METRICS.storeErrors), registers });
    this.#durations = recordOf(TIERS, () => new Distributions(REMOTE_BUCKETS, now));
    this.#up = new Gauge({ ...described(METRICS.storeUp), registers });
    this.#foreign = new Counter({ ...described(METRICS.foreignValues), registers });
    describeMemory(registers, memory);
    if (purgesBehindMs === undefined) return;
    this.#propagation = new Distribution(REMOTE_BUCKETS, now);
    describeLog(registers, purgesBehindMs);
  }

  stored(): void {
    this.#stored.inc();
  }

  purged({ target, mode, travelledMs }: Event<"purged">): void {
    this.#purges.inc({ type: target.type, mode });
    if (travelledMs !== undefined) this.#propagation?.record(travelledMs / 1000);
  }

  asked({ tier, operation, ms }: Event<"store-asked">): void {
    this.#durations[tier].of(operation).record(ms / 1000);
  }

  failed({ tier, operation }: Event<"store-failed">): void {
    this.#errors.inc({ tier, operation });
  }

  state({ up }: Event<"store-state">): void {
    this.#up.set(up ? 1 : 0);
  }

  foreign(): void {
    this.#foreign.inc();
  }

  async families(): Promise<Family[]> {
    const { storeDuration, purgePropagation } = METRICS;
    const durations = TIERS.flatMap((tier) =>
      this.#durations[tier].samples(storeDuration.name, (operation) => ({ tier, operation })),
    );
    const families = [familyOf(storeDuration, durations)];
    if (this.#propagation !== undefined)
      families.push(familyOf(purgePropagation, this.#propagation.samples(purgePropagation.name, {})));
    return this.#load === undefined ? families : [...families, ...(await loadFamilies(this.#load))];
  }
}

async function loadFamilies(read: () => Promise<LoadReading>): Promise<Family[]> {
  const load = await read().catch(() => undefined);
  const one = (value: number | null | undefined) =>
    value === undefined || value === null ? [] : [{ labels: { tier: "redis" }, value }];
  return [
    familyOf(METRICS.storeKeys, one(load?.keys)),
    familyOf(METRICS.storeUsedBytes, one(load?.usedBytes)),
    familyOf(METRICS.storeMaxBytes, one(load?.maxBytes)),
  ];
}

function describeMemory(registers: Registry[], memory: () => TierReading): void {
  new Gauge({
    ...described(METRICS.entries),
    registers,
    collect() {
      this.set({ tier: "memory" }, memory().entries);
    },
  });
  new Gauge({
    ...described(METRICS.bytes),
    registers,
    collect() {
      this.set({ tier: "memory" }, memory().bytes);
    },
  });
  new Counter({
    ...described(METRICS.evictions),
    registers,
    collect() {
      const { evictions, expired, purged } = memory();
      this.reset();
      for (const [cause, count] of Object.entries({ room: evictions, expired, purged }))
        this.inc({ tier: "memory", cause }, count);
    },
  });
}

function describeLog(registers: Registry[], behindMs: () => number): void {
  new Gauge({
    ...described(METRICS.purgeLogAttached),
    registers,
    collect() {
      this.set(behindMs() === 0 ? 1 : 0);
    },
  });
  new Gauge({
    ...described(METRICS.purgeLogBehind),
    registers,
    collect() {
      this.set(behindMs() / 1000);
    },
  });
}
