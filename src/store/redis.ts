import type { Emit } from "../cache/events.ts";
import { type Entry, type Lookup, type PurgeTarget, type Store, StoreError } from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import { selectFrom, variantId, variantMatches } from "../policy/key.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { CHECKSUM_BYTES, chunkPrefix, parseChunks } from "./chunks.ts";
import { bodyMatches, decodeMeta, type Meta } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { Gate } from "./gate.ts";
import { RedisBody } from "./redis-body.ts";
import { isReply, runScript } from "./redis-command.ts";
import { baseKey, checkNamespace, variantSuffix } from "./redis-layout.ts";
import { MEASURE } from "./redis-scripts.ts";
import { RedisWriter } from "./redis-writer.ts";

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  readonly now: () => EpochMs;
  readonly emit: Emit;
  /** What every key begins with; default `freshline`. */
  readonly namespace?: string;
  /** Bytes of bodies that may be on their way to Redis at once; more are refused. Default 64 MiB. */
  readonly maxPendingBytes?: number;
  /** Longer bodies are stored in chunks of so many bytes. Default 256 KiB. */
  readonly chunkBytes?: number;
  /** Milliseconds for which the chunks of a body outlive its entry, for those who read it. Default 60 s. */
  readonly graceMs?: number;
}

/** Bytes of chunks that are on their way at once, both ways together: one chunk at least. */
const CHUNKS_UNDER_WAY = 1024 * 1024;

const URI_MISS: Lookup = { type: "none", fwd: "uri-miss" };
const VARY_MISS: Lookup = { type: "none", fwd: "vary-miss" };

/**
 * The Redis tier: one hash per variant, readable in redis-cli, and two of its fields read on a hit.
 * A body longer than a chunk lies beside it, under keys of its own, which its `body` field tells.
 *
 * Nothing that comes out of Redis is believed: an entry must be of our version, undamaged, of the
 * key that was asked for, selected by the request, and have its own body. Anything else is a miss.
 */
export class RedisStore implements Store {
  readonly #connection: RedisConnection;
  readonly #now: () => EpochMs;
  readonly #emit: Emit;
  readonly #namespace: string;
  readonly #gate: Gate;
  readonly #writer: RedisWriter;

  constructor(options: RedisStoreOptions) {
    const { connection, now, emit, chunkBytes = 256 * 1024 } = options;
    this.#connection = connection;
    this.#now = now;
    this.#emit = emit;
    this.#namespace = checkNamespace(options.namespace ?? "freshline");
    this.#gate = new Gate(Math.max(1, Math.floor(CHUNKS_UNDER_WAY / chunkBytes)));
    this.#writer = new RedisWriter({
      connection,
      gate: this.#gate,
      now,
      namespace: this.#namespace,
      maxPendingBytes: options.maxPendingBytes ?? 64 * 1024 * 1024,
      chunkBytes,
      graceMs: options.graceMs ?? 60_000,
    });
  }

  async lookup(key: string, request: FieldLines): Promise<Lookup> {
    const base = baseKey(this.#namespace, key);
    const [meta, body] = await this.#read(base, key);
    switch (meta?.type) {
      case undefined:
      case "foreign":
        return URI_MISS;
      case "entry":
        return (await this.#found(base, key, request, meta, body)) ?? URI_MISS;
      case "divided":
        return (await this.#variant(base, key, request, meta.sets)) ?? VARY_MISS;
    }
  }

  async put(key: string, entry: Entry): Promise<void> {
    if (!(await this.#writer.write("put", key, entry)))
      throw new StoreError("refused", "chunks of the body were gone before all were written");
  }

  async freshen(key: string, entry: Entry): Promise<void> {
    if (!(await this.#writer.write("freshen", key, entry))) await this.put(key, entry);
  }

  /** More than one key is more than Redis can find without walking them all: the purge log covers those. */
  async drop(target: PurgeTarget): Promise<void> {
    if (target.type !== "url") return;
    await this.#writer.drop(target.key);
  }

  /** Nothing to do: the connection is shared, and its owner closes it. */
  async close(): Promise<void> {}

  /** The newest variant that the request selects, of those that the known sets of names lead to. */
  async #variant(
    base: string,
    key: string,
    request: FieldLines,
    sets: readonly (readonly string[])[],
  ): Promise<Lookup | undefined> {
    const names = sets.map((set) => `${base}:${variantSuffix(variantId(selectFrom(set, request)))}`);
    const candidates = await Promise.all(
      names.map(async (name) => {
        const [meta, body] = await this.#read(name, key);
        return meta?.type === "entry" ? this.#found(name, key, request, meta, body) : undefined;
      }),
    );
    let newest: Extract<Lookup, { type: "found" }> | undefined;
    for (const found of candidates) {
      if (found === undefined) continue;
      if (newest === undefined || found.entry.stored.responseTime > newest.entry.stored.responseTime)
        newest = found;
    }
    return newest;
  }

  /** The two fields that a hit needs. A value of another type is as foreign as a damaged one. */
  async #read(name: string, key: string): Promise<[Meta | undefined, Buffer | null]> {
    const values = await this.#connection.run(async (client) => {
      try {
        return await client.hmgetBuffer(name, "meta", "body");
      } catch (error) {
        if (isReply(error, "WRONGTYPE")) return undefined;
        throw error;
      }
    }, name);
    if (values === undefined) return [this.#foreign(key, "a value of another type"), null];
    const [record, body] = values;
    if (!record) {
      return [body ? this.#foreign(key, "a body without a record") : undefined, null];
    }
    const meta = decodeMeta(record);
    if (meta.type === "foreign") return [this.#foreign(key, meta.detail), null];
    if (meta.key !== key) return [this.#foreign(key, "a record of another resource"), null];
    return [meta, body ?? null];
  }

  async #found(
    name: string,
    key: string,
    request: FieldLines,
    meta: Extract<Meta, { type: "entry" }>,
    field: Buffer | null,
  ): Promise<Extract<Lookup, { type: "found" }> | undefined> {
    const { stored } = meta;
    if (keepUntil(stored) <= this.#now() || !variantMatches(stored.selectingFields, request))
      return undefined;
    const body = field === null ? "a record without a body" : await this.#body(name, key, meta, field);
    if (typeof body !== "string") return { type: "found", entry: { stored, body }, tier: "redis" };
    this.#foreign(key, body);
    return undefined;
  }

  /** The body that the record speaks of, or why this is not it. */
  async #body(
    name: string,
    key: string,
    meta: Extract<Meta, { type: "entry" }>,
    field: Buffer,
  ): Promise<Entry["body"] | string> {
    const length = meta.stored.bodyLength;
    if (bodyMatches(meta, field)) return field;
    const chunks = parseChunks(field, length);
    if (chunks === undefined) return "another body";
    const args = [chunkPrefix(name, chunks), chunks.count];
    const bytes = await this.#connection.run((client) => runScript(client, MEASURE, [name], args), name);
    if (bytes !== length + CHECKSUM_BYTES * chunks.count) return "a body that lacks chunks";
    return new RedisBody({
      connection: this.#connection,
      gate: this.#gate,
      name,
      chunks,
      length,
      checksum: meta.bodyChecksum,
      onLost: (detail) => {
        this.#foreign(key, detail);
        // Whatever comes of it: the next reader would find the same.
        this.#writer.free(name, chunks).catch(() => {});
      },
      onFailure: ({ code, message }) =>
        this.#emit({ type: "store-failed", tier: "redis", operation: "read", code, message }),
    });
  }

  #foreign(key: string, detail: string): Meta {
    this.#emit({ type: "foreign-value", key, detail });
    return { type: "foreign", detail };
  }
}
