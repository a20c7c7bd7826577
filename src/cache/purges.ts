import type { Epoch } from "../policy/stored-response.ts";
import type { Emit } from "./events.ts";
import { type PurgeLog, type PurgeRecord, type PurgeTarget, StoreError } from "./ports.ts";

/** How many single URLs are remembered; older ones have been freed in the store itself. */
const REMEMBERED_URLS = 10_000;
/** How many invalidations wait for a log that is away, before they become one of everything. */
const PENDING_URLS = 1_000;

interface PurgesDeps {
  readonly log: PurgeLog;
  readonly emit: Emit;
  /** Frees what a record covers in this process. */
  readonly forget: (target: PurgeTarget) => void;
  /** Frees what a purge of ours covers where all instances look; its failure costs space, for a while. */
  readonly free: (target: PurgeTarget) => Promise<void>;
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
  readonly #urls = new Map<string, Epoch>();
  #floor: Epoch = 0;
  #epoch: Epoch = 0;
  #pending = new Set<string>();
  #pendingEverything = false;
  #everAttached = false;

  constructor({ log, emit, forget, free }: PurgesDeps) {
    this.#log = log;
    this.#emit = emit;
    this.#forget = forget;
    this.#free = free;
    log.follow((news) => {
      switch (news.type) {
        case "record":
          this.#record(news.record);
          break;
        case "floor":
          this.#raise(news.floor, news.epoch);
          break;
        case "attached":
          this.#everAttached = true;
          this.#flush();
          break;
      }
    });
  }

  /** The epoch for a fetch that begins now. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  covers(key: string, epoch: Epoch): boolean {
    return epoch < this.#floor || epoch < (this.#urls.get(key) ?? 0);
  }

  /**
   * Purges on every instance. Rejects with StoreError when the log is away: then nothing was
   * purged. Where there never was a log, this process is all there is, and it purges itself.
   */
  async purge(targets: readonly PurgeTarget[]): Promise<Epoch> {
    if (this.#everAttached) return this.#append(targets);
    this.#holdHere(targets);
    return this.#epoch;
  }

  /**
   * Makes keys invalid after an unsafe request (RFC 9111 §4.4). The origin has changed
   * already, so this cannot be refused: while the log is away it holds here at once and
   * reaches the others when the log is back.
   */
  async invalidate(keys: readonly string[]): Promise<void> {
    const targets: PurgeTarget[] = keys.map((key) => ({ type: "url", key }));
    try {
      await this.#append(targets);
    } catch (error) {
      this.#failed("purge", error);
      this.#holdHere(targets);
    }
  }

  async #append(targets: readonly PurgeTarget[]): Promise<Epoch> {
    const epoch = await this.#log.append(targets);
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
      this.#record({ epoch: this.#epoch, target });
      this.#wait(target);
    }
  }

  #wait(target: PurgeTarget): void {
    if (target.type === "everything") this.#pendingEverything = true;
    else if (this.#pending.size < PENDING_URLS || this.#pending.has(target.key))
      this.#pending.add(target.key);
    else this.#pendingEverything = true;
  }

  #record(record: PurgeRecord): void {
    const { epoch, target } = record;
    this.#epoch = Math.max(this.#epoch, epoch);
    switch (target.type) {
      case "url":
        this.#urls.delete(target.key);
        this.#urls.set(target.key, epoch);
        if (this.#urls.size > REMEMBERED_URLS) {
          const oldest = this.#urls.keys().next().value;
          if (oldest !== undefined) this.#urls.delete(oldest);
        }
        break;
      case "everything":
        this.#floor = Math.max(this.#floor, epoch);
        this.#urls.clear();
        break;
    }
    this.#forget(target);
    this.#emit({ type: "purged", target, epoch });
  }

  #raise(floor: Epoch, epoch: Epoch): void {
    if (floor > this.#floor) {
      this.#floor = floor;
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
    this.#pending = new Set();
    this.#pendingEverything = false;
    try {
      const targets: PurgeTarget[] = everything
        ? [{ type: "everything" }]
        : [...pending].map((key) => ({ type: "url", key }));
      await this.#append(targets);
    } catch {
      // Away again: the next attachment tries anew.
      for (const key of pending) this.#wait({ type: "url", key });
      this.#pendingEverything ||= everything;
    }
  }
}
