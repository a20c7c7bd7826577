import type { RequestDirectives } from "./cache-control.ts";
import { type FieldLines, hasField } from "./fields.ts";
import { currentAge, isAhead } from "./freshness.ts";
import { isSafe } from "./invalidate.ts";
import type { BypassReason } from "./outcome.ts";
import { hasBytesFor } from "./range.ts";
import type { EpochMs, Reusable, Seconds } from "./stored-response.ts";

/** What a decision needs to know of a request. */
export interface RequestFacts {
  readonly method: string;
  readonly fields: FieldLines;
  /** Empty when the operator has clients' directives ignored. */
  readonly directives: RequestDirectives;
  readonly hasBody: boolean;
}

/** What to do with a request; the one switch on it is in cache/handle.ts. */
export type Decision<S> =
  /** The cache stays out of it. */
  | { readonly type: "pass"; readonly reason: BypassReason }
  /** Fresh: answer from the store. */
  | { readonly type: "serve"; readonly stored: S; readonly age: Seconds }
  /** Stale, and someone permits it; `refresh` when the origin asks for one meanwhile. */
  | {
      readonly type: "serve-stale";
      readonly stored: S;
      readonly age: Seconds;
      readonly refresh: boolean;
      /** The operator permits it (store-failure.ts). */
      readonly because?: "store-failed";
    }
  /** Ask the origin; `fallback`: if it fails, the stale response may be served. */
  | {
      readonly type: "revalidate";
      readonly stored: S;
      readonly age: Seconds;
      readonly fwd: "stale" | "request";
      readonly fallback: boolean;
    }
  /** Nothing usable is stored; `incomplete` is a part that lacks bytes of what is asked for (RFC 9111 §3.3). */
  | { readonly type: "fetch"; readonly incomplete?: S }
  /** only-if-cached, and nothing usable is: 504 (RFC 9111 §5.2.1.7). Or 503, as the operator wants it (store-failure.ts). */
  | { readonly type: "refuse"; readonly because?: "store-failed" };

/** Why the cache cannot take part in a request at all (RFC 9111 §3, §5.2.1.5; RFC 9110 §13.1), or undefined when it can. */
export function bypassReason(request: RequestFacts): BypassReason | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return "method";
  if (request.hasBody) return "request-body";
  if (request.directives.noStore) return "client-no-store";
  if (hasField(request.fields, "if-match") || hasField(request.fields, "if-unmodified-since"))
    return "precondition";
  return undefined;
}

/**
 * May a stored response answer this request (RFC 9111 §4)?
 *
 * Pure: three facts in, one verdict out. The operator's settings are already inside the
 * facts. As `now` grows, from the response's time on, its verdict never gets fresher.
 */
export function decide<S extends Reusable>(
  request: RequestFacts,
  stored: S | undefined,
  now: EpochMs,
): Decision<S> {
  const asked = request.directives;
  const bypass = bypassReason(request);
  if (bypass !== undefined) {
    // An unsafe method has to be written through, whatever else is asked (§4).
    return asked.onlyIfCached && isSafe(request.method)
      ? { type: "refuse" }
      : { type: "pass", reason: bypass };
  }
  if (stored === undefined) return asked.onlyIfCached ? { type: "refuse" } : { type: "fetch" };
  // However fresh or stale: what it does not hold it cannot answer.
  if (!hasBytesFor(request, stored, now))
    return asked.onlyIfCached ? { type: "refuse" } : { type: "fetch", incomplete: stored };

  const age = currentAge(stored, now);
  // Negative while fresh; 0 is already stale: fresh means lifetime > age (§4.2).
  const staleness = Math.max(
    age - stored.freshnessLifetime,
    isAhead(stored, now) ? 0 : Number.NEGATIVE_INFINITY,
  );
  const fresh = staleness < 0;
  const youngEnough = age <= (asked.maxAge ?? Number.POSITIVE_INFINITY);
  const freshEnough = -staleness >= (asked.minFresh ?? Number.NEGATIVE_INFINITY);

  if (!asked.noCache && !stored.noCache && youngEnough && freshEnough) {
    if (fresh) return { type: "serve", stored, age };
    // The origin's permission asks for a refresh, so it goes first; the client's own asks for none (§5.2.1.2).
    if (staleness < stored.staleWhileRevalidate) return { type: "serve-stale", stored, age, refresh: true };
    if (!stored.mustRevalidate && staleness <= (asked.maxStale ?? -1)) {
      return { type: "serve-stale", stored, age, refresh: false };
    }
  }
  if (asked.onlyIfCached) return { type: "refuse" };
  return {
    type: "revalidate",
    stored,
    age,
    fwd: fresh && !stored.noCache ? "request" : "stale",
    // The request's own no-cache does not matter here: it is a preference (§5.2.1.4), and a dead origin is worse.
    fallback: mayServeOnError(stored, staleness),
  };
}

/**
 * May it be served because the origin failed (RFC 5861 §4)?
 * A response that is still fresh and was only validated at the client's wish may.
 */
const mayServeOnError = (stored: Pick<Reusable, "noCache" | "staleIfError">, staleness: Seconds): boolean =>
  !stored.noCache && (staleness < 0 || staleness < stored.staleIfError);
