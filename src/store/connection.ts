import { Redis } from "ioredis";
import type { Emit } from "../cache/events.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { Breaker } from "./breaker.ts";
import { asStoreError } from "./redis-command.ts";

export interface ConnectionOptions {
  /** redis:// or rediss://, `[user:password@]host[:port][/db]`. */
  readonly url: string;
  readonly now: () => EpochMs;
  readonly emit: Emit;
  /** Milliseconds that one command may take; default 250. */
  readonly commandTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 1000;
/** A peer that does not close its side is not waited for. */
const DISCONNECT_TIMEOUT_MS = 100;
/** A connection that owes an answer and sends nothing for so long is dead. */
const SILENCE_MS = 1000;
const SHORTEST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1000;

/** Milliseconds before the n-th reconnection (from 1): doubling, bounded, and never the same for all instances. */
export const retryDelay = (attempt: number, random: () => number = Math.random): number =>
  Math.round(Math.min(LONGEST_RETRY_MS, SHORTEST_RETRY_MS * 2 ** (attempt - 1)) * (0.5 + random() / 2));

/**
 * The connection to Redis that carries commands; it heals itself for as long as it is not closed.
 *
 * Nothing waits in a queue for a Redis that is away: commands fail at once, and the breaker
 * keeps further ones from being tried. Emits `store-state` on every change.
 */
export class RedisConnection {
  readonly client: Redis;
  readonly breaker: Breaker;
  readonly #options: ReturnType<typeof commonOptions>;
  #closed = false;

  /** Throws an Error with one sentence when the URL is not one; the password is not in it. */
  constructor(options: ConnectionOptions) {
    const where = maskPassword(options.url);
    this.#options = commonOptions(options);
    this.breaker = new Breaker({
      now: options.now,
      onChange: (up, detail) => {
        if (this.#closed) return;
        options.emit({
          type: "store-state",
          up,
          detail: up ? `connected to ${where}` : `${detail} (${where})`,
        });
      },
    });
    this.client = new Redis({
      ...this.#options,
      socketTimeout: SILENCE_MS,
      enableAutoPipelining: true,
      // Bodies are written by scripts: batched with them, small reads would wait for large writes.
      autoPipeliningIgnoredCommands: ["evalsha", "eval"],
    });
    let reason: string | undefined;
    this.client.on("error", (error: Error) => {
      reason = error.message;
    });
    this.client.on("ready", () => {
      reason = undefined;
      this.breaker.succeeded();
    });
    this.client.on("close", () => this.breaker.trip(reason ?? "Redis closed the connection"));
  }

  /** Runs commands under the breaker. Rejects only with StoreError. */
  run<T>(operation: (client: Redis) => Promise<T>): Promise<T> {
    return this.breaker.run(() => operation(this.client), asStoreError);
  }

  /** One more connection to the same Redis, for subscriptions; its owner closes it. */
  follower(commandTimeoutMs: number): Redis {
    const follower = new Redis({
      ...this.#options,
      connectionName: "freshline-follower",
      commandTimeout: commandTimeoutMs,
      // ioredis 6 drops invalidation pushes under RESP3; under RESP2 they are messages.
      protocol: 2,
      autoResubscribe: false,
    });
    follower.on("error", () => undefined);
    return follower;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.client.disconnect();
  }
}

const commonOptions = (options: ConnectionOptions) => ({
  ...addressOf(options.url),
  connectionName: "freshline",
  disableClientInfo: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  commandTimeout: options.commandTimeoutMs ?? 250,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // A command that failed was given up: sent again later, it could undo a newer one.
  autoResendUnfulfilledCommands: false,
  retryStrategy: (attempt: number) => retryDelay(attempt),
});

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: object;
}

const EXPECTED = "expected redis://[user:password@]host[:port][/database] or rediss://…";

/** Where and as whom; throws one sentence, without the password, when it is not a Redis URL. */
export function addressOf(url: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const database = /^\/?(\d{1,4})?$/.exec(parsed?.pathname ?? "?");
  if (
    parsed === undefined ||
    database === null ||
    parsed.hostname === "" ||
    parsed.search !== "" ||
    parsed.hash !== "" ||
    !(parsed.protocol === "redis:" || parsed.protocol === "rediss:")
  ) {
    throw new Error(`not a Redis URL: "${maskPassword(url)}" (${EXPECTED})`);
  }
  const host = decoded(parsed.hostname, url).replace(/^\[(.*)\]$/, "$1");
  return {
    host,
    port: parsed.port === "" ? 6379 : Number(parsed.port),
    db: Number(database[1] ?? 0),
    ...(parsed.username === "" ? {} : { username: decoded(parsed.username, url) }),
    ...(parsed.password === "" ? {} : { password: decoded(parsed.password, url) }),
    ...(parsed.protocol === "rediss:" ? { tls: {} } : {}),
  };
}

function decoded(part: string, url: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(`not a Redis URL: "${maskPassword(url)}" has a "%" that encodes nothing (${EXPECTED})`);
  }
}

/** The URL as it may be shown: whatever stands before the last "@" may be a secret. */
export const maskPassword = (url: string): string => url.replace(/(:\/\/).*@/s, "$1***@");
