/** A bound shared by all flights on the bytes they keep (CACHE_FLIGHT_BYTES). */
export class FlightBudget {
  readonly #limit: number;
  #used = 0;
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }
  get used(): number {
    return this.#used;
  }
  /** False, and nothing is taken, where it does not fit. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }
  /** Counts bytes that are there already. */
  retake(bytes: number): void {
    this.#used += bytes;
  }
  give(bytes: number): void {
    this.#used -= bytes;
  }
}
