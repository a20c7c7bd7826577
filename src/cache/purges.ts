import type { Epoch, EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { BoundedMap } from "./bounded-map.ts";
import { type Emit, storeFailed } from "./events.ts";
import type { PurgeLog, PurgeMode, PurgeReceipt, PurgeRecord, PurgeTarget } from "./ports/purge-log.ts";
import { StoreError } from "./ports/store.ts";
import { NEVER, PurgeMemory } from "./purge-memory.ts";
import { type PatienceDeps, StorePatience } from "./store-patience.ts";

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
  /** How late a purge may be heard before what it may cover is validated first, in milliseconds (CACHE_MEMORY_GRACE). */
  readonly graceMs: number;
  /** How long an unsafe request waits for the log; absent where that is not the shared store's. */
  readonly patience?: PatienceDeps;
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
  readonly #graceMs: number;
  readonly #patience: PatienceDeps | undefined;
  readonly #memory = new PurgeMemory();
  #floor: Epoch = 0;
  #epoch: Epoch = 0;
  /** The latest birth of a response from elsewhere: it may be ahead of the log as it was heard here. */
  #latestBirth: Epoch = 0;
  #pending = this.#nonePending();
  #pendingEverything = false;
  #flushing = false;
  /** What is pending: in the log it will be younger than all that was stored before it. */
  #held = new PurgeMemory();

  constructor({ log, emit, forget, free, now, graceMs, patience }: PurgesDeps) {
    this.#log = log;
    this.#emit = emit;
    this.#forget = forget;
    this.#free = free;
    this.#now = now;
    this.#graceMs = graceMs;
    this.#patience = patience;
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
   * has deleted it. `tags` are its own.
   */
  staleSince(key: string, epoch: Epoch, tags: readonly string[]): EpochMs {
    // Born since the last purge, as most of what is asked for: none covers it.
    return epoch >= this.#epoch ? NEVER : this.#memory.staleSince(key, epoch, tags);
  }

  /** Is it purged, in whatever mode? `tags` are those of a response, where it is known already. */
  covers(key: string, epoch: Epoch, tags: readonly string[] = []): boolean {
    return this.staleSince(key, epoch, tags) < NEVER;
  }

  /** The same of a stored response, whose tags are not asked for without need: they may have to be read first. */
  coversStored(key: string, stored: Pick<StoredResponse, "epoch" | "tags">): boolean {
    return stored.epoch < this.#epoch && this.covers(key, stored.epoch, stored.tags);
  }

  /** What purges have said of what these names lead to, the latest first, as far as it is remembered. */
  touching(key: string, tags: readonly string[]): PurgeRecord[] {
    return this.#memory.touching(key, tags);
  }

  /**
   * May a response that arrived then be used as it is? Not where a purge may have covered it for
   * longer than the grace without being heard here.
   */
  vouchesFor(responseTime: EpochMs): boolean {
    // A clock that is ahead of ours vouches for nothing.
    return this.#log.behindMs() <= this.#graceMs || Math.abs(this.#now() - responseTime) <= this.#graceMs;
  }

  /**
   * Does an invalidation cover it that the log has not taken yet? Of a response from elsewhere nobody can
   * then tell whether it is older: the epochs that its instance has seen may be ahead of ours. To be asked
   * of every response from elsewhere before it is kept: invalidations after that shall cover it.
   */
  holdsBack(key: string, epoch: Epoch, tags: readonly string[]): boolean {
    this.#latestBirth = Math.max(this.#latestBirth, epoch);
    return this.#held.staleSince(key, 0, tags) < NEVER;
  }

  /** Purges on every instance. Rejects with StoreError when the log is away, as PurgeLog.append does. */
  async purge(targets: readonly PurgeTarget[], mode: PurgeMode = "delete"): Promise<PurgeReceipt> {
    const epoch = await this.#append(targets, mode, true);
    return { epoch, ...(await this.#log.acknowledged(epoch)) };
  }

  /**
   * Makes responses invalid after an unsafe request (RFC 9111 §4.4). The origin has changed
   * already, so this cannot be refused: while the log is away, or late, it holds here at once and
   * reaches the others when the log is back.
   */
  async invalidate(targets: readonly PurgeTarget[]): Promise<void> {
    const append = () => this.#append(targets);
    try {
      const epoch = await (this.#patience === undefined
        ? append()
        : new StorePatience(this.#patience, 0).wait(append));
      if (epoch === undefined) throw new StoreError("timeout", "the purge log did not answer in time");
    } catch (error) {
      this.#emit(storeFailed("purge", error));
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
      for (const target of targets)
        this.#free(target).catch((error) => this.#emit(storeFailed("drop", error)));
    // The log is there: what had to wait for it need not wait for news of it.
    this.#flush();
    return epoch;
  }

  /** Purges in this process, and in the log as soon as it is there. */
  #holdHere(targets: readonly PurgeTarget[]): void {
    this.#epoch = Math.max(this.#epoch, this.#latestBirth) + 1;
    for (const target of targets) {
      this.#record({ epoch: this.#epoch, target, mode: "delete" });
      this.#wait(target);
    }
  }

  #wait(target: PurgeTarget): void {
    const name = JSON.stringify(target);
    if (target.type === "everything") this.#pendingEverything = true;
    else if (this.#pending.get(name) === undefined) this.#pending.set(name, target);
    this.#hold(target);
  }

  /** Names that were let go for want of room are among everything. */
  #nonePending(): BoundedMap<PurgeTarget> {
    return new BoundedMap(PENDING_TARGETS, () => {
      this.#pendingEverything = true;
    });
  }

  #hold(target: PurgeTarget): void {
    this.#held.remember(this.#pendingEverything ? { type: "everything" } : target, "delete", 1, 0);
  }

  #record({ epoch, target, mode, at, travelledMs }: PurgeRecord): void {
    const now = this.#now();
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#memory.remember(target, mode, epoch, Math.min(at ?? now, now));
    // What is only stale is found in the store as before.
    if (mode === "delete") this.#forget(target);
    const travelled = travelledMs === undefined ? {} : { travelledMs };
    this.#emit({ type: "purged", target, mode, epoch, ...travelled });
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
    if (this.#flushing || (this.#pending.size === 0 && !this.#pendingEverything)) return;
    this.#flushing = true;
    void this.#flushPending().then((done) => {
      this.#flushing = false;
      if (done) this.#flush();
    });
  }

  /** Never rejects; false when the log is away again. */
  async #flushPending(): Promise<boolean> {
    const pending = this.#pending;
    const everything = this.#pendingEverything;
    this.#pending = this.#nonePending();
    this.#pendingEverything = false;
    try {
      await this.#append(everything ? [{ type: "everything" }] : [...pending.values()]);
      // What came meanwhile waits on.
      this.#held = new PurgeMemory();
      if (this.#pendingEverything) this.#hold({ type: "everything" });
      else for (const target of this.#pending.values()) this.#hold(target);
      return true;
    } catch {
      // The next attachment tries anew.
      for (const target of pending.values()) this.#wait(target);
      this.#pendingEverything ||= everything;
      return false;
    }
  }
}
