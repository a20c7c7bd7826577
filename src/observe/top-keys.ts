/** One of the most frequent keys. The true count is between `count - error` and `count`. */
export interface TopKey<Note> {
  readonly key: string;
  readonly count: number;
  readonly error: number;
  readonly note: Note;
}

interface Counter<Note> {
  key: string;
  count: number;
  error: number;
  note: Note;
  /** Where it is in the heap. */
  at: number;
}

/**
 * Which keys are the most frequent, out of any number of them? Space-Saving (Metwally, Agrawal
 * and El Abbadi, 2005): `capacity` counters; a key without one takes over the smallest, with its
 * count as the possible error. No count errs by more than total / capacity, and every key that is
 * more frequent than that is there.
 */
export class TopKeys<Note> {
  readonly #capacity: number;
  readonly #counters = new Map<string, Counter<Note>>();
  /** A heap with the smallest count first. */
  readonly #heap: Counter<Note>[] = [];
  #total = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** What has been counted, of all keys together. */
  get total(): number {
    return this.#total;
  }

  get size(): number {
    return this.#counters.size;
  }

  /** `note` is kept of the last time. */
  count(key: string, note: Note, times = 1): void {
    this.#total += times;
    const known = this.#counters.get(key);
    if (known !== undefined) {
      known.count += times;
      known.note = note;
      this.#sink(known);
      return;
    }
    if (this.#heap.length < this.#capacity) {
      const counter = { key, count: times, error: 0, note, at: this.#heap.length };
      this.#counters.set(key, counter);
      this.#heap.push(counter);
      this.#rise(counter);
      return;
    }
    const smallest = this.#heap[0];
    if (smallest === undefined) return;
    this.#counters.delete(smallest.key);
    smallest.error = smallest.count;
    smallest.key = key;
    smallest.count += times;
    smallest.note = note;
    this.#counters.set(key, smallest);
    this.#sink(smallest);
  }

  /** The most frequent first. */
  top(most: number): TopKey<Note>[] {
    return this.#heap
      .toSorted((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
      .slice(0, most)
      .map(({ key, count, error, note }) => ({ key, count, error, note }));
  }

  #sink(counter: Counter<Note>): void {
    const heap = this.#heap;
    for (;;) {
      const left = heap[2 * counter.at + 1];
      const right = heap[2 * counter.at + 2];
      const child = right !== undefined && left !== undefined && right.count < left.count ? right : left;
      if (child === undefined || child.count >= counter.count) return;
      this.#swap(counter, child);
    }
  }

  #rise(counter: Counter<Note>): void {
    while (counter.at > 0) {
      const parent = this.#heap[(counter.at - 1) >>> 1];
      if (parent === undefined || parent.count <= counter.count) return;
      this.#swap(counter, parent);
    }
  }

  #swap(one: Counter<Note>, other: Counter<Note>): void {
    [one.at, other.at] = [other.at, one.at];
    this.#heap[one.at] = one;
    this.#heap[other.at] = other;
  }
}
