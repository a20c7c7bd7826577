import { Coalescer } from "../cache/coalesce.ts";
import type { Emit } from "../cache/events.ts";
import { createExplain } from "../cache/explain.ts";
import { createFetch } from "../cache/fetch.ts";
import { FlightBudget } from "../cache/flight-budget.ts";
import { createForward } from "../cache/forward.ts";
import { createHandler } from "../cache/handle.ts";
import type { HeldBodies } from "../cache/held-bodies.ts";
import { hiding } from "../cache/hide-fields.ts";
import { createHits, withHits } from "../cache/hit.ts";
import { createKeep } from "../cache/keep.ts";
import type { LastAnswers } from "../cache/last-answers.ts";
import { createLookup, createLookupNear } from "../cache/lookup.ts";
import type { Origin } from "../cache/ports/origin.ts";
import { Purges } from "../cache/purges.ts";
import { createRefetch } from "../cache/refetch.ts";
import { createRefresh } from "../cache/refresh.ts";
import { SearchVariances } from "../cache/search-variances.ts";
import type { Shared as SharedFetch } from "../cache/share.ts";
import { UncacheableKeys } from "../cache/uncacheable.ts";
import { createWhereabouts } from "../cache/whereabouts.ts";
import type { FixedConfig } from "../config.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { MemoryStore } from "../store/memory.ts";
import { TieredStore } from "../store/tiered.ts";
import type { LiveSettings } from "./live-settings.ts";
import { openLooking } from "./looking.ts";
import type { Shared } from "./shared.ts";
import { timer } from "./timer.ts";
import type { Tracing } from "./tracing.ts";

interface CachingDeps {
  readonly config: FixedConfig;
  readonly live: LiveSettings;
  readonly memory: MemoryStore;
  /** What is being sent out of memory. */
  readonly held: HeldBodies;
  readonly shared: Shared;
  readonly origin: Origin;
  /** What decided the last answers. */
  readonly answers: LastAnswers;
  /** Absent where nobody wants traces. */
  readonly tracing?: Tracing;
  readonly emit: Emit;
  readonly now: () => EpochMs;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
}

/** Puts the cache together, from tiers to the handler of requests. */
export function openCaching(deps: CachingDeps) {
  const { config, live, memory, held, shared, origin, answers, tracing, emit, now, elapsed } = deps;
  const { store: redis, leases, arrivals, log } = shared;
  const storePatienceMs = config.REDIS_COMMAND_TIMEOUT;
  const store = new TieredStore({
    memory,
    room: held.reserve,
    now,
    emit,
    purged: (key, stored) => purges.coversStored(key, stored),
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

  const { admission } = live;
  const uncacheable = new UncacheableKeys(config.CACHE_UNCACHEABLE_FOR * 1000, config.CACHE_UNCACHEABLE_KEYS);
  const budget = new FlightBudget(config.CACHE_FLIGHT_BYTES);
  const elsewhere = arrivals === undefined ? {} : { arrivals };
  const common = { ...elsewhere, purges, uncacheable, budget, limits: admission, now, timer };
  const keep = createKeep({ ...common, store, emit });
  const variances = new SearchVariances();
  const fetch = createFetch({ origin, settings: admission, epoch: () => purges.epoch, now });
  const looking = { store: tracing?.memory(store) ?? store, purges };
  const lookup = createLookup({ ...looking, emit, now });
  const forward = createForward({
    ...common,
    ...(leases === undefined ? {} : { leases }),
    lookup,
    origin,
    fetch,
    keep,
    coalescer: new Coalescer<SharedFetch>(),
    emit,
    variances,
    admission,
    keying: live.requests,
    coalescing: live.caching,
    elapsed,
    storePatienceMs,
    ...(tracing === undefined ? {} : { waiting: tracing.waiting }),
  });
  const concurrency = config.REFRESH_CONCURRENCY;
  const refreshing =
    tracing === undefined ? forward : { ...forward, refresh: tracing.refresh(forward.refresh) };
  const refresh = createRefresh({ forward: refreshing, origin, concurrency, emit });
  const onStoreFailure = () => live.caching.onStoreFailure;
  const hide = hiding(hiddenFields(config, admission.tagFields));
  const handling = { lookup, forward, refresh, variances, uncacheable, onStoreFailure, hide, now };
  const handle = createHandler(handling);
  const hits = createHits({
    lookupNear: createLookupNear(looking),
    ...(redis === undefined ? {} : { lookup }),
    variances,
    hide,
    now,
  });
  const { refetch, stop } = createRefetch({ store, purges, refresh, concurrency, emit });

  const { others, entries, storeState } = openLooking({
    config,
    admission,
    memory,
    shared,
    purges,
    now,
    elapsed,
  });
  const { explain, trace } = createExplain({
    store,
    purges,
    variances,
    uncacheable,
    answers,
    ...(others === undefined
      ? {}
      : { whereabouts: createWhereabouts({ others, memory, purges, variances }) }),
    fetch,
    admission,
    keying: live.requests,
    defaultHost: `localhost:${config.PORT}`,
    now,
  });

  const purge = purges.purge.bind(purges);
  return {
    explain,
    trace,
    entries,
    storeState,
    handle: withHits(handle, hits),
    hits,
    purge: tracing?.purge(purge) ?? purge,
    refetch,
    /** Counts a stored body while it is sent. */
    hold: held.hold,
    /** Begins nothing more in the background. */
    stop,
    /** Resolves when what is under way in the background has ended. */
    drain: () => Promise.all([refresh.drain(), keep.drain()]),
    close: () => store.close(),
  };
}

/** Response fields that clients do not see, of those that hold tags. */
const hiddenFields = (config: FixedConfig, tagFields: readonly string[]): ReadonlySet<string> =>
  new Set(config.CACHE_TAG_FIELDS_STRIP ? tagFields.filter((name) => name !== "cache-groups") : []);
