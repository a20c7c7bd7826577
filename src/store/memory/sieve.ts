import { copied, grownTo, NONE } from "./slots.ts";

const FIRST_SLOTS = 64;

/**
 * Which of these is to go? SIEVE over slot numbers.
 *
 * New ones enter at the head. Who is asked for is marked, by others, and that is all. A hand walks from the tail to
 * the head: it takes marks away and takes the first that had none, then stays where it is. So being asked for moves
 * nothing, and one-hit wonders leave soon. The links are columns of numbers, which cost the garbage
 * collector nothing.
 */
export class Sieve {
  /** Towards the head. */
  #newer = new Int32Array(FIRST_SLOTS);
  /** Towards the tail. */
  #older = new Int32Array(FIRST_SLOTS);
  #head = NONE;
  #tail = NONE;
  #hand = NONE;
  #size = 0;
  readonly #forget: (slot: number) => boolean;

  /** `forget`: has this slot been asked for since it was last called, or else since it was added? */
  constructor(forget: (slot: number) => boolean) {
    this.#forget = forget;
  }

  get size(): number {
    return this.#size;
  }

  /** Enters a slot that is not in the queue. */
  add(slot: number): void {
    if (slot >= this.#newer.length) this.#grow(slot);
    this.#newer[slot] = NONE;
    this.#older[slot] = this.#head;
    if (this.#head === NONE) this.#tail = slot;
    else this.#newer[this.#head] = slot;
    this.#head = slot;
    this.#size++;
  }

  remove(slot: number): void {
    const newer = this.#newer[slot] as number;
    const older = this.#older[slot] as number;
    if (this.#hand === slot) this.#hand = newer;
    if (newer === NONE) this.#head = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#tail = newer;
    else this.#newer[older] = newer;
    this.#size--;
  }

  /**
   * The slot that is to go, which stays until it is removed: never a spared one, and a worthless one
   * however often it was asked for. NONE where all are spared.
   */
  victim(worthless: (slot: number) => boolean, spared: (slot: number) => boolean): number {
    let slot = this.#hand === NONE ? this.#tail : this.#hand;
    // Twice around nobody is marked.
    for (let steps = 2 * this.#size; steps > 0; steps--) {
      const wasAsked = this.#forget(slot);
      if ((!wasAsked || worthless(slot)) && !spared(slot)) {
        this.#hand = slot;
        return slot;
      }
      const newer = this.#newer[slot] as number;
      slot = newer === NONE ? this.#tail : newer;
    }
    return NONE;
  }

  clear(): void {
    this.#head = this.#tail = this.#hand = NONE;
    this.#size = 0;
  }

  #grow(slot: number): void {
    const slots = grownTo(this.#newer.length, slot);
    this.#newer = copied(new Int32Array(slots), this.#newer);
    this.#older = copied(new Int32Array(slots), this.#older);
  }
}
