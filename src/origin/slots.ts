import type { Cut } from "../cache/cut.ts";

/**
 * How many requests may be under way to one origin, and how many may wait for a turn.
 *
 * undici's own queue has no bound and keeps what was aborted while it waited; so nothing
 * is given to undici before a slot is free, and what waits here leaves when it is aborted.
 */
export interface Slots {
  /** Slots taken, and requests that wait for one. */
  readonly outstanding: number;
  /** Takes a slot now, if one is free; while somebody waits, none is. */
  take(): boolean;
  /**
   * Waits for a slot, so many milliseconds at most; rejects with `full()`'s error when the queue is full or the
   * wait too long, or with the signal's reason.
   */
  wait(signal: Cut, waitMs: number, full: (why: string) => Error): Promise<void>;
  /** Gives a slot back: the one who has waited longest gets it. */
  give(): void;
}

interface Waiting {
  readonly admit: () => void;
  readonly refuse: (reason: unknown) => void;
}

export function createSlots(limits: { slots: number; queue: number }): Slots {
  let taken = 0;
  // A Set keeps its order of insertion, and lets those who leave early leave in O(1).
  const queue = new Set<Waiting>();

  return {
    get outstanding() {
      return taken + queue.size;
    },
    take() {
      if (taken >= limits.slots) return false;
      taken++;
      return true;
    },
    wait(signal, waitMs, full) {
      if (queue.size >= limits.queue) {
        return Promise.reject(full(`${limits.slots} requests under way and ${limits.queue} waiting`));
      }
      return new Promise<void>((resolve, reject) => {
        const leave = () => {
          queue.delete(waiting);
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
        };
        const waiting: Waiting = {
          admit: () => {
            leave();
            resolve();
          },
          refuse: (reason) => {
            leave();
            reject(reason);
          },
        };
        const onAbort = () => waiting.refuse(signal.reason);
        const timer = setTimeout(
          () => waiting.refuse(full(`no connection was free within ${waitMs} ms`)),
          waitMs,
        );
        timer.unref();
        signal.addEventListener("abort", onAbort, { once: true });
        queue.add(waiting);
      });
    },
    give() {
      const [next] = queue;
      if (next === undefined) taken--;
      else next.admit();
    },
  };
}
