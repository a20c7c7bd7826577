/** The newest values, so many at most; older ones give way and are counted. */
export class Ring<T> {
  readonly #capacity: number;
  #values: T[] = [];
  /** Where the oldest is, once it is full. */
  #oldest = 0;
  #dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(value: T): void {
    if (this.#values.length < this.#capacity) {
      this.#values.push(value);
      return;
    }
    this.#values[this.#oldest] = value;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
    this.#dropped++;
  }

  /** Counts what was lost before it came here. */
  lost(count: number): void {
    this.#dropped += count;
  }

  /** All there is, the oldest first; it is empty then. */
  take(): { readonly taken: readonly T[]; readonly dropped: number } {
    const taken = [...this.#values.slice(this.#oldest), ...this.#values.slice(0, this.#oldest)];
    const dropped = this.#dropped;
    this.#values = [];
    this.#oldest = 0;
    this.#dropped = 0;
    return { taken, dropped };
  }
}
