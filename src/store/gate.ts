import { StoreError } from "../cache/ports/store.ts";

/** More than this do not wait for their turn. */
const MAX_WAITING = 10_000;

/** Lets so many operations be under way at once; the others wait, in the order in which they came. */
export class Gate {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Rejects as the operation does, and with StoreError where too many wait already. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else if (this.#waiting.size < MAX_WAITING) await new Promise<void>((enter) => this.#waiting.add(enter));
    else throw new StoreError("unavailable", "too many wait for Redis already");
    try {
      return await operation();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else {
        this.#waiting.delete(next);
        next();
      }
    }
  }
}
