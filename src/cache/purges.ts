import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import type { Emit } from "./events.ts";
import {
  type PurgeLog,
  type PurgeMode,
  type PurgeReceipt,
  type PurgeRecord,
  type PurgeTarget,
  StoreError,
} from "./ports.ts";
import { NEVER, PurgeMemory } from "./purge-memory.ts";

/** How many invalidations wait for a log that is away, before they become one of everything. */
const PENDING_TARGETS = 1_000;

interface PurgesDeps {
  readonly log: PurgeLog;
  readonly emit: Emit;
  /** Frees what a record covers in this process. */
  readonly forget: (target: PurgeTarget) => void;
  /** Frees what a purge of ours covers where all instances look; its failure costs space, for a while. */
  readonly free: (target: PurgeTarget) => Promise<void>;
  readonly now: () => EpochMs;
}

/**
 * Is this entry purged?
 *
 * Follows the purge log and compares epochs: an entry carries the epoch at which its fetch
 * began, so that a purge covers what was stored before it and what was under way.
 */
export class Purges {
  readonly #log: PurgeLog;
  readonly #emit: Emit;
  readonly #forget: (target: PurgeTarget) => void;
  readonly #free: (target: PurgeTarget) => Promise<void>;
  readonly #now: () => EpochMs;
  readonly #memory = new PurgeMemory();
  #floor: Epoch = 0;
  #epoch: Epoch = 0;
  #pending = new Map<string, PurgeTarget>();
  #pendingEverything = false;

  constructor({ log, emit, forget, free, now }: PurgesDeps) {
    this.#log = log;
    this.#emit = emit;
    this.#forget = forget;
    this.#free = free;
    this.#now = now;
    log.follow((news) => {
      switch (news.type) {
        case "record":
          this.#record(news.record);
          break;
        case "floor":
          this.#raise(news.floor, news.epoch);
          break;
        case "attached":
          this.#flush();
          break;
      }
    });
  }

  /** The epoch for a fetch that begins now. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /**
   * Since when has a stored response been stale by purges? NEVER where none covers it, EVER where one
   * has deleted it. `tags` are its groups.
   */
  staleSince(key: string, epoch: Epoch, tags: readonly string[]): EpochMs {
    return this.#memory.staleSince(key, epoch, tags);
  }

  /** Is it purged, in whatever mode? `tags` are the groups of a response, where it is known already. */
  covers(key: string, epoch: Epoch, tags: readonly string[] = []): boolean {
    return this.#memory.staleSince(key, epoch, tags) < NEVER;
  }

  /** Is what a fetch born then brings purged, or so old that nobody remembers? */
  coversFetch(key: string, epoch: Epoch, tags: readonly string[]): boolean {
    return this.#memory.mayHaveForgotten(epoch) || this.covers(key, epoch, tags);
  }

  /** Purges on every instance. Rejects with StoreError when the log is away, as PurgeLog.append does. */
  async purge(targets: readonly PurgeTarget[], mode: PurgeMode = "delete"): Promise<PurgeReceipt> {
    const epoch = await this.#append(targets, mode, true);
    return { epoch, ...(await this.#log.acknowledged(epoch)) };
  }

  /**
   * Makes responses invalid after an unsafe request (RFC 9111 §4.4). The origin has changed
   * already, so this cannot be refused: while the log is away it holds here at once and
   * reaches the others when the log is back.
   */
  async invalidate(targets: readonly PurgeTarget[]): Promise<void> {
    try {
      await this.#append(targets);
    } catch (error) {
      this.#failed("purge", error);
      this.#holdHere(targets);
    }
  }

  async #append(
    targets: readonly PurgeTarget[],
    mode: PurgeMode = "delete",
    acknowledge = false,
  ): Promise<Epoch> {
    const epoch = await this.#log.append(targets, mode, acknowledge);
    if (mode === "delete")
      for (const target of targets) this.#free(target).catch((error) => this.#failed("drop", error));
    // The log is there: what had to wait for it need not wait for news of it.
    this.#flush();
    return epoch;
  }

  #failed(operation: "purge" | "drop", error: unknown): void {
    const code = error instanceof StoreError ? error.code : "refused";
    this.#emit({ type: "store-failed", tier: "redis", operation, code, message: String(error) });
  }

  /** Purges in this process, and in the log as soon as it is there. */
  #holdHere(targets: readonly PurgeTarget[]): void {
    this.#epoch++;
    for (const target of targets) {
      this.#record({ epoch: this.#epoch, target, mode: "delete" });
      this.#wait(target);
    }
  }

  #wait(target: PurgeTarget): void {
    const name = JSON.stringify(target);
    if (target.type === "everything") this.#pendingEverything = true;
    else if (this.#pending.size < PENDING_TARGETS || this.#pending.has(name)) this.#pending.set(name, target);
    else this.#pendingEverything = true;
  }

  #record({ epoch, target, mode, at }: PurgeRecord): void {
    const now = this.#now();
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#memory.remember(target, mode, epoch, Math.min(at ?? now, now));
    // What is only stale is found in the store as before.
    if (mode === "delete") this.#forget(target);
    this.#emit({ type: "purged", target, mode, epoch });
  }

  #raise(floor: Epoch, epoch: Epoch): void {
    if (floor > this.#floor) {
      this.#floor = floor;
      this.#memory.raise(floor);
      this.#forget({ type: "everything" });
    }
    this.#epoch = Math.max(this.#epoch, epoch, floor);
  }

  #flush(): void {
    if (this.#pending.size > 0 || this.#pendingEverything) void this.#flushPending();
  }

  async #flushPending(): Promise<void> {
    const pending = this.#pending;
    const everything = this.#pendingEverything;
    this.#pending = new Map();
    this.#pendingEverything = false;
    try {
      await this.#append(everything ? [{ type: "everything" }] : [...pending.values()]);
    } catch {
      // Away again: the next attachment tries anew.
      for (const target of pending.values()) this.#wait(target);
      this.#pendingEverything ||= everything;
    }
  }
}
