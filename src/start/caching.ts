import { Coalescer } from "../cache/coalesce.ts";
import type { Emit } from "../cache/events.ts";
import { createFetch } from "../cache/fetch.ts";
import { FlightBudget } from "../cache/flight-budget.ts";
import { createForward } from "../cache/forward.ts";
import { createHandler } from "../cache/handle.ts";
import { HeldBodies } from "../cache/held-bodies.ts";
import { hideFields } from "../cache/hide-fields.ts";
import { createKeep } from "../cache/keep.ts";
import { createLookup } from "../cache/lookup.ts";
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
import type { MemoryStore } from "../store/memory.ts";
import { TieredStore } from "../store/tiered.ts";
import type { Shared } from "./shared.ts";
import { timer } from "./timer.ts";

interface CachingDeps {
  readonly config: Config;
  readonly memory: MemoryStore;
  readonly shared: Shared;
  readonly origin: Origin;
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

/** Puts the cache together, from tiers to the handler of requests. */
export function openCaching({ config, memory, shared, origin, emit, now }: CachingDeps) {
  const { store: redis, leases, log } = shared;
  const held = new HeldBodies(config.CACHE_FLIGHT_BYTES);
  const store = new TieredStore({
    memory,
    room: held.reserve,
    now,
    emit,
    purged: (key, stored) => purges.covers(key, stored.epoch, stored.tags),
    heldBack: (key, stored) => purges.holdsBack(key, stored.tags),
    ...(redis === undefined ? {} : { redis, deadlineMs: config.REDIS_COMMAND_TIMEOUT }),
  });
  const purges = new Purges({
    log,
    emit,
    forget: (target) => store.forget(target),
    free: async (target) => redis?.drop(target),
    now,
    graceMs: config.CACHE_MEMORY_GRACE,
  });

  // What no tier takes must not be announced as stored.
  const most = redis === undefined ? memory.maxBodyBytes : Number.POSITIVE_INFINITY;
  const maxObjectBytes = Math.min(config.CACHE_MAX_OBJECT_BYTES, most);
  const admission = admissionSettings(config, maxObjectBytes);
  const uncacheable = new UncacheableKeys(config.CACHE_UNCACHEABLE_FOR * 1000, config.CACHE_UNCACHEABLE_KEYS);
  const budget = new FlightBudget(config.CACHE_FLIGHT_BYTES);
  const keep = createKeep({ store, purges, uncacheable, budget, maxObjectBytes, emit, now, timer });
  const variances = new SearchVariances();
  const lookup = createLookup({ store, purges, emit, now });
  const forward = createForward({
    ...(leases === undefined ? {} : { leases }),
    lookup,
    origin,
    fetch: createFetch({ origin, settings: admission, epoch: () => purges.epoch, now }),
    keep,
    coalescer: new Coalescer<SharedFetch>(),
    uncacheable,
    purges,
    variances,
    admission,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    patienceMs: config.COALESCE_PATIENCE,
    now,
    timer,
  });
  const concurrency = config.REFRESH_CONCURRENCY;
  const refresh = createRefresh({ forward, origin, concurrency, emit });
  const onStoreFailure = config.CACHE_ON_STORE_FAILURE;
  const answer = createHandler({ lookup, forward, refresh, variances, uncacheable, onStoreFailure, now });
  const { refetch, stop } = createRefetch({ store, purges, refresh, concurrency, emit });

  return {
    handle: hideFields(answer, hiddenFields(config)),
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
});

/** Names of fields that hold tags, in lower case. */
export const tagFields = (config: Config): string[] =>
  config.CACHE_TAG_FIELDS.map((name) => name.toLowerCase());

/** Response fields that clients do not see. */
const hiddenFields = (config: Config): ReadonlySet<string> =>
  new Set(config.CACHE_TAG_FIELDS_STRIP ? tagFields(config).filter((name) => name !== "cache-groups") : []);
