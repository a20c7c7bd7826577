import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Outgoing, Sending } from "../cache/arrivals.ts";
import type { ByteStream } from "../cache/ports/body.ts";
import { type SentBody, StoreError } from "../cache/ports/store.ts";
import { type ArrivalNews, arrivalMessage, headFields } from "./arrival-record.ts";
import { ARRIVE, BREAK, STAY } from "./arrival-scripts.ts";
import { chunkPrefix, chunksRecord, encodeChunk } from "./chunks.ts";
import type { ChunksPlace } from "./redis-body.ts";
import { type LuaScript, runScript } from "./redis-command.ts";

export interface SendingOptions extends ChunksPlace {
  readonly outgoing: Outgoing;
  readonly body: ByteStream;
  /** The key of the arrival's hash. */
  readonly at: string;
  /** What the channel of each instance begins with. */
  readonly channels: string;
  /** Milliseconds after which a sender that says nothing is taken for gone. */
  readonly ttlMs: number;
  /** Milliseconds for which a chunk is there that nothing leads to any more. */
  readonly graceMs: number;
  readonly onFailure: (error: unknown) => void;
}

/** A sender says so often within its life that it is there. */
const BEATS = 3;
/** While somebody elsewhere reads it, a Redis that is away is waited for, for so long. */
const PATIENCE_MS = 5000;
const RETRY_MS = 100;

/** A body on its way into Redis, chunk after chunk as they are full; the last one when it has ended cleanly. */
export class RedisSending implements Sending {
  readonly sent: Promise<SentBody | undefined>;
  readonly #options: SendingOptions;
  readonly #source: AsyncIterator<Uint8Array>;
  #beat: NodeJS.Timeout | undefined;
  /** Chunks that are there. */
  #arrived = 0;
  /** Instances that read it. */
  #readers = 0;
  #prolongedAt = performance.now();
  #forReadersAlone = false;
  #stopped = false;

  constructor(options: SendingOptions) {
    this.#options = options;
    this.#source = options.body[Symbol.asyncIterator]();
    this.sent = this.#send();
  }

  unkept(): void {
    this.#forReadersAlone = true;
    // Somebody may have come since it was last said how many there are.
    if (this.#arrived > 0) void this.#stay();
    else this.stop();
  }

  stop(): void {
    this.#stopped = true;
    void this.#source.return?.().catch(() => {});
  }

  async #send(): Promise<SentBody | undefined> {
    const { chunks } = this.#options;
    try {
      const checksum = await this.#sendAll();
      return { record: chunksRecord(chunks), checksum };
    } catch {
      // Whoever brings the body in, and whoever cannot write, has told of that.
      await this.#break();
      return undefined;
    } finally {
      clearInterval(this.#beat);
      this.stop();
    }
  }

  async #sendAll(): Promise<number> {
    const { chunks, outgoing } = this.#options;
    const last = chunks.count - 1;
    const lastBytes = outgoing.stored.bodyLength - last * chunks.chunkBytes;
    const pieces: Uint8Array[] = [];
    let [index, lacking, checksum] = [0, chunks.chunkBytes, 0];
    for await (const piece of { [Symbol.asyncIterator]: () => this.#source }) {
      checksum = crc32(piece, checksum);
      for (let rest = piece; rest.length > 0; ) {
        if (lacking === 0) throw new RangeError("a body that is longer than its head says");
        const part = rest.subarray(0, lacking);
        pieces.push(part);
        rest = rest.subarray(part.length);
        lacking -= part.length;
        // The last one says that the body is whole: it waits for the end.
        if (lacking > 0 || index === last) continue;
        await this.#leave(index++, pieces);
        pieces.length = 0;
        lacking = index === last ? lastBytes : chunks.chunkBytes;
      }
    }
    if (this.#stopped || index !== last || lacking > 0)
      throw new RangeError("a body that is shorter than its head says");
    clearInterval(this.#beat);
    await this.#leave(index, pieces, checksum);
    return checksum;
  }

  async #leave(index: number, pieces: readonly Uint8Array[], checksum?: number): Promise<void> {
    const { at, connection, gate, name, chunks, graceMs, outgoing } = this.#options;
    const arrived = index + 1;
    const fields = [
      ...(index === 0 ? headFields(outgoing, chunks) : []),
      ...(checksum === undefined ? [] : ["checksum", checksum]),
    ];
    const key = chunkPrefix(name, chunks) + index;
    const write = async () => {
      const value = encodeChunk(chunks, index, pieces);
      const args = [...this.#common({ arrived, checksum }), arrived, value.length, ...fields];
      // One after the other, in one go.
      this.#heardBy(
        await connection.run(async (client) => {
          const set = client.set(key, value, "PX", graceMs);
          const [, readers] = await Promise.all([set, runScript(client, ARRIVE, [at, key], args)]);
          return readers;
        }, name),
      );
    };
    await this.#patiently(() => gate.run(write));
    this.#arrived = arrived;
    if (index > 0) return;
    this.#beat = setInterval(() => void this.#stay(), this.#options.ttlMs / BEATS).unref();
    outgoing.tell(at);
  }

  async #patiently(write: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (this.#readers === 0 || error.code === "refused" || performance.now() >= deadline) {
          this.#options.onFailure(error);
          throw error;
        }
        await sleep(RETRY_MS);
      }
    }
  }

  /** What nobody has said for too long is taken for broken, and a chunk that is not prolonged is lost. */
  async #stay(): Promise<void> {
    const now = performance.now();
    const { graceMs } = this.#options;
    const isTime = now - this.#prolongedAt > graceMs / 3;
    const arrived = this.#arrived;
    try {
      const args = [...this.#common({ arrived }), isTime ? arrived : 0, graceMs];
      this.#heardBy(await this.#run(STAY, args));
      if (isTime) this.#prolongedAt = now;
    } catch (error) {
      if (!(error instanceof StoreError)) this.stop();
    }
  }

  async #break(): Promise<void> {
    const { at, channels } = this.#options;
    const message = arrivalMessage(at, "broken");
    // One may be there that was not answered for.
    await this.#run(BREAK, [channels, message, this.#arrived + 1]).catch(() => {});
  }

  #common(news: Exclude<ArrivalNews, "broken">): (string | number)[] {
    const { at, ttlMs, channels } = this.#options;
    return [ttlMs, channels, arrivalMessage(at, news)];
  }

  /** Throws where it makes no sense to go on. */
  #heardBy(readers: unknown): void {
    this.#readers = Number(readers);
    if (this.#readers < 0) throw new Error("what was left in Redis is gone");
    if (this.#readers === 0 && this.#forReadersAlone) throw new Error("nobody reads it");
  }

  #run(script: LuaScript, args: readonly (string | number)[]): Promise<unknown> {
    const { connection, name, at } = this.#options;
    return connection.run((client) => runScript(client, script, [at], args), name);
  }
}
