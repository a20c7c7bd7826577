import type { EpochMs } from "../policy/stored-response.ts";

/**
 * Remembers keys whose last answer could not be shared, so that nobody queues for the next
 * one (Varnish's hit-for-miss). Bounded; the oldest goes first.
 */
export class UncacheableKeys {
  readonly #until = new Map<string, EpochMs>();
  readonly #forMs: number;
  readonly #capacity: number;

  constructor(forMs: number, capacity: number) {
    this.#forMs = forMs;
    this.#capacity = capacity;
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
    this.#until.delete(key);
    this.#until.set(key, now + this.#forMs);
    if (this.#until.size > this.#capacity) {
      const oldest = this.#until.keys().next().value;
      if (oldest !== undefined) this.#until.delete(oldest);
    }
  }

  forget(key: string): void {
    this.#until.delete(key);
  }
}
