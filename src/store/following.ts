import { crc32 } from "node:zlib";
import type { Arrival } from "../cache/arrivals.ts";
import type { ByteStream } from "../cache/ports/body.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { ArrivalNews, ArrivalRecord } from "./arrival-record.ts";
import { RedisBody, type RedisBodyOptions } from "./redis-body.ts";

export interface FollowingOptions {
  /** Milliseconds after which a sender that says nothing is taken for gone. */
  readonly ttlMs: number;
  /** The arrival as it is now; undefined where it is gone. Rejects with StoreError. */
  readonly read: () => Promise<ArrivalRecord | undefined>;
  readonly bodyOf: (record: ArrivalRecord) => RedisBodyOptions;
}

/** Who has given its clients the head waits so long for a Redis that is away. */
const PATIENCE_MS = 5000;

/** A body that is read while it arrives: each chunk when it is told that it is there, and wanted. */
export class Following {
  /** Resolves when nothing more will be told: was it whole? */
  readonly over: Promise<boolean>;
  readonly #options: FollowingOptions;
  readonly #end: (whole: boolean) => void;
  #arrived = 0;
  #checksum: number | undefined;
  #isOver = false;
  #wake: () => void = () => {};
  #silence: NodeJS.Timeout | undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.over = promise;
    this.#end = resolve;
  }

  /** The response, with its first bytes at hand; undefined where it cannot be had. Never rejects. */
  async begin(): Promise<Arrival | undefined> {
    try {
      const record = await this.#options.read();
      if (record !== undefined) {
        this.hear(record.news);
        const pieces = this.#pieces(record);
        const body = this.#stream(await pieces.next(), pieces);
        return { stored: record.stored, origin: record.origin, body, over: this.over };
      }
    } catch {
      // The connection, or who reads the body, tells of that.
    }
    this.hear("broken");
    return undefined;
  }

  hear(news: ArrivalNews): void {
    if (this.#isOver) return;
    clearTimeout(this.#silence);
    if (news !== "broken") {
      this.#arrived = Math.max(this.#arrived, news.arrived);
      this.#checksum = news.checksum;
    }
    if (news === "broken" || news.checksum !== undefined) {
      this.#isOver = true;
      this.#end(news !== "broken");
    } else this.#silence = setTimeout(() => this.askAgain(), this.#options.ttlMs).unref();
    this.#wake();
  }

  /** Messages may have been lost. */
  askAgain(): void {
    const { read } = this.#options;
    void read()
      .then((record) => this.hear(record?.news ?? "broken"))
      .catch(() => this.hear("broken"));
  }

  async *#pieces(record: ArrivalRecord): AsyncGenerator<Uint8Array, undefined> {
    const { chunkBytes, count } = record.chunks;
    const length = record.stored.bodyLength;
    const options = this.#options.bodyOf(record);
    const body = new RedisBody(options);
    let checksum = 0;
    for (let index = 0; index < count; index++) {
      await this.#isThere(index, index === count - 1);
      const first = index * chunkBytes;
      const last = Math.min(first + chunkBytes, length) - 1;
      const pieces: Uint8Array[] = [];
      // Who has not given anybody the head can still ask the origin.
      for await (const piece of body.read(first, last, index === 0 ? 0 : PATIENCE_MS)) {
        checksum = crc32(piece, checksum);
        pieces.push(piece);
      }
      if (index === count - 1 && checksum !== this.#checksum) {
        options.onLost("a body of other bytes than were sent");
        throw new StoreError("unavailable", "a body of other bytes than were sent");
      }
      yield* pieces;
    }
  }

  /** The last chunk counts when all of the body is known to be right. */
  async #isThere(index: number, isLast: boolean): Promise<void> {
    for (;;) {
      const isWhole = this.#checksum !== undefined;
      if (index < this.#arrived && (isWhole || (!isLast && !this.#isOver))) return;
      if (this.#isOver) throw new StoreError("unavailable", "the instance that fetched it does so no more");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #stream(first: IteratorResult<Uint8Array>, pieces: AsyncGenerator<Uint8Array, undefined>): ByteStream {
    const held = [first];
    const iterator: AsyncIterator<Uint8Array> = {
      next: async () => held.shift() ?? pieces.next(),
      return: async () => {
        // It may be waiting for the next chunk.
        this.hear("broken");
        return pieces.return(undefined);
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }
}
