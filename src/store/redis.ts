import type { Emit } from "../cache/events.ts";
import {
  type Entry,
  type Lookup,
  type PurgeTarget,
  readBytes,
  type Store,
  StoreError,
} from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import { selectFrom, variantId, variantMatches } from "../policy/key.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { CHECKSUM_BYTES, type Chunks, chunkPrefix, chunksRecord, divide, parseChunks } from "./chunks.ts";
import { bodyChecksum, bodyMatches, decodeMeta, dividedHead, dividedLine, type Meta } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { RedisBody, writeChunks } from "./redis-body.ts";
import { isReply, runScript } from "./redis-command.ts";
import {
  baseKey,
  bodyId,
  checkNamespace,
  hashFields,
  indexKey,
  variantLabel,
  variantSuffix,
} from "./redis-layout.ts";
import { DROP, FREE, MEASURE, WRITE } from "./redis-scripts.ts";

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

/** Redis keeps times to live in 64 bits of milliseconds; ten years are enough for a response. */
const LONGEST_TTL_MS = 10 * 365 * 24 * 60 * 60 * 1000;

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
  readonly #maxPendingBytes: number;
  readonly #chunkBytes: number;
  readonly #graceMs: number;
  #pendingBytes = 0;

  constructor(options: RedisStoreOptions) {
    this.#connection = options.connection;
    this.#now = options.now;
    this.#emit = options.emit;
    this.#namespace = checkNamespace(options.namespace ?? "freshline");
    this.#maxPendingBytes = options.maxPendingBytes ?? 64 * 1024 * 1024;
    this.#chunkBytes = options.chunkBytes ?? 256 * 1024;
    this.#graceMs = options.graceMs ?? 60_000;
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
    if (!(await this.#write("put", key, entry)))
      throw new StoreError("refused", "chunks of the body were gone before all were written");
  }

  async freshen(key: string, entry: Entry): Promise<void> {
    if (!(await this.#write("freshen", key, entry))) await this.put(key, entry);
  }

  /** More than one key is more than Redis can find without walking them all: the purge log covers those. */
  async drop(target: PurgeTarget): Promise<void> {
    if (target.type !== "url") return;
    const base = baseKey(this.#namespace, target.key);
    await this.#connection.run(
      (client) => runScript(client, DROP, [base, indexKey(base)], [this.#graceMs]),
      base,
    );
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
      name,
      chunks,
      length,
      checksum: meta.bodyChecksum,
      onLost: (detail) => {
        this.#foreign(key, detail);
        // Whatever comes of it: the next reader would find the same.
        this.#free(name, chunks).catch(() => {});
      },
      onFailure: ({ code, message }) =>
        this.#emit({ type: "store-failed", tier: "redis", operation: "read", code, message }),
    });
  }

  /** Frees one entry, if its body is still this one. */
  async #free(name: string, chunks?: Chunks): Promise<void> {
    const args = [this.#graceMs, chunks === undefined ? "" : chunksRecord(chunks)];
    await this.#connection.run((client) => runScript(client, FREE, [name], args), name);
  }

  #foreign(key: string, detail: string): Meta {
    this.#emit({ type: "foreign-value", key, detail });
    return { type: "foreign", detail };
  }

  /** False when `freshen` found another body, or none, and `put` not all chunks; then nothing was changed. */
  async #write(mode: "put" | "freshen", key: string, { stored, body }: Entry): Promise<boolean> {
    const base = baseKey(this.#namespace, key);
    const variant = variantId(stored.selectingFields);
    const suffix = variant === "" ? "" : variantSuffix(variant);
    const keys = [base, indexKey(base), ...(variant === "" ? [] : [`${base}:${suffix}`])];
    const name = keys[2] ?? base;
    const ttl = Math.min(LONGEST_TTL_MS, Math.floor(keepUntil(stored) - this.#now()));
    if (!(ttl > 0)) {
      await this.#free(name);
      return true;
    }
    const write = (checksum: number, record = "", bodyField: (string | Buffer)[] = []) => {
      const divided = [dividedHead(key), setLine(stored), suffix, variantLabel(stored), stored.uri];
      const args = [
        mode,
        ttl,
        stored.bodyLength,
        bodyId(stored, checksum),
        ...divided,
        this.#graceMs,
        record,
      ];
      const fields = [...hashFields(key, stored, checksum), ...bodyField];
      return this.#connection.run((client) => runScript(client, WRITE, keys, [...args, ...fields]), base);
    };
    if (mode === "freshen") return (await write(bodyChecksum(body))) === 1;
    const pending = body instanceof Uint8Array ? body.length : this.#chunkBytes;
    const written = await this.#bounded(pending, async () => {
      if (body.length <= this.#chunkBytes) {
        const bytes = asBuffer(await readBytes(body));
        return write(bodyChecksum(bytes), "", ["body", bytes]);
      }
      const chunks = divide(body.length, this.#chunkBytes);
      const checksum = await writeChunks(this.#connection, name, chunks, body, this.#graceMs);
      const record = chunksRecord(chunks);
      return write(checksum, record, ["body", record]);
    });
    return written === 1;
  }

  /** A Redis that takes bodies more slowly than they come must not fill this process. */
  async #bounded<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#maxPendingBytes) {
      throw new StoreError("unavailable", "too many bytes are on their way to Redis already");
    }
    this.#pendingBytes += bytes;
    try {
      return await write();
    } finally {
      this.#pendingBytes -= bytes;
    }
  }
}

const setLine = (stored: StoredResponse): string => dividedLine(Object.keys(stored.selectingFields));

const asBuffer = (body: Uint8Array): Buffer => Buffer.from(body.buffer, body.byteOffset, body.byteLength);
