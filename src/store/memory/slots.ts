import type { EpochMs } from "../../policy/stored-response.ts";

/** No slot. */
export const NONE = -1;
const FIRST_SLOTS = 64;

/** What is known of a slot, in one row of numbers: they lie in one or two lines of the processor's cache. */
export const ROW = 8;
/** Where its record is, and of how many bytes (slabs.ts). */
export const SLAB = 0;
export const OFFSET = 1;
export const HEAD_BYTES = 2;
export const BODY_BYTES = 3;
/** Two of them are one number of 64 bits. */
const UNTIL = 4;
const ASKED = 6;
const HEAT_BITS = 2;
/** It has been asked for so often in a row, and never longer than this ago. */
const HOT = (1 << HEAT_BITS) - 1;
const LONG_AGO = 4096;
/** Look-ups are counted around in the bits that are left. */
const COUNTED = 2 ** (32 - HEAT_BITS) - 1;
/** By which number it is kept as objects (unpacked.ts); 0: it is not. */
const READY = 7;

/**
 * The numbers of entries, each with a row of what a look-up has to know of it. Among a million each column of its own
 * would be one more wait for memory; a row is one.
 */
export class Slots {
  /** By slot and column. Another one after `take` and `clear`. */
  rows = new Int32Array(ROW * FIRST_SLOTS);
  /** The same memory. */
  #times = new Float64Array(this.rows.buffer);
  /** By slot: bytes that it counts for. */
  #weights = new Float64Array(FIRST_SLOTS);
  readonly #vacant: number[] = [];
  #used = 0;
  /** Look-ups of what is not kept as objects, so far. */
  #asks = 0;

  /** Slots that are or have been somebody's are less than this. */
  get used(): number {
    return this.#used;
  }

  /** One that is nobody's. */
  take(): number {
    const slot = this.#vacant.pop() ?? this.#used++;
    this.#reach(slot);
    return slot;
  }

  giveBack(slot: number): void {
    this.fill(slot, 0, 0);
    this.forget(slot);
    this.#vacant.push(slot);
  }

  /** Makes rows up to this slot's. */
  #reach(slot: number): void {
    if (slot < this.#weights.length) return;
    const slots = grownTo(this.#weights.length, slot);
    this.rows = copied(new Int32Array(ROW * slots), this.rows);
    this.#times = new Float64Array(this.rows.buffer);
    this.#weights = copied(new Float64Array(slots), this.#weights);
  }

  /** Until when it is kept; 0 of one that is nobody's. */
  until(slot: number): EpochMs {
    return this.#times[(ROW * slot + UNTIL) >> 1] as number;
  }

  weight(slot: number): number {
    return this.#weights[slot] as number;
  }

  /** `until` when it is kept, and the bytes that it counts for. */
  fill(slot: number, until: EpochMs, weight: number): void {
    this.#times[(ROW * slot + UNTIL) >> 1] = until;
    this.#weights[slot] = weight;
  }

  /**
   * It is asked for. Answers how many look-ups ago it last was, of what is not kept as objects; Infinity where it has not been
   * since `forget`, or never.
   */
  ask(slot: number): number {
    const { rows } = this;
    const row = ROW * slot;
    const before = rows[row + ASKED] as number;
    // What was never asked for has 0.
    if (rows[row + READY] === 0) this.#asks = (this.#asks + 1) & COUNTED || 1;
    const ago = before === 0 ? Number.POSITIVE_INFINITY : (this.#asks - (before >>> HEAT_BITS)) & COUNTED;
    const heat = ago > LONG_AGO ? 0 : Math.min(HOT, (before & HOT) + 1);
    rows[row + ASKED] = (this.#asks << HEAT_BITS) | heat;
    return ago;
  }

  /** Is it asked for again and again, with few others between? */
  isHot(slot: number): boolean {
    return ((this.rows[ROW * slot + ASKED] as number) & HOT) === HOT;
  }

  /** Has it been asked for since this was last called? */
  forget(slot: number): boolean {
    const row = ROW * slot;
    const wasAsked = this.rows[row + ASKED] !== 0;
    this.rows[row + ASKED] = 0;
    return wasAsked;
  }

  ready(slot: number): number {
    return this.rows[ROW * slot + READY] as number;
  }

  setReady(slot: number, number: number): void {
    this.rows[ROW * slot + READY] = number;
  }

  clear(): void {
    this.rows = new Int32Array(ROW * FIRST_SLOTS);
    this.#times = new Float64Array(this.rows.buffer);
    this.#weights = new Float64Array(FIRST_SLOTS);
    this.#vacant.length = this.#used = 0;
  }
}

/** The length of a column that is to hold this slot: half as much again, since what is grown is copied. */
export const grownTo = (length: number, slot: number): number => Math.max(slot + 1, Math.ceil(length * 1.5));

/** The new column with what the old one held. */
export function copied<T extends { set(from: T): void }>(column: T, old: T): T {
  column.set(old);
  return column;
}
