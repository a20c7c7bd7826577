import { bypassReason, decide, type RequestFacts } from "../policy/decide.ts";
import type { EpochMs, Seconds, StoredResponse } from "../policy/stored-response.ts";
import { bodyFrom, type CacheRequest, type CacheResponse, type Looked, NO_BODY } from "./exchange.ts";
import type { Handle } from "./handle.ts";
import type { Hide } from "./hide-fields.ts";
import type { FindNear, FindStored } from "./lookup.ts";
import type { Glance, Lookup } from "./ports/store.ts";
import { aspectOf, fresh, ttlOf } from "./respond.ts";
import type { SearchVariances } from "./search-variances.ts";

/** What a request can be answered from at once. */
export interface Hit {
  readonly found: Extract<Lookup, { type: "found" }>;
  readonly age: Seconds;
  /** When it was found. */
  readonly at: EpochMs;
}

export interface Hits {
  /** The fresh stored response that answers this request, which is a cache's business; undefined where there is more to do, and nothing was begun. */
  find(request: RequestFacts, uri: string, looked?: Looked): Hit | undefined;
  /**
   * Asks the store that instances share for what `find` has not found; absent where there is none. For `find` and `Handle` to go on with, at once. Does not reject.
   */
  readonly look?: (request: RequestFacts, uri: string) => Promise<Looked>;
  /** The answer that `Handle` would give. */
  answer(request: RequestFacts, hit: Hit): CacheResponse;
}

interface HitsDeps {
  readonly lookupNear: FindNear;
  /** Absent where memory is all that there is. */
  readonly lookup?: FindStored;
  readonly variances: SearchVariances;
  readonly hide: Hide;
  readonly now: () => EpochMs;
}

/** The part of `handle.ts` for a request that a fresh response answers as it is: in memory, without waiting. */
export function createHits({ lookupNear, lookup, variances, hide, now }: HitsDeps): Hits {
  return {
    find(request, uri, looked) {
      const found = looked?.found ?? lookupNear(variances.keyFor(uri), request.fields, uri);
      if (found?.type !== "found" || found.storeFailed === true) return undefined;
      const at = now();
      const decision = decide<Glance>(request, found.packed ?? found.entry.stored, at);
      return decision.type === "serve" ? { found, age: decision.age, at } : undefined;
    },
    ...(lookup === undefined ? {} : { look: (request, uri) => look(lookup, request, uri) }),
    answer: (request, { found, age }) => hide(fresh(request, found, age, now())),
  };

  function look(lookup: FindStored, { fields }: RequestFacts, uri: string): Promise<Looked> {
    const key = variances.keyFor(uri);
    const askedAt = now();
    const looked = (found: Lookup): Looked => ({ key, found, waitedMs: Math.max(0, now() - askedAt) });
    const found = lookup({ uri: key, fields }, uri);
    return found instanceof Promise ? found.then(looked) : Promise.resolve(looked(found));
  }
}

/** As `Handle`, and at once where it is a hit. */
export type HandleOrHit = (request: CacheRequest, looked?: Looked) => CacheResponse | Promise<CacheResponse>;

/**
 * An answer that was given, and to what; others that ask the same within the second get it again. Without its content: that
 * is the entry's, and leaves memory with that, however long the stored response is known elsewhere.
 */
interface Given {
  readonly aspect: string;
  readonly age: number;
  readonly ttl: number;
  readonly head: CacheResponse;
  readonly hasContent: boolean;
}

/** The same answers, sooner where they are hits. */
export function withHits(handle: Handle, hits: Hits): HandleOrHit {
  const lastGiven = new WeakMap<StoredResponse, Given>();

  return (request, looked) => {
    if (looked !== undefined) return handle(request, looked);
    // Traffic that the cache has no part in never touches the store.
    const hit = bypassReason(request) === undefined ? hits.find(request, request.uri) : undefined;
    return hit === undefined ? handle(request) : answerTo(request, hit);
  };

  function answerTo(request: CacheRequest, hit: Hit): CacheResponse {
    const { stored, body } = hit.found.entry;
    const aspect = aspectOf(request);
    const age = Math.floor(hit.age);
    const ttl = ttlOf(stored, hit.age);
    const given = lastGiven.get(stored);
    if (given !== undefined && given.aspect === aspect && given.age === age && given.ttl === ttl)
      return given.hasContent ? { ...given.head, body: bodyFrom(body) } : given.head;
    const response = hits.answer(request, hit);
    if (aspect !== undefined && hit.found.fleeting !== true) {
      const head = { ...response, body: NO_BODY };
      lastGiven.set(stored, { aspect, age, ttl, head, hasContent: response.body.type !== "none" });
    }
    return response;
  }
}
