import type { Emit, StoreOperation } from "../cache/events.ts";
import type { Leases } from "../cache/leases.ts";
import type { Lookup, Store } from "../cache/ports/store.ts";
import type { FieldLines } from "../policy/fields.ts";

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
      tell(operation, startedAt);
    }
  }

  /** The same with fewer promises, for what each hit waits for. What is answered at once takes no time. */
  function timedLookup(store: Store, key: string, request: FieldLines): Lookup | Promise<Lookup> {
    const startedAt = elapsed();
    const answer = store.lookup(key, request);
    if (!(answer instanceof Promise)) return answer;
    return answer.then(
      (found) => {
        tell("lookup", startedAt);
        return found;
      },
      (error) => {
        tell("lookup", startedAt);
        throw error;
      },
    );
  }

  const tell = (operation: StoreOperation, startedAt: number): void =>
    emit({ type: "store-asked", tier: "redis", operation, ms: elapsed() - startedAt });

  return {
    store: (store: Store): Store => ({
      lookup: (key, request) => timedLookup(store, key, request),
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
