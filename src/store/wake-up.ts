import type { Redis } from "ioredis";
import type { StoreError } from "../cache/ports/store.ts";
import type { RedisConnection } from "./connection.ts";
import { asStoreError } from "./redis-command.ts";

/** Who wants to hear messages. */
export interface Listener {
  readonly channel: string;
  readonly onMessage: (message: string) => void;
  /** From now on messages on the channel are heard, or none are. */
  readonly onHearing?: (hearing: boolean) => void;
}

export interface WakeUpOptions {
  readonly connection: RedisConnection;
  /** Changes of keys that begin so are told. */
  readonly prefix: string;
  readonly listeners: readonly Listener[];
  /** Something may have changed. */
  readonly onWake: () => void;
  /** From now on changes are told; what came before may have been missed. */
  readonly onArmed: () => void;
  /** Redis refuses to tell of changes: from now on `onWake` is called at every beat. */
  readonly onRefused: (error: StoreError) => void;
  readonly onBeat: (beats: number) => void;
  /** Redis has answered the beat of last: all changes that it told of until then have been heard. */
  readonly onAlive: () => void;
}

/** How often the connection is asked whether it is alive, and how long it may take to say so. */
export const HEARTBEAT_MS = 1000;
const INVALIDATIONS = "__redis__:invalidate";

/**
 * When may a key have changed?
 *
 * A connection of its own, on which Redis tells when a key with the prefix changes, is evicted or
 * flushed (client-side caching, broadcasting).
 */
export class WakeUp {
  readonly #options: WakeUpOptions;
  readonly #follower: Redis;
  readonly #heartbeat: NodeJS.Timeout;
  #beats = 0;
  #pinging = false;
  /** Whose messages are heard. */
  #hearing: readonly Listener[] = [];
  /** Would a change be noticed: told by Redis, or by our own clock where Redis refuses to? */
  #wakes: "no" | "by-redis" | "by-clock" = "no";
  #closed = false;

  constructor(options: WakeUpOptions) {
    this.#options = options;
    this.#follower = options.connection.follower(HEARTBEAT_MS);
    this.#follower.on("ready", () => void this.#arm());
    this.#follower.on("close", () => {
      if (this.#wakes === "by-redis") this.#wakes = "no";
      this.#hears([]);
    });
    const listeners = new Map(options.listeners.map((listener) => [listener.channel, listener]));
    this.#follower.on("messageBuffer", (channel: Buffer, message: Buffer | null) => {
      const listener = listeners.get(channel.toString());
      if (listener === undefined) options.onWake();
      else listener.onMessage(String(message));
    });
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Would a change that happens now be noticed? */
  get armed(): boolean {
    return this.#wakes !== "no";
  }

  close(): void {
    this.#closed = true;
    this.#wakes = "no";
    this.#hears([]);
    clearInterval(this.#heartbeat);
    this.#follower.disconnect();
  }

  /** From here on Redis wakes us: a connection that sends invalidations to itself. */
  async #arm(): Promise<void> {
    const { prefix, listeners, onArmed } = this.#options;
    const follower = this.#follower;
    let hearing: Listener[] = [];
    try {
      const id = await follower.client("ID");
      await follower.client("TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", prefix);
      await follower.subscribe(INVALIDATIONS);
      // Nothing but promptness hangs on the other channels.
      const subscribed = listeners.map(({ channel }) => follower.subscribe(channel));
      const outcomes = await Promise.allSettled(subscribed);
      hearing = listeners.filter((_, i) => outcomes[i]?.status === "fulfilled");
    } catch (cause) {
      if (this.#closed) return;
      const error = asStoreError(cause);
      if (error.code === "refused") this.#wakeByClock(error);
      else follower.stream?.destroy();
      return;
    }
    if (this.#closed) return;
    this.#wakes = "by-redis";
    this.#hears(hearing);
    onArmed();
  }

  #hears(hearing: readonly Listener[]): void {
    const before = this.#hearing;
    this.#hearing = hearing;
    for (const listener of this.#options.listeners) {
      const hears = hearing.includes(listener);
      if (hears !== before.includes(listener)) listener.onHearing?.(hears);
    }
  }

  /** Some managed services allow no tracking. */
  #wakeByClock(error: StoreError): void {
    this.#wakes = "by-clock";
    this.#follower.disconnect();
    this.#options.onRefused(error);
  }

  async #beat(): Promise<void> {
    this.#beats++;
    if (this.#wakes === "by-clock") this.#options.onWake();
    this.#options.onBeat(this.#beats);
    if (this.#wakes !== "by-redis" || this.#pinging) return;
    this.#pinging = true;
    try {
      await this.#follower.ping();
      this.#options.onAlive();
    } catch {
      // Nothing else closes a half-open connection soon, and only a closed one is opened anew.
      if (!this.#closed) this.#follower.stream?.destroy();
    } finally {
      this.#pinging = false;
    }
  }
}
