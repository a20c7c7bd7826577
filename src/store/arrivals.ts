import type { Arrival, Arrivals, Outgoing, Sending } from "../cache/arrivals.ts";
import { type Emit, storeFailed } from "../cache/events.ts";
import { type ArrivalRecord, arrivalKey, parseArrival, parseArrivalMessage } from "./arrival-record.ts";
import { FOLLOW_BODY } from "./arrival-scripts.ts";
import { divide } from "./chunks.ts";
import type { RedisConnection } from "./connection.ts";
import { Following } from "./following.ts";
import type { Gate } from "./gate.ts";
import { runScript } from "./redis-command.ts";
import { baseKey, checkNamespace, entryName } from "./redis-layout.ts";
import { RedisSending } from "./sending.ts";
import type { Listener } from "./wake-up.ts";

export interface ArrivalsOptions {
  readonly connection: RedisConnection;
  readonly emit: Emit;
  /** What every key begins with. */
  readonly namespace: string;
  /** What this instance is called; no other may have the name. */
  readonly instance: string;
  /** Milliseconds after which a sender that says nothing is taken for gone. */
  readonly ttlMs: number;
  /** Longer bodies are divided, and can be read while they arrive. */
  readonly chunkBytes: number;
  readonly gate: Gate;
  /** Milliseconds for which a chunk is there that nothing leads to. Default 60 s. */
  readonly graceMs?: number;
}

/** Bodies that are sent or followed at once; more are stored, or waited for, as a whole. */
const CAPACITY = 1000;

/**
 * Long bodies, left in Redis chunk by chunk while they arrive.
 *
 * Who reads one is in its record, and is told of each chunk by a message; it asks Redis for nothing
 * but the chunks, each once. Whether the sender is there is told by messages, too: where none come for
 * as long as it would have lived without, Redis is asked once whether they were only lost.
 */
export class RedisArrivals implements Arrivals {
  /** To be heard over the connection that wakes the purge log. */
  readonly listener: Listener;
  readonly #options: ArrivalsOptions;
  readonly #channels: string;
  readonly #following = new Map<string, Set<Following>>();
  readonly #sending = new Set<RedisSending>();
  #followed = 0;
  #hearing = false;
  #closed = false;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
    this.#channels = `${checkNamespace(options.namespace)}:arriving:`;
    this.listener = {
      channel: this.#channels + options.instance,
      onMessage: (message) => {
        const heard = parseArrivalMessage(message);
        if (heard === undefined) return;
        for (const following of this.#following.get(heard.at) ?? []) following.hear(heard.news);
      },
      onHearing: (hearing) => {
        this.#hearing = hearing;
        // Nobody knows what was said meanwhile.
        if (hearing) for (const all of this.#following.values()) for (const each of all) each.askAgain();
      },
    };
  }

  /** Bodies that are sent or followed here. */
  get size(): number {
    return this.#sending.size + this.#followed;
  }

  send(outgoing: Outgoing): Sending | undefined {
    const { connection, emit, namespace, ttlMs, chunkBytes, gate, graceMs = 60_000 } = this.#options;
    const { key, stored } = outgoing;
    if (stored.bodyLength <= chunkBytes || this.#closed || this.size >= CAPACITY) return undefined;
    const body = outgoing.body.read();
    if (body === undefined) return undefined;
    const name = entryName(baseKey(namespace, key), stored);
    const chunks = divide(stored.bodyLength, chunkBytes);
    const place = { connection, gate, name, chunks };
    const at = arrivalKey(name, chunks);
    const onFailure = (error: unknown) => emit(storeFailed("put", error));
    const channels = this.#channels;
    const sending = new RedisSending({ ...place, outgoing, body, at, channels, ttlMs, graceMs, onFailure });
    this.#sending.add(sending);
    void sending.sent.finally(() => this.#sending.delete(sending));
    return sending;
  }

  async follow(at: string): Promise<Arrival | undefined> {
    if (!this.#hearing || this.#closed || this.size >= CAPACITY) return undefined;
    const { connection, gate, emit, ttlMs } = this.#options;
    const following = new Following({
      ttlMs,
      read: () => this.#read(at),
      bodyOf: ({ key, stored, name, chunks }) => ({
        ...{ connection, gate, name, chunks },
        length: stored.bodyLength,
        checksum: 0,
        onLost: (detail) => emit({ type: "foreign-value", key, detail }),
        onFailure: (error) => emit(storeFailed("read", error)),
      }),
    });
    // A message may be here before the answer.
    this.#listen(at, following);
    return following.begin();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const all of this.#following.values()) for (const each of all) each.hear("broken");
    const sending = [...this.#sending];
    for (const each of sending) each.stop();
    await Promise.all(sending.map(({ sent }) => sent));
  }

  /** The arrival as it is now; undefined where it is gone. Rejects with StoreError. */
  async #read(at: string): Promise<ArrivalRecord | undefined> {
    const { connection, namespace, instance, ttlMs } = this.#options;
    const args = [instance, ttlMs];
    const fields = await connection.run((client) => runScript(client, FOLLOW_BODY, [at], args), at);
    return parseArrival(at, namespace, fields);
  }

  #listen(at: string, following: Following): void {
    const others = this.#following.get(at) ?? new Set();
    this.#following.set(at, others.add(following));
    this.#followed++;
    void following.over.then(() => {
      this.#followed--;
      others.delete(following);
      if (others.size === 0) this.#following.delete(at);
    });
  }
}
