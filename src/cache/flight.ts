import { joined } from "./exchange.ts";
import type { FlightBudget } from "./flight-budget.ts";
import { SHORT_BYTES } from "./held-bodies.ts";
import type { ByteStream } from "./ports/body.ts";
import { SLICE_BYTES } from "./ports/body-room.ts";
import { type Pace, type Timer, watchStalled } from "./stalled.ts";

/** How a flight ended, for the one who wants to store it. */
type Landing =
  | { readonly type: "complete"; readonly body: Uint8Array }
  | { readonly type: "incomplete"; readonly reason: "cut-off" | "too-large" | "flights-full" };

const NOTHING = (): void => {};

interface FlightOptions {
  /** The longest body that is kept, in bytes. */
  readonly maxBytes: number;
  readonly budget: FlightBudget;
  readonly timer: Timer;
  /**
   * Called once, when the flight stops keeping, so that nobody joins any more. Given here, since a function that was
   * set on the flight later kept it, and its request, until V8's next full collection (docs/decisions/0037).
   */
  readonly onAbandon?: (reason: "too-large" | "flights-full") => void;
}

interface Reader extends Pace {
  /** Index of its next chunk, counted from the first byte of the body. */
  next: number;
  stalled: boolean;
}

/**
 * One origin body shared by everyone who wants it, while it arrives.
 *
 * Append-only: chunks are kept, each reader goes at its own pace, a late one starts at the
 * first byte, and the flight goes on without readers because the cache wants it. Once landed,
 * the body is in one piece, which the store and the readers share. When the body outgrows what
 * may be kept, the flight stops keeping: chunks that every reader has had are let go, the
 * slowest reader sets the pace, one that stands still is cut off while others wait, nobody may
 * join, and without readers the source is told to stop.
 *
 * What it keeps counts against the budget until nobody reads it any more.
 */
export class Flight {
  readonly #source: ByteStream;
  readonly #maxBytes: number;
  readonly #budget: FlightBudget;
  readonly #timer: Timer;
  readonly #onAbandon: (reason: "too-large" | "flights-full") => void;
  readonly #chunks: Uint8Array[] = [];
  readonly #readers = new Set<Reader>();
  /** Number of chunks let go from the front. */
  #dropped = 0;
  #length = 0;
  #budgeted = 0;
  #abandoned: "too-large" | "flights-full" | undefined;
  /** Nobody joins any more. */
  #closed = false;
  /** The source was told to stop: what was kept is a part, and nobody may take it for the whole. */
  #stopped = false;
  #arriving: AsyncIterator<Uint8Array> | undefined;
  #end: { readonly error?: unknown } | undefined;
  /** All of it, in place of the chunks, once it has landed. */
  #body: Uint8Array | undefined;
  #wake: (() => void)[] = [];
  /** Somebody has had everything that is there. */
  #wanted: () => void = () => {};

  constructor(source: ByteStream, { maxBytes, budget, timer, onAbandon = NOTHING }: FlightOptions) {
    this.#source = source;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    this.#timer = timer;
    this.#onAbandon = onAbandon;
  }

  /** Brings the body in; resolves when it has ended one way or the other, never rejects. */
  async land(): Promise<Landing> {
    this.#end = await this.#bringIn();
    const landing = this.#landing();
    this.#landed();
    return landing;
  }

  /** The same for its readers alone: as fast as the fastest of them takes it. */
  async serve(): Promise<void> {
    this.#end = await this.#bringIn(async () => {
      while (!this.#stopped && ![...this.#readers].some(({ waiting }) => waiting))
        await new Promise<void>((resolve) => {
          this.#wanted = resolve;
        });
    });
    this.#landed();
  }

  /** Nobody else joins: without readers the source is told to stop. */
  close(): void {
    this.#closed = true;
    if (this.#readers.size === 0) this.#stop();
  }

  async #bringIn(demand?: () => Promise<void>): Promise<{ readonly error?: unknown }> {
    try {
      const arriving = this.#source[Symbol.asyncIterator]();
      this.#arriving = arriving;
      for (;;) {
        await demand?.();
        if (this.#stopped) break;
        const { done, value: chunk } = await arriving.next();
        if (done === true) break;
        if (chunk.length === 0) continue;
        this.#append(chunk);
        if (this.#abandoned !== undefined) await this.#roomAfterReaders();
      }
      return {};
    } catch (error) {
      return { error };
    }
  }

  #landed(): void {
    if (this.#readers.size === 0) this.#letGo();
    this.#notify();
  }

  /** Every byte from the first; rejects where the origin's body broke off. Undefined once joining is over. */
  read(): ByteStream | undefined {
    if (this.#dropped > 0 || this.#stopped) return undefined;
    if (this.#end !== undefined && this.#readers.size === 0) {
      this.#budget.retake(this.#length);
      this.#budgeted = this.#length;
    }
    const reader: Reader = { at: 0, next: 0, waiting: false, seenAt: -1, stalled: false };
    this.#readers.add(reader);
    let left = false;
    const iterator: AsyncIterator<Uint8Array, undefined> = {
      next: async () => {
        for (;;) {
          if (left) return { done: true, value: undefined };
          if (reader.stalled) throw new Error("it took nothing for too long while others waited for it");
          const value = this.#take(reader);
          if (value !== undefined) return { done: false, value };
          if (this.#end !== undefined) {
            this.#leave(reader);
            if ("error" in this.#end) throw this.#end.error;
            return { done: true, value: undefined };
          }
          reader.waiting = true;
          this.#wanted();
          await new Promise<void>((resolve) => this.#wake.push(resolve));
          reader.waiting = false;
        }
      },
      return: async () => {
        left = true;
        this.#leave(reader);
        return { done: true, value: undefined };
      },
    };
    const take = (): Uint8Array | undefined => {
      const body = this.#body;
      if (left || reader.next > 0 || body === undefined || body.length > SHORT_BYTES) return undefined;
      left = true;
      this.#leave(reader);
      return body;
    };
    return { [Symbol.asyncIterator]: () => iterator, take };
  }

  /** The reader's next bytes, or undefined where there are none yet. */
  #take(reader: Reader): Uint8Array | undefined {
    const piece =
      this.#body === undefined
        ? this.#chunks[reader.next - this.#dropped]
        : this.#body.subarray(reader.at, reader.at + SLICE_BYTES);
    if (piece === undefined || piece.length === 0) return undefined;
    reader.next++;
    reader.at += piece.length;
    if (this.#abandoned !== undefined) this.#notify();
    return piece;
  }

  #leave(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size === 0) {
      if (this.#end !== undefined) this.#letGo();
      else if (this.#abandoned !== undefined || this.#closed) this.#stop();
    }
    this.#notify();
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
    this.#onAbandon(reason);
    if (this.#readers.size === 0) this.#stop();
  }

  #stop(): void {
    if (this.#stopped || this.#end !== undefined) return;
    this.#stopped = true;
    this.#wanted();
    this.#letGo();
    // It may be waiting for the next bytes; the wait ends with the source.
    void this.#arriving?.return?.().catch(() => {});
  }

  /** Waits until the slowest reader has had everything, or nobody reads any more. */
  async #roomAfterReaders(): Promise<void> {
    let unwatch: (() => void) | undefined;
    while (!this.#stopped) {
      let slowest = Number.POSITIVE_INFINITY;
      for (const reader of this.#readers) slowest = Math.min(slowest, reader.next);
      let bytes = 0;
      for (const chunk of this.#chunks.splice(0, slowest - this.#dropped)) bytes += chunk.length;
      this.#dropped = slowest;
      // What was kept before the flight stopped keeping counts until it is let go.
      this.#giveBack(Math.min(bytes, this.#budgeted));
      if (this.#chunks.length === 0) break;
      unwatch ??= watchStalled(this.#readers, this.#timer, (reader) => {
        reader.stalled = true;
        this.#leave(reader);
      });
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    unwatch?.();
  }

  /** Nobody reads it: what is kept for late ones is the store's, too, or of no use. */
  #letGo(): void {
    this.#dropped += this.#chunks.length;
    this.#chunks.length = 0;
    this.#giveBack(this.#budgeted);
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
    const body = joined(this.#chunks, this.#length);
    this.#chunks.length = 0;
    this.#body = body;
    return { type: "complete", body };
  }
}
