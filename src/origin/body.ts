/** Bytes held for a reader before the origin is told to stop; one more read of the socket may come on top. */
const HIGH_WATER_BYTES = 65_536;
/** What a chunk takes besides its bytes, which may be one alone. */
const OVERHEAD_BYTES = 64;
/** So many are handed over as one: each costs everybody behind as much as a long one does. */
const MANY = 64;

/** What a body needs from the connection that it arrives on. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The reader has had enough: stop sending, free the connection. */
  stop(): void;
}

interface Waiter {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(reason: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const EMPTY = new Uint8Array(0);

/**
 * A response body between an origin that pushes and one reader that pulls.
 *
 * Chunks are handed over uncopied, unless many small ones wait. They stay what they are, but undici's are views of
 * the socket's reads, each of which one keeps alive, up to 64 KiB: whoever keeps bytes should copy them.
 */
export class ArrivingBody implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #source: BodySource;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #paused = false;
  #state: "open" | "ended" | "failed" | "closed" = "open";
  #failure: unknown;
  #waiter: Waiter | undefined;
  #claimed = false;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** Somebody has begun to read. */
  get claimed(): boolean {
    return this.#claimed;
  }

  push(chunk: Uint8Array): void {
    if (this.#state !== "open" || chunk.byteLength === 0) return;
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      waiter.resolve({ done: false, value: chunk });
      return;
    }
    this.#chunks.push(chunk);
    this.#buffered += chunk.byteLength + OVERHEAD_BYTES;
    if (!this.#paused && this.#buffered >= HIGH_WATER_BYTES) {
      this.#paused = true;
      this.#source.pause();
    }
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#paused = false;
    this.#waiter?.resolve(DONE);
    this.#waiter = undefined;
  }

  /** What has arrived is still read; then iterating rejects with `reason`. */
  fail(reason: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#failure = reason;
    this.#paused = false;
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waiter = undefined;
    this.#state = "closed";
    waiter.reject(reason);
  }

  /** Like `fail`, but at once: nobody wants what has arrived. */
  abort(reason: unknown): void {
    if (this.#state !== "open") return;
    this.#drop();
    this.fail(reason);
  }

  [Symbol.asyncIterator](): this {
    this.#claimed = true;
    return this;
  }

  /** All of it, where it came in one read or has no bytes, and nobody has begun to read. */
  take(): Uint8Array | undefined {
    if (this.#claimed || this.#state !== "ended" || this.#chunks.length > 1) return undefined;
    this.#claimed = true;
    this.#state = "closed";
    const chunk = this.#chunks[0] ?? EMPTY;
    this.#drop();
    return chunk;
  }

  /** One reader at a time: a second `next` before the first has settled rejects. */
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#claimed = true;
    const chunk = this.#shift();
    if (chunk !== undefined) {
      if (this.#paused && this.#buffered < HIGH_WATER_BYTES) {
        this.#paused = false;
        this.#source.resume();
      }
      return Promise.resolve({ done: false, value: chunk });
    }
    switch (this.#state) {
      case "ended":
      case "closed":
        return Promise.resolve(DONE);
      case "failed":
        this.#state = "closed";
        return Promise.reject(this.#failure);
      case "open":
        if (this.#waiter !== undefined) return Promise.reject(new Error("the body already has a reader"));
        return new Promise((resolve, reject) => {
          this.#waiter = { resolve, reject };
        });
    }
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    const arriving = this.#state === "open";
    this.#state = "closed";
    this.#drop();
    this.#waiter?.resolve(DONE);
    this.#waiter = undefined;
    if (arriving) this.#source.stop();
    return Promise.resolve(DONE);
  }

  /** What comes next of what waits, if anything does. */
  #shift(): Uint8Array | undefined {
    const chunks = this.#chunks;
    if (chunks.length < MANY) {
      const chunk = chunks.shift();
      if (chunk !== undefined) this.#buffered -= chunk.byteLength + OVERHEAD_BYTES;
      return chunk;
    }
    this.#chunks = [];
    this.#buffered = 0;
    return Buffer.concat(chunks);
  }

  #drop(): void {
    this.#chunks = [];
    this.#buffered = 0;
    this.#paused = false;
  }
}
