import { Coalescer } from "../cache/coalesce.ts";
import type { Emit } from "../cache/events.ts";
import { createExplain } from "../cache/explain.ts";
import { createFetch } from "../cache/fetch.ts";
import { FlightBudget } from "../cache/flight-budget.ts";
import { createForward } from "../cache/forward.ts";
import { createHandler } from "../cache/handle.ts";
import type { HeldBodies } from "../cache/held-bodies.ts";
import { hideFields } from "../cache/hide-fields.ts";
import { createHits, withHits } from "../cache/hit.ts";
import { createKeep } from "../cache/keep.ts";
import type { LastAnswers } from "../cache/last-answers.ts";
import { createLookup, createLookupNear } from "../cache/lookup.ts";
import type { Origin } from "../cache/ports.ts";
import { Purges } from "../cache/purges.ts";
import { createRefetch } from "../cache/refetch.ts";
import { createRefresh } from "../cache/refresh.ts";
import { SearchVariances } from "../cache/search-variances.ts";
import type { Shared as SharedFetch } from "../cache/share.ts";
import { UncacheableKeys } from "../cache/uncacheable.ts";
import type { Config } from "../config.ts";
import type { AdmissionSettings } from "../policy/admit.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type UnkeyedFields, unkeyedFields } from "../policy/unkeyed-fields.ts";
import type { MemoryStore } from "../store/memory.ts";
import { TieredStore } from "../store/tiered.ts";
import type { Shared } from "./shared.ts";
import { timer } from "./timer.ts";

interface CachingDeps {
  readonly config: Config;
  readonly memory: MemoryStore;
  /** What is being sent out of memory. */
  readonly held: HeldBodies;
  readonly shared: Shared;
  readonly origin: Origin;
  /** What decided the last answers. */
  readonly answers: LastAnswers;
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

/** Puts the cache together, from tiers to the handler of requests. */
export function openCaching({ config, memory, held, shared, origin, answers, emit, now }: CachingDeps) {
  const { store: redis, leases, arrivals, log } = shared;
  const storePatienceMs = config.REDIS_COMMAND_TIMEOUT;
  const store = new TieredStore({
    memory,
    room: held.reserve,
    now,
    emit,
    purged: (key, stored) => purges.covers(key, stored.epoch, stored.tags),
    heldBack: (key, stored) => purges.holdsBack(key, stored.epoch, stored.tags),
    ...(redis === undefined ? {} : { redis, deadlineMs: storePatienceMs }),
  });
  const purges = new Purges({
    log,
    emit,
    forget: (target) => store.forget(target),
    free: async (target) => redis?.drop(target),
    now,
    graceMs: config.CACHE_MEMORY_GRACE,
    ...(redis === undefined ? {} : { patience: { storePatienceMs, now, timer } }),
  });

  // What no tier takes must not be announced as stored.
  const most = redis === undefined ? memory.maxBodyBytes : Number.POSITIVE_INFINITY;
  const maxObjectBytes = Math.min(config.CACHE_MAX_OBJECT_BYTES, most);
  const admission = admissionSettings(config, maxObjectBytes);
  const uncacheable = new UncacheableKeys(config.CACHE_UNCACHEABLE_FOR * 1000, config.CACHE_UNCACHEABLE_KEYS);
  const budget = new FlightBudget(config.CACHE_FLIGHT_BYTES);
  const elsewhere = arrivals === undefined ? {} : { arrivals };
  const common = { ...elsewhere, purges, uncacheable, budget, maxObjectBytes, now, timer };
  const keep = createKeep({ ...common, store, emit });
  const variances = new SearchVariances();
  const fetch = createFetch({ origin, settings: admission, epoch: () => purges.epoch, now });
  const lookup = createLookup({ store, purges, emit, now });
  const forward = createForward({
    ...common,
    ...(leases === undefined ? {} : { leases }),
    lookup,
    origin,
    fetch,
    keep,
    coalescer: new Coalescer<SharedFetch>(),
    variances,
    admission,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    patienceMs: config.COALESCE_PATIENCE,
    storePatienceMs,
  });
  const concurrency = config.REFRESH_CONCURRENCY;
  const refresh = createRefresh({ forward, origin, concurrency, emit });
  const onStoreFailure = config.CACHE_ON_STORE_FAILURE;
  const answer = createHandler({ lookup, forward, refresh, variances, uncacheable, onStoreFailure, now });
  const hidden = hiddenFields(config);
  const hits = createHits({
    lookupNear: createLookupNear({ store, purges }),
    ...(redis === undefined ? {} : { lookup }),
    variances,
    hidden,
    now,
  });
  const { refetch, stop } = createRefetch({ store, purges, refresh, concurrency, emit });

  const { explain, trace } = createExplain({
    store,
    purges,
    variances,
    uncacheable,
    answers,
    fetch,
    admission,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    clientDirectives: config.CACHE_CLIENT_DIRECTIVES,
    defaultHost: `localhost:${config.PORT}`,
    now,
  });

  return {
    explain,
    trace,
    handle: withHits(hideFields(answer, hidden), hits),
    hits,
    purge: purges.purge.bind(purges),
    refetch,
    /** Counts a stored body while it is sent. */
    hold: held.hold,
    /** The longest body that is stored, in bytes. */
    maxObjectBytes,
    /** Begins nothing more in the background. */
    stop,
    /** Resolves when what is under way in the background has ended. */
    drain: () => Promise.all([refresh.drain(), keep.drain()]),
    close: () => store.close(),
  };
}

const admissionSettings = (config: Config, maxObjectBytes: number): AdmissionSettings => ({
  defaultTtl: config.CACHE_DEFAULT_TTL,
  defaultStaleWhileRevalidate: config.CACHE_DEFAULT_STALE_WHILE_REVALIDATE,
  defaultStaleIfError: config.CACHE_DEFAULT_STALE_IF_ERROR,
  keepForValidation: config.CACHE_KEEP,
  maxTtl: config.CACHE_MAX_TTL,
  maxObjectBytes,
  allowSetCookie: config.CACHE_SET_COOKIE,
  profile: config.CACHE_PROFILE,
  tagFields: tagFields(config),
  unkeyed: unkeyedOf(config),
});

/** What becomes of request fields that are in no key. */
export const unkeyedOf = (config: Config): UnkeyedFields =>
  unkeyedFields({
    stripped: lowerCase(config.UNKEYED_FIELDS_STRIP),
    keyed: lowerCase(config.CACHE_KEY_FIELDS),
    passed: lowerCase(config.UNKEYED_FIELDS_PASS),
  });

/** Names of fields that hold tags, in lower case. */
export const tagFields = (config: Config): string[] => lowerCase(config.CACHE_TAG_FIELDS);

const lowerCase = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());

/** Response fields that clients do not see. */
const hiddenFields = (config: Config): ReadonlySet<string> =>
  new Set(config.CACHE_TAG_FIELDS_STRIP ? tagFields(config).filter((name) => name !== "cache-groups") : []);
