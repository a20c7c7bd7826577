import { CHARACTERS_EACH } from "./bounded-map.ts";

/**
 * A map whose names clients choose, for what may be forgotten: bounded by their number and by their length
 * together. It forgets by halves, the older one first, so that forgetting costs nothing per name; a
 * BoundedMap (bounded-map.ts) forgets one at a time.
 */
export class Generations<V> {
  readonly #capacity: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #characters = 0;

  /** `capacity`: how many names at most, and at least half of them. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A name in both halves counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(name: string): V | undefined {
    return this.#young.get(name) ?? this.#old.get(name);
  }

  set(name: string, value: V): void {
    const before = this.#young.size;
    this.#young.set(name, value);
    if (this.#young.size === before) return;
    this.#characters += name.length;
    const half = this.#capacity / 2;
    if (this.#young.size < half && this.#characters < half * CHARACTERS_EACH) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#characters = 0;
  }
}
