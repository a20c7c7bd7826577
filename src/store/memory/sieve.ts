/** No slot. */
export const NONE = -1;
const FIRST_SLOTS = 64;

/**
 * Which of these is to go? SIEVE over slot numbers.
 *
 * New ones enter at the head. A touch only sets a bit. A hand walks from the tail to the head: it
 * clears set bits and takes the first whose bit was clear, then stays where it is. So a touch moves
 * nothing, and one-hit wonders leave soon. The links are columns of numbers, which cost the garbage
 * collector nothing.
 */
export class Sieve {
  /** Towards the head. */
  #newer = new Int32Array(FIRST_SLOTS);
  /** Towards the tail. */
  #older = new Int32Array(FIRST_SLOTS);
  #visited = new Uint8Array(FIRST_SLOTS);
  #head = NONE;
  #tail = NONE;
  #hand = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Enters a slot that is not in the queue. */
  add(slot: number): void {
    if (slot >= this.#newer.length) this.#grow(slot);
    this.#newer[slot] = NONE;
    this.#older[slot] = this.#head;
    this.#visited[slot] = 0;
    if (this.#head === NONE) this.#tail = slot;
    else this.#newer[this.#head] = slot;
    this.#head = slot;
    this.#size++;
  }

  touch(slot: number): void {
    this.#visited[slot] = 1;
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
   * however often it was touched. NONE where all are spared.
   */
  victim(worthless: (slot: number) => boolean, spared: (slot: number) => boolean): number {
    let slot = this.#hand === NONE ? this.#tail : this.#hand;
    // Twice around every bit is clear.
    for (let steps = 2 * this.#size; steps > 0; steps--) {
      if ((this.#visited[slot] === 0 || worthless(slot)) && !spared(slot)) {
        this.#hand = slot;
        return slot;
      }
      this.#visited[slot] = 0;
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
    this.#visited = copied(new Uint8Array(slots), this.#visited);
  }
}

/** The length of a column that is to hold this slot: half as much again, since what is grown is copied. */
export const grownTo = (length: number, slot: number): number => Math.max(slot + 1, Math.ceil(length * 1.5));

/** The new column with what the old one held. */
export function copied<T extends { set(from: T): void }>(column: T, old: T): T {
  column.set(old);
  return column;
}
