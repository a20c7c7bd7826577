import { readBytes } from "../cache/ports/body.ts";
import { type Entry, type SentBody, StoreError } from "../cache/ports/store.ts";
import { keepUntil } from "../policy/freshness.ts";
import { variantId } from "../policy/key.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type Chunks, chunksRecord, divide } from "./chunks.ts";
import { bodyChecksum, dividedHead, dividedLine, LONGEST_SET } from "./codec.ts";
import type { RedisConnection } from "./connection.ts";
import type { Gate } from "./gate.ts";
import { writeChunks } from "./redis-body.ts";
import { runScript } from "./redis-command.ts";
import {
  baseKey,
  bodyId,
  entryName,
  hashFields,
  indexKey,
  variantLabel,
  variantSuffix,
} from "./redis-layout.ts";
import { DROP, FREE, WRITE } from "./redis-scripts.ts";

export interface RedisWriterOptions {
  readonly connection: RedisConnection;
  readonly gate: Gate;
  readonly now: () => EpochMs;
  readonly namespace: string;
  readonly maxPendingBytes: number;
  readonly chunkBytes: number;
  readonly graceMs: number;
}

/** Redis keeps times to live in 64 bits of milliseconds; ten years are enough for a response. */
const LONGEST_TTL_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** Keeps and frees entries in Redis, each in one step: whoever reads meanwhile finds all of it or nothing. */
export class RedisWriter {
  readonly #options: RedisWriterOptions;
  #pendingBytes = 0;

  constructor(options: RedisWriterOptions) {
    this.#options = options;
  }

  /**
   * False when `freshen` found another body, or none, and `put` not all chunks; then nothing was changed.
   * What `put` finds of `sent` it does not write again.
   */
  async write(
    mode: "put" | "freshen",
    key: string,
    { stored, body }: Entry,
    sent?: SentBody,
  ): Promise<boolean> {
    const { connection, gate, now, namespace, chunkBytes, graceMs } = this.#options;
    const base = baseKey(namespace, key);
    const variant = variantId(stored.selectingFields);
    const suffix = variant === "" ? "" : variantSuffix(variant);
    const name = entryName(base, stored);
    const keys = [base, indexKey(base), name];
    const ttl = Math.min(LONGEST_TTL_MS, Math.floor(keepUntil(stored) - now()));
    const line = dividedLine(Object.keys(stored.selectingFields));
    // Nobody reads a marker with more names than that, and it is the marker of the other variants, too.
    if (!(ttl > 0) || line.length > LONGEST_SET) {
      await this.free(name);
      return true;
    }
    const write = (checksum: number, record = "", bodyField: (string | Buffer)[] = []) => {
      const meant = [mode, ttl, stored.bodyLength, bodyId(stored, checksum)];
      const divided = [dividedHead(key), line, suffix, variantLabel(stored), stored.uri];
      const fields = [...hashFields(key, stored, checksum), ...bodyField];
      const args = [...meant, ...divided, graceMs, record, ...fields];
      return connection.run((client) => runScript(client, WRITE, keys, args), base);
    };
    if (mode === "freshen") return (await write(bodyChecksum(body))) === 1;
    if (sent !== undefined && (await write(sent.checksum, sent.record, ["body", sent.record])) === 1)
      return true;
    const pending = body instanceof Uint8Array ? body.length : chunkBytes;
    const written = await this.#bounded(pending, async () => {
      if (body.length <= chunkBytes) {
        const bytes = asBuffer(await readBytes(body));
        return write(bodyChecksum(bytes), "", ["body", bytes]);
      }
      const chunks = divide(body.length, chunkBytes);
      const checksum = await writeChunks({ connection, gate, name, chunks }, body, graceMs);
      const record = chunksRecord(chunks);
      return write(checksum, record, ["body", record]);
    });
    return written === 1;
  }

  /** Frees a resource with all its variants. */
  async drop(key: string): Promise<void> {
    const { connection, namespace, graceMs } = this.#options;
    const base = baseKey(namespace, key);
    await connection.run((client) => runScript(client, DROP, [base, indexKey(base)], [graceMs]), base);
  }

  /** Frees one entry by the key of its hash; only if its body has these chunks, where they are named. */
  async free(name: string, chunks?: Chunks): Promise<void> {
    const { connection, graceMs } = this.#options;
    const args = [graceMs, chunks === undefined ? "" : chunksRecord(chunks)];
    await connection.run((client) => runScript(client, FREE, [name], args), name);
  }

  /** A Redis that takes bodies more slowly than they come must not fill this process. */
  async #bounded<T>(bytes: number, write: () => Promise<T>): Promise<T> {
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#options.maxPendingBytes) {
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

const asBuffer = (body: Uint8Array): Buffer => Buffer.from(body.buffer, body.byteOffset, body.byteLength);
