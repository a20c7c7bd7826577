import { randomFillSync } from "node:crypto";
import { NONE } from "./slots.ts";

const FIRST_PLACES = 128;
/** Of a longer key only so much is hashed. */
const HASHED_BYTES = 8192;
/** Each place is a slot, one more than its number, and the hash of its key; 0 is nobody's. */
const PLACE = 2;

/**
 * Which slot is a key's? A hash table of numbers: the keys themselves lie elsewhere, in the records, and are compared
 * there. So a look among a million costs few accesses to memory, and the garbage collector sees none of it.
 *
 * Open addressing with linear probing, at most half full. The hash is HalfSipHash-1-3 with a secret of this process:
 * clients choose the keys, and must not be able to make many of them meet.
 */
export class KeyTable {
  /** Has this slot this key? */
  readonly #has: (slot: number, key: string) => boolean;
  #places = new Int32Array(PLACE * FIRST_PLACES);
  #size = 0;

  constructor(has: (slot: number, key: string) => boolean) {
    this.#has = has;
  }

  get size(): number {
    return this.#size;
  }

  /** NONE where the key is not here. */
  get(key: string): number {
    const places = this.#places;
    const mask = places.length - 1;
    const hash = hashOf(key);
    for (let at = (hash << 1) & mask; places[at] !== 0; at = (at + PLACE) & mask) {
      const slot = (places[at] as number) - 1;
      if (places[at + 1] === hash && this.#has(slot, key)) return slot;
    }
    return NONE;
  }

  /** Enters a key that is not here. */
  add(key: string, slot: number): void {
    if ((this.#size + 1) * 2 * PLACE > this.#places.length) this.#grow();
    this.#size++;
    enter(this.#places, slot + 1, hashOf(key));
  }

  /** Removes the key of a slot, where it is here. */
  delete(key: string, slot: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let at = (hashOf(key) << 1) & mask;
    while (places[at] !== slot + 1) {
      if (places[at] === 0) return;
      at = (at + PLACE) & mask;
    }
    this.#size--;
    // Those behind it move up, as far as they may: what is looked for is never behind an empty place.
    for (let next = (at + PLACE) & mask; places[next] !== 0; next = (next + PLACE) & mask) {
      const home = ((places[next + 1] as number) << 1) & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      places[at] = places[next] as number;
      places[at + 1] = places[next + 1] as number;
      at = next;
    }
    places[at] = 0;
  }

  clear(): void {
    this.#places = new Int32Array(PLACE * FIRST_PLACES);
    this.#size = 0;
  }

  #grow(): void {
    const old = this.#places;
    const places = new Int32Array(2 * old.length);
    for (let at = 0; at < old.length; at += PLACE)
      if (old[at] !== 0) enter(places, old[at] as number, old[at + 1] as number);
    this.#places = places;
  }
}

function enter(places: Int32Array, value: number, hash: number): void {
  const mask = places.length - 1;
  let at = (hash << 1) & mask;
  while (places[at] !== 0) at = (at + PLACE) & mask;
  places[at] = value;
  places[at + 1] = hash;
}

const secret = randomFillSync(new Int32Array(2));
const text = Buffer.alloc(HASHED_BYTES + 4);
const words = new Int32Array(text.buffer, text.byteOffset, text.length / 4);

/** HalfSipHash-1-3 (Aumasson and Bernstein) of the key's bytes in latin1, and of its length. */
function hashOf(key: string): number {
  const bytes = text.write(key, 0, HASHED_BYTES, "latin1");
  text.writeInt32LE(0, bytes);
  const last = (bytes + 3) >> 2;
  let v0 = secret[0] as number;
  let v1 = secret[1] as number;
  let v2 = v0 ^ 0x6c796765;
  let v3 = v1 ^ 0x74656462;
  for (let i = 0; i < last + 4; i++) {
    const word = i < last ? (words[i] as number) : i === last ? key.length : 0;
    if (i === last + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
