import type { Emit } from "../cache/events.ts";
import { type Entry, type Lookup, type PurgeTarget, type Store, StoreError } from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";
import { currentAge } from "../policy/freshness.ts";
import { variantMatches } from "../policy/key.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { MemoryStore } from "./memory.ts";

export interface TieredOptions {
  readonly memory: MemoryStore;
  /** Absent: the memory tier alone. */
  readonly redis?: Store;
  readonly now: () => EpochMs;
  readonly emit: Emit;
}

/** A read of Redis that is under way; what it brings may be older than what happened meanwhile. */
interface Reading {
  outdated: boolean;
}

/** More reads at once than this are answered, but not admitted to memory. */
const MAX_READINGS = 10_000;

/**
 * Memory in front of Redis.
 *
 * A fresh copy in memory is the answer, at once. A stale one is, too, unless another instance has
 * left a newer response in Redis meanwhile. What Redis gives is admitted to memory, except when a
 * write, a drop or a purge of that key came between asking and answering.
 */
export class TieredStore implements Store {
  readonly #memory: MemoryStore;
  readonly #redis: Store | undefined;
  readonly #now: () => EpochMs;
  readonly #emit: Emit;
  readonly #readings = new Map<string, Set<Reading>>();
  #readingCount = 0;
  /** One question at a time about a newer response than this stale one. */
  readonly #rechecks = new WeakMap<Entry, Promise<Lookup | undefined>>();

  constructor(options: TieredOptions) {
    this.#memory = options.memory;
    this.#redis = options.redis;
    this.#now = options.now;
    this.#emit = options.emit;
  }

  lookup(key: string, request: FieldLines): Lookup | Promise<Lookup> {
    const near = this.#memory.lookup(key, request);
    if (this.#redis === undefined) return near;
    if (near.type === "none") return this.#below(this.#redis, key, request, near);
    const { stored } = near.entry;
    if (!stored.noCache && currentAge(stored, this.#now()) < stored.freshnessLifetime) return near;
    return this.#newer(this.#redis, key, request, near);
  }

  /** Memory keeps the entry even when Redis does not; then this rejects with StoreError all the same. */
  async put(key: string, entry: Entry): Promise<void> {
    this.#outdate(key);
    this.#memory.keep(key, entry);
    await this.#redis?.put(key, entry);
  }

  /** As `put`: memory first, and a rejection tells of Redis alone. */
  async freshen(key: string, entry: Entry): Promise<void> {
    this.#outdate(key);
    this.#memory.keep(key, entry);
    await this.#redis?.freshen(key, entry);
  }

  async drop(target: PurgeTarget): Promise<void> {
    this.forget(target);
    await this.#redis?.drop(target);
  }

  /**
   * Frees what the target covers in memory alone, and forbids the admission of what is being read.
   * For purges of other instances, which have freed it in Redis themselves.
   */
  forget(target: PurgeTarget): void {
    if (target.type === "url") this.#outdate(target.key);
    else for (const key of this.#readings.keys()) this.#outdate(key);
    this.#memory.forget(target);
  }

  async close(): Promise<void> {
    await this.#memory.close();
    await this.#redis?.close();
  }

  async #below(redis: Store, key: string, request: FieldLines, near: Lookup): Promise<Lookup> {
    const far = await this.#read(redis, key, request);
    return far.type === "none" && near.type === "none" && near.fwd === "vary-miss" ? near : far;
  }

  async #newer(
    redis: Store,
    key: string,
    request: FieldLines,
    near: Extract<Lookup, { type: "found" }>,
  ): Promise<Lookup> {
    const { stored } = near.entry;
    let recheck = this.#rechecks.get(near.entry);
    if (recheck === undefined) {
      recheck = this.#read(redis, key, request, stored.responseTime)
        .catch((error: unknown) => this.#failed(error))
        .finally(() => this.#rechecks.delete(near.entry));
      this.#rechecks.set(near.entry, recheck);
    }
    const far = await recheck;
    if (far?.type !== "found" || far.entry.stored.responseTime <= stored.responseTime) return near;
    // The question may have been another request's.
    return variantMatches(far.entry.stored.selectingFields, request) ? far : near;
  }

  async #read(
    redis: Store,
    key: string,
    request: FieldLines,
    newerThan = Number.NEGATIVE_INFINITY,
  ): Promise<Lookup> {
    const reading = this.#begin(key);
    try {
      const far = await redis.lookup(key, request);
      if (far.type === "found" && !reading.outdated && far.entry.stored.responseTime > newerThan) {
        this.#memory.keep(key, far.entry);
      }
      return far;
    } finally {
      this.#end(key, reading);
    }
  }

  #begin(key: string): Reading {
    if (this.#readingCount >= MAX_READINGS) return { outdated: true };
    const reading = { outdated: false };
    const readings = this.#readings.get(key);
    if (readings === undefined) this.#readings.set(key, new Set([reading]));
    else readings.add(reading);
    this.#readingCount++;
    return reading;
  }

  #end(key: string, reading: Reading): void {
    const readings = this.#readings.get(key);
    if (readings?.delete(reading) !== true) return;
    this.#readingCount--;
    if (readings.size === 0) this.#readings.delete(key);
  }

  #outdate(key: string): void {
    for (const reading of this.#readings.get(key) ?? []) reading.outdated = true;
  }

  #failed(error: unknown): undefined {
    const code = error instanceof StoreError ? error.code : "unavailable";
    const message = error instanceof Error ? error.message : String(error);
    this.#emit({ type: "store-failed", tier: "redis", operation: "lookup", code, message });
  }
}
