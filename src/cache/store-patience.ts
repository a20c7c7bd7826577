import type { EpochMs } from "../policy/stored-response.ts";
import type { Timer } from "./stalled.ts";

export interface PatienceDeps {
  /** How long one request waits for the store that instances share, in milliseconds, however often it asks. */
  readonly storePatienceMs: number;
  readonly now: () => EpochMs;
  readonly timer: Timer;
}

/** How much longer does one request wait for the store that instances share? */
export class StorePatience {
  readonly #deps: PatienceDeps;
  #leftMs: number;

  /** For a request that has waited so many milliseconds already. */
  constructor(deps: PatienceDeps, waitedMs: number) {
    this.#deps = deps;
    this.#leftMs = deps.storePatienceMs - waitedMs;
  }

  get isOver(): boolean {
    return this.#leftMs <= 0;
  }

  /**
   * What comes of it, or undefined where that is not there in time; then `late` hears of it. Does
   * not begin where no time is left. Rejects as the work does.
   */
  async wait<T>(work: () => Promise<T>, late?: (outcome: T) => void): Promise<T | undefined> {
    if (this.isOver) return undefined;
    const { now, timer } = this.#deps;
    const startedAt = now();
    const over = Promise.withResolvers<undefined>();
    let isLate = false;
    const cancel = timer(() => {
      isLate = true;
      this.#leftMs = 0;
      over.resolve(undefined);
    }, this.#leftMs);
    const working = work().then((outcome) => {
      if (isLate) late?.(outcome);
      return outcome;
    });
    try {
      return await Promise.race([working, over.promise]);
    } finally {
      cancel();
      this.#leftMs -= Math.max(0, now() - startedAt);
    }
  }
}
