import type { Emit } from "../cache/events.ts";
import { type Entry, type Lookup, type PurgeTarget, type Store, StoreError } from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import { selectFrom, variantId, variantMatches } from "../policy/key.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { bodyMatches, decodeMeta, dividedHead, dividedLine, type Meta } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
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
import { DROP, WRITE } from "./redis-scripts.ts";

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  readonly now: () => EpochMs;
  readonly emit: Emit;
  /** What every key begins with; default `freshline`. */
  readonly namespace?: string;
  /** Bytes of bodies that may be on their way to Redis at once; more are refused. Default 64 MiB. */
  readonly maxPendingBytes?: number;
}

/** Redis keeps times to live in 64 bits of milliseconds; ten years are enough for a response. */
const LONGEST_TTL_MS = 10 * 365 * 24 * 60 * 60 * 1000;

const URI_MISS: Lookup = { type: "none", fwd: "uri-miss" };
const VARY_MISS: Lookup = { type: "none", fwd: "vary-miss" };

/**
 * The Redis tier: one hash per variant, readable in redis-cli, and two of its fields read on a hit.
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
  #pendingBytes = 0;

  constructor(options: RedisStoreOptions) {
    this.#connection = options.connection;
    this.#now = options.now;
    this.#emit = options.emit;
    this.#namespace = checkNamespace(options.namespace ?? "freshline");
    this.#maxPendingBytes = options.maxPendingBytes ?? 64 * 1024 * 1024;
  }

  async lookup(key: string, request: FieldLines): Promise<Lookup> {
    const base = baseKey(this.#namespace, key);
    const [meta, body] = await this.#read(base, key);
    switch (meta?.type) {
      case undefined:
      case "foreign":
        return URI_MISS;
      case "entry":
        return this.#found(key, request, meta, body) ?? URI_MISS;
      case "divided":
        return (await this.#variant(base, key, request, meta.sets)) ?? VARY_MISS;
    }
  }

  async put(key: string, entry: Entry): Promise<void> {
    await this.#write("put", key, entry);
  }

  async freshen(key: string, entry: Entry): Promise<void> {
    if (!(await this.#write("freshen", key, entry))) await this.#write("put", key, entry);
  }

  /** More than one key is more than Redis can find without walking them all: the purge log covers those. */
  async drop(target: PurgeTarget): Promise<void> {
    if (target.type !== "url") return;
    const base = baseKey(this.#namespace, target.key);
    await this.#connection.run((client) => runScript(client, DROP, [base, indexKey(base)], []));
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
    const candidates = await Promise.all(names.map((name) => this.#read(name, key)));
    let newest: Extract<Lookup, { type: "found" }> | undefined;
    for (const [meta, body] of candidates) {
      if (meta?.type !== "entry") continue;
      const found = this.#found(key, request, meta, body);
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
    });
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

  #found(
    key: string,
    request: FieldLines,
    meta: Extract<Meta, { type: "entry" }>,
    body: Buffer | null,
  ): Extract<Lookup, { type: "found" }> | undefined {
    const { stored } = meta;
    if (keepUntil(stored) <= this.#now() || !variantMatches(stored.selectingFields, request))
      return undefined;
    if (body === null || !bodyMatches(meta, body)) {
      this.#foreign(key, body === null ? "a record without a body" : "another body");
      return undefined;
    }
    return { type: "found", entry: { stored, body }, tier: "redis" };
  }

  #foreign(key: string, detail: string): Meta {
    this.#emit({ type: "foreign-value", key, detail });
    return { type: "foreign", detail };
  }

  /** False when `freshen` found another body, or none; then nothing was changed. */
  async #write(mode: "put" | "freshen", key: string, entry: Entry): Promise<boolean> {
    const { stored } = entry;
    const base = baseKey(this.#namespace, key);
    const variant = variantId(stored.selectingFields);
    const suffix = variant === "" ? "" : variantSuffix(variant);
    const keys = [base, indexKey(base), ...(variant === "" ? [] : [`${base}:${suffix}`])];
    const ttl = Math.min(LONGEST_TTL_MS, Math.floor(keepUntil(stored) - this.#now()));
    if (!(ttl > 0)) {
      await this.#connection.run((client) => client.unlink(keys[2] ?? base));
      return true;
    }
    const body = mode === "put" ? ["body", asBuffer(entry.body)] : [];
    const args = [mode, ttl, stored.bodyLength, bodyId(entry), dividedHead(key), setLine(stored), suffix];
    const fields = [...hashFields(key, entry), ...body];
    const bytes = mode === "put" ? entry.body.byteLength : 0;
    const written = await this.#bounded(bytes, () =>
      this.#connection.run((client) =>
        runScript(client, WRITE, keys, [...args, variantLabel(stored), stored.uri, ...fields]),
      ),
    );
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
