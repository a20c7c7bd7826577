import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { type ChunkedBody, readBytes } from "../cache/ports/body.ts";
import { type Entry, StoreError } from "../cache/ports/store.ts";
import { type Chunks, chunkPrefix, decodeChunk, encodeChunk } from "./chunks.ts";
import type { RedisConnection } from "./connection.ts";
import type { Gate } from "./gate.ts";
import { isReply } from "./redis-command.ts";

/** Where the chunks of one body are. */
export interface ChunksPlace {
  readonly connection: RedisConnection;
  /** Passed by each chunk on its way, so that a few large values are never ahead of a small one. */
  readonly gate: Gate;
  /** The key of the entry's hash. */
  readonly name: string;
  readonly chunks: Chunks;
}

export interface RedisBodyOptions extends ChunksPlace {
  readonly length: number;
  readonly checksum: number;
  /** A chunk is missing or not the one that was written. */
  readonly onLost: (detail: string) => void;
  /** Redis did not answer in the time that there was, or refused. */
  readonly onFailure: (error: StoreError) => void;
}

/** So many bytes of a chunk are handed on at once. */
const SLICE_BYTES = 65_536;
/** A Redis that is away is asked again after so long. */
const RETRY_MS = 100;

/** A body in Redis, read one chunk at a time: a reader holds a chunk, however slow it is. */
export class RedisBody implements ChunkedBody {
  readonly length: number;
  readonly checksum: number;
  readonly #options: RedisBodyOptions;

  constructor(options: RedisBodyOptions) {
    this.length = options.length;
    this.checksum = options.checksum;
    this.#options = options;
  }

  async *read(first: number, last: number, patienceMs = 0): AsyncGenerator<Uint8Array, undefined> {
    const { chunkBytes } = this.#options.chunks;
    for (let index = Math.floor(first / chunkBytes); index * chunkBytes <= last; index++) {
      const start = index * chunkBytes;
      const chunk = await this.#chunk(index, patienceMs);
      const end = Math.min(chunk.length, last + 1 - start);
      for (let at = Math.max(0, first - start); at < end; at += SLICE_BYTES)
        yield chunk.subarray(at, Math.min(at + SLICE_BYTES, end));
    }
  }

  async #chunk(index: number, patienceMs: number): Promise<Uint8Array> {
    const { chunks } = this.#options;
    const value = await this.#get(index, performance.now() + patienceMs);
    if (value === null) throw this.#lost("a chunk that is not there any more");
    const bytes = value && decodeChunk(chunks, index, value);
    if (bytes === undefined) throw this.#lost("a chunk of another body, or a damaged one");
    return bytes;
  }

  /** Undefined where a value of another type is. */
  async #get(index: number, deadline: number): Promise<Buffer | null | undefined> {
    const { connection, gate, name, chunks, onFailure } = this.#options;
    const key = chunkPrefix(name, chunks) + index;
    for (;;) {
      try {
        return await gate.run(() => connection.run((client) => client.getBuffer(key), name));
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (isReply(error.cause, "WRONGTYPE")) return undefined;
        if (error.code === "refused" || performance.now() >= deadline) {
          onFailure(error);
          throw error;
        }
        await sleep(RETRY_MS);
      }
    }
  }

  #lost(detail: string): StoreError {
    this.#options.onLost(detail);
    return new StoreError("unavailable", detail);
  }
}

/**
 * Writes a body's chunks one after the other, each to live for so many milliseconds, and resolves
 * to the checksum of the whole. The entry that leads to them is for the caller to write.
 */
export async function writeChunks(
  { connection, gate, name, chunks }: ChunksPlace,
  body: Entry["body"],
  lifeMs: number,
): Promise<number> {
  const { chunkBytes, count } = chunks;
  let checksum = 0;
  for (let index = 0; index < count; index++) {
    const last = Math.min((index + 1) * chunkBytes, body.length) - 1;
    const bytes = await readBytes(body, index * chunkBytes, last);
    checksum = crc32(bytes, checksum);
    const key = chunkPrefix(name, chunks) + index;
    const value = encodeChunk(chunks, index, [bytes]);
    await gate.run(() => connection.run((client) => client.set(key, value, "PX", lifeMs), name));
  }
  return checksum;
}
