import type { FieldLines } from "../policy/fields.ts";
import { onlyValidated, staleFrom } from "../policy/freshness.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { type Emit, storeFailed } from "./events.ts";
import type { CacheRequest } from "./exchange.ts";
import type { Glance, Lookup, Store } from "./ports/store.ts";
import { EVER, NEVER } from "./purge-memory.ts";
import type { Purges } from "./purges.ts";
import { answersUri } from "./search-variances.ts";

interface LookupDeps {
  readonly store: Pick<Store, "lookup" | "near">;
  readonly purges: Purges;
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

const NOTHING = { type: "none", fwd: "uri-miss" } as const;

type Asked = Pick<CacheRequest, "uri" | "fields">;

type Found = Extract<Lookup, { type: "found" }>;

/** What is stored for this request, that is, under its key and for the URI that was asked for, and not purged? */
export function createLookup({ store, purges, emit, now }: LookupDeps) {
  /** A broken cache makes a slow proxy, not a broken one. */
  return function lookup(request: Asked, uri: string): Lookup | Promise<Lookup> {
    const answer = (found: Lookup): Lookup => {
      try {
        return notPurged(found, request, uri);
      } catch (error) {
        return failed(error);
      }
    };
    try {
      const found = store.lookup(request.uri, request.fields);
      // What is here is not waited for: most look-ups of most instances end in memory.
      return found instanceof Promise ? found.then(answer, failed) : answer(found);
    } catch (error) {
      return failed(error);
    }
  };

  function notPurged(found: Lookup, request: Asked, uri: string): Lookup {
    if (found.type === "none") return found;
    const { storeFailed = false } = found;
    const { stored } = found.entry;
    if (!answersUri(stored, uri)) return { ...NOTHING, storeFailed };
    const since = purges.staleSince(request.uri, stored.epoch, stored.tags);
    if (since === EVER) return { ...NOTHING, storeFailed };
    const left = leftByPurges(purges, stored, since, now);
    if (left === stored) return found;
    const vouched = purges.vouchesFor(stored.responseTime);
    return { ...found, entry: { ...found.entry, stored: left }, storeFailed: storeFailed || !vouched };
  }

  function failed(error: unknown): Lookup {
    emit(storeFailed("lookup", error));
    return { ...NOTHING, storeFailed: true };
  }
}

export type FindStored = ReturnType<typeof createLookup>;

/** What purges have left of a response that none has deleted: all of it is the same object. `since` is Purges.staleSince of it. */
export function leftByPurges(
  purges: Pick<Purges, "vouchesFor">,
  stored: StoredResponse,
  since: EpochMs,
  now: () => EpochMs,
): StoredResponse {
  const left = since === NEVER ? stored : staleFrom(stored, Math.min(since, now()));
  return purges.vouchesFor(stored.responseTime) ? left : onlyValidated(left);
}

/**
 * What would `lookup` answer, where it is here at once and no purge has anything to say of it?
 * Undefined where that is not certain; nothing was begun then.
 */
export function createLookupNear({ store, purges }: Pick<LookupDeps, "store" | "purges">) {
  return function lookupNear(key: string, fields: FieldLines, uri: string): Found | undefined {
    const found = store.near?.(key, fields);
    if (found === undefined) return undefined;
    const stored: Glance = found.packed ?? found.entry.stored;
    const certain =
      answersUri(stored, uri) && !purges.coversStored(key, stored) && purges.vouchesFor(stored.responseTime);
    return certain ? found : undefined;
  };
}

export type FindNear = ReturnType<typeof createLookupNear>;
