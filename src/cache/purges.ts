import type { Epoch } from "../policy/stored-response.ts";
import type { Emit } from "./events.ts";
import { type PurgeLog, type PurgeRecord, type PurgeTarget, StoreError } from "./ports.ts";

/** How many single URLs are remembered; older ones have been freed in the store itself. */
const REMEMBERED_URLS = 10_000;
/** How many groups are remembered; beyond them everything older than the oldest is purged. */
const REMEMBERED_TAGS = 100_000;
/** How many invalidations wait for a log that is away, before they become one of everything. */
const PENDING_TARGETS = 1_000;

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
  readonly #tags = new Map<string, Epoch>();
  #floor: Epoch = 0;
  /** The newest purge of a URL that is no longer remembered. */
  #forgotten: Epoch = 0;
  #epoch: Epoch = 0;
  #pending = new Map<string, PurgeTarget>();
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

  /** `tags` are the groups of a response, where it is known already. */
  covers(key: string, epoch: Epoch, tags: readonly string[] = []): boolean {
    if (epoch < this.#floor || epoch < (this.#urls.get(key) ?? 0)) return true;
    if (tags.length === 0 || this.#tags.size === 0) return false;
    const site = siteOf(key);
    return tags.some((tag) => epoch < (this.#tags.get(groupKey(site, tag)) ?? 0));
  }

  /** Is what a fetch born then brings purged, or so old that nobody remembers? */
  coversFetch(key: string, epoch: Epoch, tags: readonly string[]): boolean {
    return epoch < this.#forgotten || this.covers(key, epoch, tags);
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
    const name = JSON.stringify(target);
    if (target.type === "everything") this.#pendingEverything = true;
    else if (this.#pending.size < PENDING_TARGETS || this.#pending.has(name)) this.#pending.set(name, target);
    else this.#pendingEverything = true;
  }

  #record(record: PurgeRecord): void {
    const { epoch, target } = record;
    this.#epoch = Math.max(this.#epoch, epoch);
    switch (target.type) {
      case "url":
        // Those forgotten have been freed in the store itself; what was under way then must not come back.
        this.#forgotten = remember(this.#urls, target.key, epoch, REMEMBERED_URLS) ?? this.#forgotten;
        break;
      case "tag": {
        const forgotten = remember(this.#tags, groupKey(target.site, target.tag), epoch, REMEMBERED_TAGS);
        if (forgotten !== undefined) this.#floor = Math.max(this.#floor, forgotten);
        break;
      }
      case "everything":
        this.#floor = Math.max(this.#floor, epoch);
        this.#urls.clear();
        this.#tags.clear();
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

/** A primary key's scheme and authority, as they are in it: groups do not reach beyond their origin (RFC 9875 §2.1). */
export const siteOf = (key: string): string => key.slice(0, key.indexOf("/", key.indexOf("://") + 3));

const groupKey = (site: string, tag: string): string => `${site} ${tag}`;

/** Remembers at most `capacity` of them, the newest; answers the epoch of the one that was forgotten for it. */
function remember(
  epochs: Map<string, Epoch>,
  name: string,
  epoch: Epoch,
  capacity: number,
): Epoch | undefined {
  epochs.delete(name);
  epochs.set(name, epoch);
  if (epochs.size <= capacity) return undefined;
  for (const [oldest, when] of epochs) {
    epochs.delete(oldest);
    return when;
  }
  return undefined;
}
