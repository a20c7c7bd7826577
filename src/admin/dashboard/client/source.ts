import { ApiFailure, getJson } from "./api.ts";

export type Reading<T> =
  | { readonly type: "loading" }
  | { readonly type: "ready"; readonly value: T }
  /** This Freshline has no such route. */
  | { readonly type: "absent" }
  | { readonly type: "failed"; readonly message: string };

export interface Source<T> {
  /** Hears of the present reading at once, and of each one that follows. */
  subscribe(listener: (reading: Reading<T>) => void): void;
  /** Asks now, whenever the next turn would have been. */
  ask(): void;
}

/** What all sources together have found out about the way to the API. */
export interface Line {
  answered(): void;
  failed(failure: ApiFailure): void;
}

/** A route that was not there may come with the next version; asking for it is not worth more than this. */
const ABSENT_EVERY_MS = 60_000;
const SLOWEST_MS = 15_000;

/**
 * Asks one route again and again while this page is looked at, and once when it is looked at again.
 *
 * After a failure it asks later and later, up to every 15 s, and at once when it is told to.
 */
export function createSource<T>(path: string, everyMs: number, line: Line): Source<T> {
  const listeners: ((reading: Reading<T>) => void)[] = [];
  let reading: Reading<T> = { type: "loading" };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let failures = 0;
  let refused = false;

  async function turn(): Promise<void> {
    if (asking || refused || document.hidden) return;
    asking = true;
    clearTimeout(timer);
    reading = await read();
    asking = false;
    for (const listener of listeners) listener(reading);
    if (!refused) timer = setTimeout(() => void turn(), pause());
  }

  async function read(): Promise<Reading<T>> {
    try {
      const value = await getJson<T>(path);
      failures = 0;
      line.answered();
      return { type: "ready", value };
    } catch (error) {
      const failure = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
      if (failure.status === 404) return { type: "absent" };
      failures++;
      // A wrong token is not tried again and again: the page begins anew with the next one.
      refused = failure.status === 401;
      line.failed(failure);
      return { type: "failed", message: failure.message };
    }
  }

  const pause = (): number => {
    if (reading.type === "absent") return ABSENT_EVERY_MS;
    return failures === 0 ? everyMs : Math.min(SLOWEST_MS, 1000 * 2 ** failures);
  };

  document.addEventListener("visibilitychange", () => void turn());
  return {
    subscribe(listener) {
      listeners.push(listener);
      listener(reading);
      if (listeners.length === 1) void turn();
    },
    ask: () => void turn(),
  };
}
