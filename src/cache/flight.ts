import type { ByteStream } from "./ports.ts";

/** A bound shared by all flights on the bytes they keep (CACHE_FLIGHT_BYTES). */
export class FlightBudget {
  readonly #limit: number;
  #used = 0;
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }
  get used(): number {
    return this.#used;
  }
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }
  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** How a flight ended, for the one who wants to store it. */
export type Landing =
  | { readonly type: "complete"; readonly body: Uint8Array }
  | { readonly type: "incomplete"; readonly reason: "cut-off" | "too-large" | "flights-full" };

interface Reader {
  /** Index of the next chunk, counted from the first byte of the body. */
  next: number;
}

/**
 * One origin body shared by everyone who wants it, while it arrives.
 *
 * Append-only: chunks are kept, each reader goes at its own pace, a late one starts at the
 * first byte, and the flight goes on without readers because the cache wants it. When the
 * body outgrows what may be kept, the flight stops keeping: chunks that every reader has
 * had are let go, the slowest reader sets the pace, nobody may join, and without readers
 * the source is told to stop.
 */
export class Flight {
  readonly #source: ByteStream;
  readonly #maxBytes: number;
  readonly #budget: FlightBudget;
  readonly #chunks: Uint8Array[] = [];
  readonly #readers = new Set<Reader>();
  /** Number of chunks let go from the front. */
  #dropped = 0;
  #length = 0;
  #budgeted = 0;
  #abandoned: "too-large" | "flights-full" | undefined;
  /** The source was told to stop: what was kept is a part, and nobody may take it for the whole. */
  #stopped = false;
  #arriving: AsyncIterator<Uint8Array> | undefined;
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void)[] = [];
  /** Called once, when the flight stops keeping, so that nobody joins any more. */
  onAbandon: (reason: "too-large" | "flights-full") => void = () => {};

  constructor(source: ByteStream, maxBytes: number, budget: FlightBudget) {
    this.#source = source;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
  }

  /** Brings the body in; resolves when it has ended one way or the other, never rejects. */
  async land(): Promise<Landing> {
    try {
      const arriving = this.#source[Symbol.asyncIterator]();
      this.#arriving = arriving;
      while (!this.#stopped) {
        const { done, value: chunk } = await arriving.next();
        if (done === true) break;
        if (chunk.length === 0) continue;
        this.#append(chunk);
        if (this.#abandoned !== undefined) await this.#roomAfterReaders();
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    } finally {
      this.#notify();
    }
    const landing = this.#landing();
    this.#giveBack(this.#budgeted);
    return landing;
  }

  /** Every byte from the first; rejects where the origin's body broke off. Undefined once joining is over. */
  read(): ByteStream | undefined {
    if (this.#dropped > 0 || this.#stopped) return undefined;
    const reader: Reader = { next: 0 };
    this.#readers.add(reader);
    const leave = () => {
      if (!this.#readers.delete(reader)) return;
      if (this.#abandoned !== undefined && this.#readers.size === 0) this.#stop();
      this.#notify();
    };
    let left = false;
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      for (;;) {
        if (left) return { done: true, value: undefined };
        const chunk = this.#chunks[reader.next - this.#dropped];
        if (chunk !== undefined) {
          reader.next++;
          if (this.#abandoned !== undefined) this.#notify();
          return { done: false, value: chunk };
        }
        if (this.#end !== undefined) {
          leave();
          if ("error" in this.#end) throw this.#end.error;
          return { done: true, value: undefined };
        }
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
    };
    const iterator: AsyncIterator<Uint8Array, undefined> = {
      next,
      return: async () => {
        left = true;
        leave();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  #append(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#abandoned === undefined) {
      if (this.#length > this.#maxBytes) this.#abandon("too-large");
      else if (!this.#budget.take(chunk.length)) this.#abandon("flights-full");
      else this.#budgeted += chunk.length;
    }
    this.#notify();
  }

  #abandon(reason: "too-large" | "flights-full"): void {
    this.#abandoned = reason;
    this.onAbandon(reason);
    if (this.#readers.size === 0) this.#stop();
  }

  #stop(): void {
    if (this.#stopped || this.#end !== undefined) return;
    this.#stopped = true;
    // It may be waiting for the next bytes; the wait ends with the source.
    void this.#arriving?.return?.().catch(() => {});
  }

  /** Waits until the slowest reader has had everything, or nobody reads any more. */
  async #roomAfterReaders(): Promise<void> {
    while (!this.#stopped) {
      let slowest = Number.POSITIVE_INFINITY;
      for (const reader of this.#readers) slowest = Math.min(slowest, reader.next);
      let bytes = 0;
      for (const chunk of this.#chunks.splice(0, slowest - this.#dropped)) bytes += chunk.length;
      this.#dropped = slowest;
      // What was kept before the flight stopped keeping counts until it is let go.
      this.#giveBack(Math.min(bytes, this.#budgeted));
      if (this.#chunks.length === 0) return;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #giveBack(bytes: number): void {
    this.#budget.give(bytes);
    this.#budgeted -= bytes;
  }

  #notify(): void {
    const waiting = this.#wake;
    if (waiting.length === 0) return;
    this.#wake = [];
    for (const resume of waiting) resume();
  }

  #landing(): Landing {
    if (this.#abandoned !== undefined) return { type: "incomplete", reason: this.#abandoned };
    if (this.#end !== undefined && "error" in this.#end) return { type: "incomplete", reason: "cut-off" };
    // Always a copy: a chunk may be a view of a far larger read buffer, which it would keep alive.
    return { type: "complete", body: joined(this.#chunks, this.#length) };
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
