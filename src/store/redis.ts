import { type Emit, storeFailed } from "../cache/events.ts";
import type { PurgeTarget } from "../cache/ports/purge-log.ts";
import {
  type Entry,
  type Inspected,
  type Lookup,
  type SentBody,
  type Store,
  StoreError,
} from "../cache/ports/store.ts";
import type { FieldLines } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import { selectFrom, variantId, variantMatches } from "../policy/key.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { CHECKSUM_BYTES, chunkPrefix, parseChunks } from "./chunks.ts";
import { bodyMatches, type Meta } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import { DecodedRecords, type Known } from "./decoded-records.ts";
import { Gate } from "./gate.ts";
import type { FieldValues } from "./hash-reads.ts";
import { MAX_VARIANTS } from "./memory.ts";
import { RedisBody } from "./redis-body.ts";
import { isReply, runScript } from "./redis-command.ts";
import { baseKey, checkNamespace, indexKey, variantSuffix } from "./redis-layout.ts";
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
  /** What each chunk on its way passes; by default one for this store alone. */
  readonly gate?: Gate;
}

/** Bytes of chunks that are on their way at once, both ways together: one chunk at least. */
const CHUNKS_UNDER_WAY = 1024 * 1024;

/** For all that move chunks over one connection. */
export const chunkGate = (chunkBytes: number): Gate =>
  new Gate(Math.max(1, Math.floor(CHUNKS_UNDER_WAY / chunkBytes)));

/** What a hit needs of an entry's hash. A value of another type is as foreign as a damaged one. */
const HIT_FIELDS = ["meta", "body"];

type Found = Extract<Lookup, { type: "found" }>;
type EntryMeta = Extract<Meta, { type: "entry" }>;

interface Read {
  readonly meta: Meta | undefined;
  readonly body: Buffer | null;
  readonly giveBack?: (() => void) | undefined;
  /** The body was found to be the record's before. */
  readonly isBodyOfMeta?: boolean;
}

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
  readonly #records = new DecodedRecords();

  constructor(options: RedisStoreOptions) {
    const { connection, now, emit, chunkBytes = 256 * 1024 } = options;
    this.#connection = connection;
    this.#now = now;
    this.#emit = emit;
    this.#namespace = checkNamespace(options.namespace ?? "freshline");
    this.#gate = options.gate ?? chunkGate(chunkBytes);
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

  lookup(key: string, request: FieldLines): Promise<Lookup> {
    const known = this.#records.find(key);
    const base = known?.name ?? baseKey(this.#namespace, key);
    const answer = (read: Read): Lookup | Promise<Lookup> => {
      switch (read.meta?.type) {
        case undefined:
        case "foreign":
          return URI_MISS;
        case "entry":
          return this.#selected(read.meta, request) ? this.#whole(base, key, read.meta, read) : URI_MISS;
        case "divided":
          return this.#variant(base, key, request, read.meta.sets);
      }
    };
    return this.#read(base, key, answer, key, known);
  }

  async inspect(key: string): Promise<readonly Inspected[]> {
    const base = baseKey(this.#namespace, key);
    const meta = await this.#read(base, key, (read) => read.meta);
    if (meta === undefined || meta.type === "foreign") return [];
    const suffixes = meta.type === "entry" ? [] : await this.#suffixes(base);
    const names = meta.type === "entry" ? [base] : suffixes.map((suffix) => `${base}:${suffix}`);
    const found = await Promise.all(
      names
        .slice(0, MAX_VARIANTS)
        .map((name) =>
          this.#read(name, key, (read) =>
            read.meta?.type === "entry" ? this.#whole(name, key, read.meta, read) : URI_MISS,
          ),
        ),
    );
    return found.filter((one) => one.type === "found");
  }

  /** What names the variants that a divided resource has. */
  #suffixes(base: string): Promise<string[]> {
    return this.#connection.run(async (client) => {
      try {
        return await client.hkeys(indexKey(base));
      } catch (error) {
        if (isReply(error, "WRONGTYPE")) return [];
        throw error;
      }
    }, base);
  }

  async put(key: string, entry: Entry, sent?: SentBody): Promise<void> {
    if (!(await this.#writer.write("put", key, entry, sent)))
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
  ): Promise<Lookup> {
    const names = sets.map((set) => `${base}:${variantSuffix(variantId(selectFrom(set, request)))}`);
    const candidates = await Promise.all(
      names.map((name) =>
        this.#read(name, key, (read) => {
          const selected = read.meta?.type === "entry" && this.#selected(read.meta, request);
          return selected ? this.#whole(name, key, read.meta, read) : URI_MISS;
        }),
      ),
    );
    let newest: Found | undefined;
    for (const found of candidates) {
      if (found.type === "none") continue;
      if (newest === undefined || found.entry.stored.responseTime > newest.entry.stored.responseTime)
        newest = found;
    }
    return newest ?? VARY_MISS;
  }

  #selected({ stored }: EntryMeta, request: FieldLines): boolean {
    return variantMatches(stored.selectingFields, request);
  }

  /** What `make` makes of it at once: each hit waits here, and has one promise for it. `id`: as DecodedRecords know it. */
  #read<Made>(
    name: string,
    key: string,
    make: (read: Read) => Made | Promise<Made>,
    id = name,
    known = this.#records.find(id),
  ): Promise<Made> {
    const before = known?.answered;
    return this.#connection.fields(name, HIT_FIELDS, before).then(
      (values) => make(this.#understood(id, name, key, values, values === before?.with ? known : undefined)),
      (error: StoreError) => {
        if (!isReply(error.cause, "WRONGTYPE")) throw error;
        return make({ meta: this.#foreign(key, "a value of another type"), body: null });
      },
    );
  }

  #understood(
    id: string,
    name: string,
    key: string,
    { values: [record, body], giveBack }: FieldValues,
    known: Known | undefined,
  ): Read {
    if (!record)
      return { meta: body ? this.#foreign(key, "a body without a record") : undefined, body: null };
    const meta = known?.meta ?? this.#records.decode(id, record, body, name);
    if (meta.type === "foreign") return { meta: this.#foreign(key, meta.detail), body: null };
    if (meta.key !== key) return { meta: this.#foreign(key, "a record of another resource"), body: null };
    return { meta, body: body ?? null, giveBack, isBodyOfMeta: known !== undefined };
  }

  /** The entry with its body; nothing where it is over, or its body is not there. */
  #whole(
    name: string,
    key: string,
    meta: EntryMeta,
    { body, giveBack, isBodyOfMeta }: Read,
  ): Lookup | Promise<Lookup> {
    const { stored } = meta;
    if (keepUntil(stored) <= this.#now()) return URI_MISS;
    if (body === null || !(isBodyOfMeta || bodyMatches(meta, body)))
      return this.#chunked(name, key, meta, body);
    const found = { type: "found", entry: { stored, body }, tier: "redis" } as const;
    return giveBack === undefined ? found : { ...found, giveBack };
  }

  /** The entry with the body that lies beside it; nothing, and an event, where that is not all there. */
  async #chunked(name: string, key: string, meta: EntryMeta, field: Buffer | null): Promise<Lookup> {
    const body = field === null ? "a record without a body" : await this.#chunkedBody(name, key, meta, field);
    if (typeof body !== "string")
      return { type: "found", entry: { stored: meta.stored, body }, tier: "redis" };
    this.#foreign(key, body);
    return URI_MISS;
  }

  /** The body that the record speaks of, or why this is not it. */
  async #chunkedBody(name: string, key: string, meta: EntryMeta, field: Buffer): Promise<RedisBody | string> {
    const length = meta.stored.bodyLength;
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
      onFailure: (error) => this.#emit(storeFailed("read", error)),
    });
  }

  #foreign(key: string, detail: string): Meta {
    this.#emit({ type: "foreign-value", key, detail });
    return { type: "foreign", detail };
  }
}
