import type { Emit, StoreOperation } from "../cache/events.ts";
import type { Leases } from "../cache/leases.ts";
import type { Store } from "../cache/ports.ts";

interface TimedDeps {
  readonly emit: Emit;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
}

/** Tells how long what lies in Redis takes, whatever comes of it. */
export function createTimed({ emit, elapsed }: TimedDeps) {
  async function timed<T>(operation: StoreOperation, act: () => T | Promise<T>): Promise<T> {
    const startedAt = elapsed();
    try {
      return await act();
    } finally {
      emit({ type: "store-asked", tier: "redis", operation, ms: elapsed() - startedAt });
    }
  }

  return {
    store: (store: Store): Store => ({
      lookup: (key, request) => timed("lookup", () => store.lookup(key, request)),
      put: (key, entry, sent) => timed("put", () => store.put(key, entry, sent)),
      freshen: (key, entry) => timed("freshen", () => store.freshen(key, entry)),
      inspect: (key) => store.inspect(key),
      // Of other targets nothing is asked.
      drop: (target) =>
        target.type === "url" ? timed("drop", () => store.drop(target)) : store.drop(target),
      close: () => store.close(),
    }),
    leases: (leases: Leases): Leases => ({
      acquire: (key, request) => timed("lease", () => leases.acquire(key, request)),
      close: () => leases.close(),
    }),
  };
}
