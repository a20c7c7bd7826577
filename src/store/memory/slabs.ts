import type { Room } from "./packed.ts";
import { BODY_BYTES, HEAD_BYTES, OFFSET, ROW, SLAB, type Slots } from "./slots.ts";

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
/** A record with a buffer of its own has no slab. */
const ASIDE = -1;

interface Slab extends Room {
  used: number;
  live: number;
}

/**
 * Records one after another in few large buffers, by slot number.
 *
 * A record is a head and a body. What is in it is copied in, and copied out: nobody else keeps a view of a slab, so
 * that its room is used again at once, whoever still sends what was in it. Where records have gone, the slab with
 * the fewest left is emptied by moving those to the end.
 */
export class Slabs {
  readonly #slabBytes: number;
  readonly #slabs: (Slab | undefined)[] = [];
  /** Indexes of `#slabs` without a slab. */
  readonly #vacant: number[] = [];
  readonly #spares: Buffer[] = [];
  readonly #aside = new Map<number, Room>();
  #current = ASIDE;
  #allocated = 0;
  #live = 0;
  #changes = 0;
  readonly #slots: Slots;

  /** `capacity`: the bytes that all records together will be of, about. */
  constructor(capacity: number, slots: Slots) {
    this.#slots = slots;
    this.#slabBytes = capacity < 16 * SLAB_BYTES ? SHORT_SLAB_BYTES : SLAB_BYTES;
  }

  /** Bytes of all slabs, used or not, but for the spares. */
  get allocatedBytes(): number {
    return this.#allocated;
  }

  /** Grows with everything that may move a record, or write over it. */
  get changes(): number {
    return this.#changes;
  }

  /** Makes a record with this body; its head is to be written by whoever asks, where `room` and `offset` say. */
  put(slot: number, headBytes: number, body: Uint8Array): void {
    this.#changes++;
    const { rows } = this.#slots;
    const length = headBytes + body.length;
    const row = ROW * slot;
    rows[row + HEAD_BYTES] = headBytes;
    rows[row + BODY_BYTES] = body.length;
    let room: Room;
    if (HEADER_BYTES + length > this.#slabBytes * LARGEST_SHARE) {
      room = roomOf(Buffer.allocUnsafeSlow(length));
      this.#aside.set(slot, room);
      rows[row + SLAB] = ASIDE;
      rows[row + OFFSET] = 0;
    } else room = this.#place(slot, length);
    room.bytes.set(body, (rows[row + OFFSET] as number) + headBytes);
  }

  /** Where the record is, until `changes` grows. */
  room(slot: number): Room {
    const index = this.#slots.rows[ROW * slot + SLAB] as number;
    return index === ASIDE ? (this.#aside.get(slot) as Room) : (this.#slabs[index] as Slab);
  }

  /** Where in its room the record begins. */
  offset(slot: number): number {
    return this.#slots.rows[ROW * slot + OFFSET] as number;
  }

  headBytes(slot: number): number {
    return this.#slots.rows[ROW * slot + HEAD_BYTES] as number;
  }

  bodyBytes(slot: number): number {
    return this.#slots.rows[ROW * slot + BODY_BYTES] as number;
  }

  /** The bytes behind the head, in a buffer that `allocate` makes. */
  body(slot: number, allocate: (bytes: number) => Buffer): Buffer {
    const length = this.bodyBytes(slot);
    const start = this.offset(slot) + this.headBytes(slot);
    const copy = allocate(length);
    this.room(slot).bytes.copy(copy, 0, start, start + length);
    return copy;
  }

  recordBytes(slot: number): number {
    return this.headBytes(slot) + this.bodyBytes(slot);
  }

  free(slot: number): void {
    this.#changes++;
    const index = this.#slots.rows[ROW * slot + SLAB] as number;
    if (index === ASIDE) {
      this.#aside.delete(slot);
      return;
    }
    // No record begins here: what looks for those that are left finds none.
    this.#slots.rows[ROW * slot + SLAB] = ASIDE;
    const slab = this.#slabs[index] as Slab;
    const bytes = HEADER_BYTES + this.recordBytes(slot);
    slab.live -= bytes;
    this.#live -= bytes;
    if (slab.live > 0) return;
    if (index === this.#current) slab.used = 0;
    else this.#giveBack(index);
  }

  clear(): void {
    this.#changes++;
    this.#slabs.length = this.#vacant.length = this.#spares.length = 0;
    this.#aside.clear();
    this.#current = ASIDE;
    this.#allocated = this.#live = 0;
  }

  /** Gives the slot room for so many bytes in the slab that is being filled. */
  #place(slot: number, length: number): Room {
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

  #append(slab: Slab, slot: number, length: number): Room {
    slab.bytes.writeInt32LE(slot, slab.used);
    slab.bytes.writeInt32LE(length, slab.used + 4);
    this.#slots.rows[ROW * slot + SLAB] = this.#current;
    this.#slots.rows[ROW * slot + OFFSET] = slab.used + HEADER_BYTES;
    slab.used += HEADER_BYTES + length;
    slab.live += HEADER_BYTES + length;
    this.#live += HEADER_BYTES + length;
    return slab;
  }

  #begin(): Slab {
    const bytes = this.#spares.pop() ?? Buffer.allocUnsafeSlow(this.#slabBytes);
    const slab = { ...roomOf(bytes), used: 0, live: 0 };
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
      if (this.#slots.rows[ROW * slot + SLAB] !== index || this.offset(slot) !== start) continue;
      let to = this.#slabs[this.#current] as Slab;
      if (to.used + HEADER_BYTES + length > this.#slabBytes) to = this.#begin();
      this.#append(to, slot, length);
      this.#live -= HEADER_BYTES + length;
      from.bytes.copy(to.bytes, this.offset(slot), start, at);
    }
    this.#giveBack(index);
  }
}

const roomOf = (bytes: Buffer): Room => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
});
