import type { Decision } from "./decide.ts";
import type { StoredResponse } from "./stored-response.ts";

/** What is done while the shared store cannot be asked: CACHE_ON_STORE_FAILURE. */
export type OnStoreFailure = "origin" | "stale" | "503";

/**
 * What becomes of a decision that was made without the shared store, which may have known better.
 *
 * `origin` leaves it as it is. `stale` reuses what is here, however stale, as an operator may permit,
 * and not where the response forbids it (RFC 9111 §4.2.4). `503` spares the origin what the cache
 * would have spared it.
 */
export function withoutStore<S extends StoredResponse>(
  decision: Decision<S>,
  on: OnStoreFailure,
): Decision<S> {
  switch (decision.type) {
    case "pass":
    case "serve":
    case "serve-stale":
    case "refuse":
      return decision;
    case "fetch":
      return on === "503" ? { type: "refuse", because: "store-failed" } : decision;
    case "revalidate": {
      const { stored, age, fwd, fallback } = decision;
      const mayBeStale = fwd === "stale" && !stored.noCache && !stored.mustRevalidate;
      if (on === "stale" && mayBeStale)
        return { type: "serve-stale", stored, age, refresh: true, because: "store-failed" };
      if (on === "503" && fallback)
        return { type: "serve-stale", stored, age, refresh: false, because: "store-failed" };
      return on === "503" ? { type: "refuse", because: "store-failed" } : decision;
    }
  }
}
