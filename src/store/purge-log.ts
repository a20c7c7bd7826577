import { randomUUID } from "node:crypto";
import type { Emit } from "../cache/events.ts";
import type {
  Acknowledged,
  PurgeLog,
  PurgeMode,
  PurgeNews,
  PurgeRecord,
  PurgeTarget,
} from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { Epoch } from "../policy/stored-response.ts";
import type { RedisConnection } from "./connection.ts";
import { Instances, PRESENCE_MS } from "./instances.ts";
import { FOLLOW, newsFrom, type PurgePage, parsePage, positionAfter } from "./purge-position.ts";
import { type Batch, PurgeQueue, recordsOf } from "./purge-queue.ts";
import { asStoreError, runScript } from "./redis-command.ts";
import { checkNamespace } from "./redis-layout.ts";
import { HEARTBEAT_MS, type Listener, WakeUp } from "./wake-up.ts";

export interface PurgeLogOptions {
  readonly connection: RedisConnection;
  readonly emit: Emit;
  /** What every key begins with; default `freshline`. */
  readonly namespace?: string;
  /** Milliseconds that an unused log lives; longer than any entry. Default 30 days. */
  readonly keepMs?: number;
  /** About so many records are kept for followers that were away. Default 10 000. */
  readonly keepRecords?: number;
  /** What this instance is called in receipts; a name that nobody else has when absent. */
  readonly instance?: string;
  /** Milliseconds that a purge waits for other instances to hear of it. Default 1000. */
  readonly ackTimeoutMs?: number;
  /** Others who hear messages over the connection that wakes the log. */
  readonly listeners?: readonly Listener[];
  /** Milliseconds on a clock that never goes back; performance.now when absent. */
  readonly elapsed?: () => number;
}

/** Every so many heartbeats the log is read without being woken: that keeps it from expiring or being evicted. */
const BEATS_PER_TOUCH = 60;
/** Every so many heartbeats this instance says that it is here. */
const BEATS_PER_PRESENCE = Math.floor(PRESENCE_MS / HEARTBEAT_MS);
const RETRY_MS = 250;
/** Without a heartbeat for so long this process has slept, whatever it believes of its connections. */
const ASLEEP_MS = 2.5 * HEARTBEAT_MS;

/**
 * The purge log that instances share, in Redis.
 *
 * A second connection does nothing but wake this one: Redis tells it when a key of the log changes,
 * is evicted or flushed. Whatever the news, the answer is the same: one turn of the script that
 * appends what waits and reads what follows the epoch seen last. Turns never overlap, so records are
 * heard in order, each once.
 */
export class RedisPurgeLog implements PurgeLog {
  readonly #connection: RedisConnection;
  readonly #emit: Emit;
  readonly #prefix: string;
  readonly #keepMs: number;
  readonly #keepRecords: number;
  readonly #instances: Instances;
  readonly #listeners: readonly Listener[];
  readonly #elapsed: () => number;
  /** All that was appended before this moment has been heard. */
  #heardUntil = Number.NEGATIVE_INFINITY;
  #beatAt = Number.NEGATIVE_INFINITY;
  #hear: ((news: PurgeNews) => void) | undefined;
  #wakeUp: WakeUp | undefined;
  #retry: NodeJS.Timeout | undefined;
  #caughtUp = false;
  #failing = false;
  #seen: Epoch = 0;
  readonly #queue = new PurgeQueue();
  #asked = false;
  #turning = false;
  #closed = false;

  constructor(options: PurgeLogOptions) {
    this.#connection = options.connection;
    this.#emit = options.emit;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    const namespace = checkNamespace(options.namespace ?? "freshline");
    this.#prefix = `${namespace}:{purges}`;
    this.#instances = new Instances({
      connection: options.connection,
      namespace,
      name: options.instance ?? randomUUID(),
      patienceMs: options.ackTimeoutMs ?? 1000,
      onFailure: ({ code, message }) =>
        this.#tell(code, `receipts of purges may not count this instance: ${message}`),
    });
    const { channel } = this.#instances;
    const onMessage = (message: string) => this.#instances.heard(message);
    this.#listeners = [{ channel, onMessage }, ...(options.listeners ?? [])];
    this.#keepMs = options.keepMs ?? 30 * 24 * 60 * 60 * 1000;
    this.#keepRecords = options.keepRecords ?? 10_000;
  }

  follow(hear: (news: PurgeNews) => void): void {
    if (this.#hear !== undefined) throw new Error("the purge log is followed already");
    this.#hear = hear;
    this.#wakeUp = new WakeUp({
      connection: this.#connection,
      prefix: this.#prefix,
      listeners: this.#listeners,
      onWake: this.#wake,
      onArmed: () => {
        this.#caughtUp = false;
        this.#wake();
      },
      onRefused: ({ code, message }) => {
        this.#tell(code, `the purge log is polled, since its changes cannot be heard: ${message}`);
        this.#wake();
      },
      onBeat: (beats) => {
        this.#beatAt = this.#elapsed();
        if (beats % BEATS_PER_TOUCH === 0) this.#wake();
        if (beats % BEATS_PER_PRESENCE === 0 && this.attached()) void this.#instances.present(this.#seen);
      },
      onAlive: () => {
        if (this.attached() && !this.#turning) this.#heardUntil = this.#beatAt;
      },
    });
  }

  /** Has everything that was appended anywhere been heard, and would more be? */
  attached(): boolean {
    return this.#wakeUp?.armed === true && this.#caughtUp;
  }

  behindMs(): number {
    const behind = this.#elapsed() - this.#heardUntil;
    return this.attached() && behind <= ASLEEP_MS ? 0 : behind;
  }

  append(targets: readonly PurgeTarget[], mode: PurgeMode, acknowledge = false): Promise<Epoch> {
    if (!this.attached())
      return Promise.reject(new StoreError("unavailable", "the purge log is out of reach"));
    if (targets.length === 0) return Promise.resolve(this.#seen);
    const appended = this.#queue.add(targets, mode, acknowledge ? this.#instances.name : "");
    this.#wake();
    return appended;
  }

  acknowledged(epoch: Epoch): Promise<Acknowledged> {
    return this.#instances.acknowledged(epoch);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#wakeUp?.close();
    this.#queue.close();
    await this.#instances.close();
  }

  readonly #wake = (): void => {
    this.#asked = true;
    if (!this.#turning) void this.#turns();
  };

  async #turns(): Promise<void> {
    this.#turning = true;
    while (!this.#closed && (this.#asked || !this.#queue.isEmpty)) await this.#turn();
    this.#turning = false;
  }

  /** Appends what waits, hears what is new. Never rejects. */
  async #turn(): Promise<void> {
    this.#asked = false;
    const batch = this.#queue.takeBatch();
    const startedAt = this.#elapsed();
    try {
      let page = await this.#read(batch);
      const { appended } = page;
      while (this.#seen < page.epoch && !this.#closed) page = await this.#read([]);
      const attachedAnew = !this.#caughtUp;
      this.#caughtUp = true;
      this.#heardUntil = startedAt;
      this.#failing = false;
      if (attachedAnew) this.#pass({ type: "attached" });
      if (attachedAnew || this.#instances.isAsked) void this.#instances.present(this.#seen);
      let done = 0;
      for (const { purges, resolve } of batch) {
        done += purges.length;
        resolve(appended[done - 1] ?? this.#seen);
      }
    } catch (cause) {
      const error = asStoreError(cause);
      this.#caughtUp = false;
      for (const { reject } of batch) reject(error);
      if (!this.#failing && !this.#closed) this.#tell(error.code, error.message);
      this.#failing = true;
      this.#retryLater();
    }
  }

  /** One run of the script; its news are heard before this resolves. */
  async #read(batch: Batch): Promise<PurgePage> {
    const seen = this.#seen;
    const keys = [this.#prefix, `${this.#prefix}:epoch`, `${this.#prefix}:floor`];
    const args = [seen, this.#keepMs, this.#keepRecords, ...recordsOf(batch)];
    const startedAt = this.#elapsed();
    const page = parsePage(await this.#connection.run((client) => runScript(client, FOLLOW, keys, args)));
    const roundTripMs = this.#elapsed() - startedAt;
    const news = newsFrom(seen, page);
    this.#seen = positionAfter(seen, news);
    if (this.#seen === seen && page.epoch > seen)
      throw new Error("the purge log has a gap that nothing fills");
    for (const item of news) {
      // What was appended before this instance was there, or by itself, has not travelled.
      if (seen === 0 || item.type !== "record" || page.appended.includes(item.record.epoch)) this.#pass(item);
      else this.#pass(withTravel(item.record, page, roundTripMs));
    }
    // Who asked before this instance was there waits no longer.
    if (seen > 0) for (const { asker } of page.records) this.#instances.askedBy(asker);
    return page;
  }

  #pass(news: PurgeNews): void {
    if (this.#closed) return;
    try {
      this.#hear?.(news);
    } catch (error) {
      this.#tell("unavailable", `a follower of the purge log failed: ${String(error)}`);
    }
  }

  #retryLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#wakeUp?.armed === true) this.#wake();
    }, RETRY_MS).unref();
  }

  #tell(code: string, message: string): void {
    this.#emit({ type: "store-failed", tier: "redis", operation: "follow", code, message });
  }
}

/** From the append to the reading by the clock of Redis, and back within the time of the whole round trip. */
const withTravel = (record: PurgeRecord, { micros }: PurgePage, roundTripMs: number): PurgeNews => ({
  type: "record",
  record: { ...record, travelledMs: Math.max(0, micros - record.epoch) / 1000 + roundTripMs },
});
