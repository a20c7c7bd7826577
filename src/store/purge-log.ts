import type { Redis } from "ioredis";
import type { Emit } from "../cache/events.ts";
import { type PurgeLog, type PurgeNews, type PurgeTarget, StoreError } from "../cache/ports.ts";
import type { Epoch } from "../policy/stored-response.ts";
import type { RedisConnection } from "./connection.ts";
import {
  encodeTarget,
  FOLLOW,
  newsFrom,
  type PurgePage,
  parsePage,
  positionAfter,
} from "./purge-position.ts";
import { asStoreError, runScript } from "./redis-command.ts";
import { checkNamespace } from "./redis-layout.ts";

export interface PurgeLogOptions {
  readonly connection: RedisConnection;
  readonly emit: Emit;
  /** What every key begins with; default `freshline`. */
  readonly namespace?: string;
  /** Milliseconds that an unused log lives; longer than any entry. Default 30 days. */
  readonly keepMs?: number;
  /** About so many records are kept for followers that were away. Default 10 000. */
  readonly keepRecords?: number;
}

/** How often the wake-up connection is asked whether it is alive, and how long it may take to say so. */
const HEARTBEAT_MS = 1000;
/** Every so many heartbeats the log is read without being woken: that keeps it from expiring or being evicted. */
const BEATS_PER_TOUCH = 60;
const RETRY_MS = 250;
/** Targets that may wait to be appended; more are refused. */
const MAX_WAITING_TARGETS = 10_000;
/** So many targets make a script's batch full. */
const FULL_BATCH = 500;
const INVALIDATIONS = "__redis__:invalidate";

interface Waiting {
  readonly targets: readonly string[];
  readonly resolve: (epoch: Epoch) => void;
  readonly reject: (error: StoreError) => void;
}

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
  #hear: ((news: PurgeNews) => void) | undefined;
  #follower: Redis | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #beats = 0;
  #beating = false;
  /** Would this instance be woken: by Redis, or by its own clock where Redis refuses to? */
  #wakes: "no" | "by-redis" | "by-clock" = "no";
  #caughtUp = false;
  #failing = false;
  #seen: Epoch = 0;
  #waiting: Waiting[] = [];
  #waitingTargets = 0;
  #asked = false;
  #turning = false;
  #closed = false;

  constructor(options: PurgeLogOptions) {
    this.#connection = options.connection;
    this.#emit = options.emit;
    this.#prefix = `${checkNamespace(options.namespace ?? "freshline")}:{purges}`;
    this.#keepMs = options.keepMs ?? 30 * 24 * 60 * 60 * 1000;
    this.#keepRecords = options.keepRecords ?? 10_000;
  }

  follow(hear: (news: PurgeNews) => void): void {
    if (this.#hear !== undefined) throw new Error("the purge log is followed already");
    this.#hear = hear;
    const follower = this.#connection.follower(HEARTBEAT_MS);
    this.#follower = follower;
    follower.on("ready", () => void this.#arm(follower));
    follower.on("close", () => {
      if (this.#wakes === "by-redis") this.#wakes = "no";
    });
    follower.on("messageBuffer", this.#wake);
    this.#heartbeat = setInterval(() => void this.#beat(follower), HEARTBEAT_MS).unref();
  }

  /** Has everything that was appended anywhere been heard, and would more be? */
  attached(): boolean {
    return this.#wakes !== "no" && this.#caughtUp;
  }

  /** Resolves when this instance has heard its own records. A rejection with `timeout` may still be followed by them. */
  append(targets: readonly PurgeTarget[]): Promise<Epoch> {
    if (!this.attached())
      return Promise.reject(new StoreError("unavailable", "the purge log is out of reach"));
    if (targets.length === 0) return Promise.resolve(this.#seen);
    if (this.#waitingTargets + targets.length > MAX_WAITING_TARGETS) {
      return Promise.reject(new StoreError("refused", `more than ${MAX_WAITING_TARGETS} purges are waiting`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ targets: targets.map(encodeTarget), resolve, reject });
      this.#waitingTargets += targets.length;
      this.#wake();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wakes = "no";
    clearInterval(this.#heartbeat);
    clearTimeout(this.#retry);
    this.#follower?.disconnect();
    for (const { reject } of this.#waiting.splice(0))
      reject(new StoreError("unavailable", "the purge log is closed"));
  }

  /** From here on Redis wakes this instance: a connection that sends invalidations to itself. */
  async #arm(follower: Redis): Promise<void> {
    try {
      const id = await follower.client("ID");
      await follower.client("TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", this.#prefix);
      await follower.subscribe(INVALIDATIONS);
    } catch (cause) {
      if (this.#closed) return;
      const error = asStoreError(cause);
      if (error.code === "refused") this.#wakeByClock(follower, error);
      else follower.stream?.destroy();
      return;
    }
    if (this.#closed) return;
    this.#wakes = "by-redis";
    this.#caughtUp = false;
    this.#wake();
  }

  /** Some managed services allow no tracking: then the log is read every second. */
  #wakeByClock(follower: Redis, error: StoreError): void {
    this.#wakes = "by-clock";
    follower.disconnect();
    this.#tell(error.code, `the purge log is polled, since its changes cannot be heard: ${error.message}`);
    this.#wake();
  }

  async #beat(follower: Redis): Promise<void> {
    this.#beats++;
    if (this.#wakes === "by-clock" || this.#beats % BEATS_PER_TOUCH === 0) this.#wake();
    if (this.#wakes !== "by-redis" || this.#beating) return;
    this.#beating = true;
    try {
      await follower.ping();
    } catch {
      // Nothing else closes a half-open connection soon, and only a closed one is opened anew.
      if (!this.#closed) follower.stream?.destroy();
    } finally {
      this.#beating = false;
    }
  }

  readonly #wake = (): void => {
    this.#asked = true;
    if (!this.#turning) void this.#turns();
  };

  async #turns(): Promise<void> {
    this.#turning = true;
    while (!this.#closed && (this.#asked || this.#waiting.length > 0)) await this.#turn();
    this.#turning = false;
  }

  /** Appends what waits, hears what is new. Never rejects. */
  async #turn(): Promise<void> {
    this.#asked = false;
    const batch = this.#takeBatch();
    try {
      let page = await this.#read(batch.flatMap(({ targets }) => targets));
      const { appended } = page;
      while (this.#seen < page.epoch && !this.#closed) page = await this.#read([]);
      const attachedAnew = !this.#caughtUp;
      this.#caughtUp = true;
      this.#failing = false;
      if (attachedAnew) this.#pass({ type: "attached" });
      let done = 0;
      for (const { targets, resolve } of batch) {
        done += targets.length;
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

  #takeBatch(): Waiting[] {
    let count = 0;
    let size = 0;
    for (const { targets } of this.#waiting) {
      if (size > 0 && size + targets.length > FULL_BATCH) break;
      size += targets.length;
      count++;
    }
    this.#waitingTargets -= size;
    return this.#waiting.splice(0, count);
  }

  /** One run of the script; its news are heard before this resolves. */
  async #read(targets: readonly string[]): Promise<PurgePage> {
    const seen = this.#seen;
    const keys = [this.#prefix, `${this.#prefix}:epoch`, `${this.#prefix}:floor`];
    const args = [seen, this.#keepMs, this.#keepRecords, ...targets];
    const page = parsePage(await this.#connection.run((client) => runScript(client, FOLLOW, keys, args)));
    const news = newsFrom(seen, page);
    this.#seen = positionAfter(seen, news);
    if (this.#seen === seen && page.epoch > seen)
      throw new Error("the purge log has a gap that nothing fills");
    for (const item of news) this.#pass(item);
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
      if (this.#wakes !== "no") this.#wake();
    }, RETRY_MS).unref();
  }

  #tell(code: string, message: string): void {
    this.#emit({ type: "store-failed", tier: "redis", operation: "follow", code, message });
  }
}
