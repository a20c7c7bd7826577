import { Oldest } from "../policy/oldest.ts";

/** So many characters each name may have on average, when there are as many as there may be. */
export const CHARACTERS_EACH = 256;

/**
 * A map whose names clients choose: bounded by their number and by their length together, since one
 * may be as long as a request's head. The name set longest ago goes first.
 */
export class BoundedMap<V> {
  readonly #map = new Map<string, V>();
  readonly #oldest = new Oldest(this.#map);
  readonly #capacity: number;
  readonly #letGo: (name: string, value: V) => void;
  #characters = 0;

  /** `capacity`: how many names; `letGo` hears of each that has to go. */
  constructor(capacity: number, letGo: (name: string, value: V) => void = () => {}) {
    this.#capacity = capacity;
    this.#letGo = letGo;
  }

  get size(): number {
    return this.#map.size;
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  get(name: string): V | undefined {
    return this.#map.get(name);
  }

  set(name: string, value: V): void {
    this.delete(name);
    this.#map.set(name, value);
    this.#characters += name.length;
    while (this.#isFull()) {
      const oldest = this.#oldest.next();
      if (oldest === undefined) return;
      const old = this.#map.get(oldest) as V;
      this.delete(oldest);
      this.#letGo(oldest, old);
    }
  }

  #isFull(): boolean {
    return this.#map.size > this.#capacity || this.#characters > this.#capacity * CHARACTERS_EACH;
  }

  delete(name: string): void {
    if (this.#map.delete(name)) this.#characters -= name.length;
  }

  clear(): void {
    this.#map.clear();
    this.#characters = 0;
  }
}
