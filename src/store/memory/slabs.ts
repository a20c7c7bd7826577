import { copied, grownTo } from "./sieve.ts";

/** Before each record: its slot and its length, 32 bits each. */
const HEADER_BYTES = 8;
const SLAB_BYTES = 1024 * 1024;
/** Slabs of a tier that would have few of them. */
const SHORT_SLAB_BYTES = SLAB_BYTES / 4;
/** This share of all slabs may belong to nobody before what is left in one of them is moved. */
export const WASTE = 1 / 8;
/** Beyond this share of a slab a record has a buffer of its own; what no record fits into at a slab's end is far less than WASTE. */
const LARGEST_SHARE = 1 / 32;
/** Buffers of slabs that wait to be used again. */
const SPARES = 2;
const FIRST_SLOTS = 64;
/** A record with a buffer of its own has no slab. */
const ASIDE = -1;

interface Slab {
  readonly bytes: Buffer;
  used: number;
  live: number;
}

/**
 * Records one after another in few large buffers, by slot number.
 *
 * A record is a text and bytes. Both are copied in, and copied out: nobody else has a view of a slab, so that
 * its room is used again at once, whoever still sends what was in it. Where records have gone, the slab with
 * the fewest left is emptied by moving those to the end.
 */
export class Slabs {
  readonly #slabBytes: number;
  readonly #slabs: (Slab | undefined)[] = [];
  /** Indexes of `#slabs` without a slab. */
  readonly #vacant: number[] = [];
  readonly #spares: Buffer[] = [];
  readonly #aside = new Map<number, Buffer>();
  #current = ASIDE;
  #allocated = 0;
  #live = 0;
  /** By slot: where its record is, and of how many bytes its text and the rest are. */
  #slab = new Int32Array(FIRST_SLOTS);
  #offset = new Int32Array(FIRST_SLOTS);
  #textBytes = new Int32Array(FIRST_SLOTS);
  #bodyBytes = new Int32Array(FIRST_SLOTS);

  /** `capacity`: the bytes that all records together will be of, about. */
  constructor(capacity: number) {
    this.#slabBytes = capacity < 16 * SLAB_BYTES ? SHORT_SLAB_BYTES : SLAB_BYTES;
  }

  /** Bytes of all slabs, used or not, but for the spares. */
  get allocatedBytes(): number {
    return this.#allocated;
  }

  put(slot: number, text: string, textBytes: number, body: Uint8Array): void {
    if (slot >= this.#slab.length) this.#grow(slot);
    const length = textBytes + body.length;
    this.#textBytes[slot] = textBytes;
    this.#bodyBytes[slot] = body.length;
    let bytes: Buffer;
    if (HEADER_BYTES + length > this.#slabBytes * LARGEST_SHARE) {
      bytes = Buffer.allocUnsafeSlow(length);
      this.#aside.set(slot, bytes);
      this.#slab[slot] = ASIDE;
      this.#offset[slot] = 0;
    } else bytes = this.#place(slot, length);
    const offset = this.#offset[slot] as number;
    bytes.write(text, offset, textBytes, "utf8");
    bytes.set(body, offset + textBytes);
  }

  text(slot: number): string {
    const offset = this.#offset[slot] as number;
    return this.#bytesOf(slot).toString("utf8", offset, offset + (this.#textBytes[slot] as number));
  }

  /** The bytes behind the text, in a buffer that `allocate` makes. */
  body(slot: number, allocate: (bytes: number) => Buffer): Buffer {
    const length = this.#bodyBytes[slot] as number;
    const start = (this.#offset[slot] as number) + (this.#textBytes[slot] as number);
    const copy = allocate(length);
    this.#bytesOf(slot).copy(copy, 0, start, start + length);
    return copy;
  }

  recordBytes(slot: number): number {
    return (this.#textBytes[slot] as number) + (this.#bodyBytes[slot] as number);
  }

  free(slot: number): void {
    const index = this.#slab[slot] as number;
    if (index === ASIDE) {
      this.#aside.delete(slot);
      return;
    }
    // No record begins here: what looks for those that are left finds none.
    this.#slab[slot] = ASIDE;
    const slab = this.#slabs[index] as Slab;
    const bytes = HEADER_BYTES + (this.#textBytes[slot] as number) + (this.#bodyBytes[slot] as number);
    slab.live -= bytes;
    this.#live -= bytes;
    if (slab.live > 0) return;
    if (index === this.#current) slab.used = 0;
    else this.#giveBack(index);
  }

  clear(): void {
    this.#slabs.length = this.#vacant.length = this.#spares.length = 0;
    this.#aside.clear();
    this.#current = ASIDE;
    this.#allocated = this.#live = 0;
  }

  #bytesOf(slot: number): Buffer {
    const index = this.#slab[slot] as number;
    return index === ASIDE ? (this.#aside.get(slot) as Buffer) : (this.#slabs[index] as Slab).bytes;
  }

  /** Gives the slot room for so many bytes in the slab that is being filled. */
  #place(slot: number, length: number): Buffer {
    const needed = HEADER_BYTES + length;
    let current = this.#slabs[this.#current];
    if (current === undefined || current.used + needed > this.#slabBytes) {
      this.#begin();
      this.#compact();
      current = this.#slabs[this.#current] as Slab;
      if (current.used + needed > this.#slabBytes) current = this.#begin();
    }
    return this.#append(current, slot, length);
  }

  #append(slab: Slab, slot: number, length: number): Buffer {
    slab.bytes.writeInt32LE(slot, slab.used);
    slab.bytes.writeInt32LE(length, slab.used + 4);
    this.#slab[slot] = this.#current;
    this.#offset[slot] = slab.used + HEADER_BYTES;
    slab.used += HEADER_BYTES + length;
    slab.live += HEADER_BYTES + length;
    this.#live += HEADER_BYTES + length;
    return slab.bytes;
  }

  #begin(): Slab {
    const bytes = this.#spares.pop() ?? Buffer.allocUnsafeSlow(this.#slabBytes);
    const slab = { bytes, used: 0, live: 0 };
    this.#current = this.#vacant.pop() ?? this.#slabs.length;
    this.#slabs[this.#current] = slab;
    this.#allocated += this.#slabBytes;
    return slab;
  }

  #giveBack(index: number): void {
    if (this.#spares.length < SPARES) this.#spares.push((this.#slabs[index] as Slab).bytes);
    this.#slabs[index] = undefined;
    this.#vacant.push(index);
    this.#allocated -= this.#slabBytes;
  }

  /** Empties slabs until little room is wasted, besides the slab that has just been begun. */
  #compact(): void {
    for (let most = this.#slabs.length; most > 0; most--) {
      const filled = this.#allocated - this.#slabBytes;
      if (filled - this.#live <= Math.max(this.#slabBytes, filled * WASTE)) return;
      let least = ASIDE;
      let fewest = this.#slabBytes;
      for (let i = 0; i < this.#slabs.length; i++) {
        const live = this.#slabs[i]?.live ?? this.#slabBytes;
        if (i === this.#current || live >= fewest) continue;
        least = i;
        fewest = live;
      }
      if (least === ASIDE) return;
      this.#empty(least);
    }
  }

  #empty(index: number): void {
    const from = this.#slabs[index] as Slab;
    for (let at = 0; at < from.used; ) {
      const slot = from.bytes.readInt32LE(at);
      const length = from.bytes.readInt32LE(at + 4);
      const start = at + HEADER_BYTES;
      at = start + length;
      if (this.#slab[slot] !== index || this.#offset[slot] !== start) continue;
      let to = this.#slabs[this.#current] as Slab;
      if (to.used + HEADER_BYTES + length > this.#slabBytes) to = this.#begin();
      this.#append(to, slot, length);
      this.#live -= HEADER_BYTES + length;
      from.bytes.copy(to.bytes, this.#offset[slot] as number, start, at);
    }
    this.#giveBack(index);
  }

  #grow(slot: number): void {
    const slots = grownTo(this.#slab.length, slot);
    this.#slab = copied(new Int32Array(slots), this.#slab);
    this.#offset = copied(new Int32Array(slots), this.#offset);
    this.#textBytes = copied(new Int32Array(slots), this.#textBytes);
    this.#bodyBytes = copied(new Int32Array(slots), this.#bodyBytes);
  }
}
