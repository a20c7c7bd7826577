import type { EpochMs } from "../policy/stored-response.ts";
import { BoundedMap } from "./bounded-map.ts";

/**
 * Remembers keys whose last answer could not be shared, so that nobody queues for the next
 * one (Varnish's hit-for-miss). Bounded; the oldest goes first.
 */
export class UncacheableKeys {
  readonly #until: BoundedMap<EpochMs>;
  readonly #forMs: number;

  constructor(forMs: number, capacity: number) {
    this.#forMs = forMs;
    this.#until = new BoundedMap(capacity);
  }

  get size(): number {
    return this.#until.size;
  }

  has(key: string, now: EpochMs): boolean {
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (now < until) return true;
    this.#until.delete(key);
    return false;
  }

  remember(key: string, now: EpochMs): void {
    this.#until.set(key, now + this.#forMs);
  }

  forget(key: string): void {
    this.#until.delete(key);
  }
}
