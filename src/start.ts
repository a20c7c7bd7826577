import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { createAdminApi } from "./admin/api.ts";
import { listenAdmin } from "./admin/listen.ts";
import { Coalescer, MAX_LEADERS } from "./cache/coalesce.ts";
import { createEvents, type Emit } from "./cache/events.ts";
import { createFetch } from "./cache/fetch.ts";
import { FlightBudget } from "./cache/flight-budget.ts";
import { createForward } from "./cache/forward.ts";
import { createHandler } from "./cache/handle.ts";
import { HeldBodies } from "./cache/held-bodies.ts";
import { hideFields } from "./cache/hide-fields.ts";
import { createKeep } from "./cache/keep.ts";
import { createLookup } from "./cache/lookup.ts";
import type { Leases, PurgeLog, Store } from "./cache/ports.ts";
import { Purges } from "./cache/purges.ts";
import { createRefetch } from "./cache/refetch.ts";
import { createRefresh } from "./cache/refresh.ts";
import { SearchVariances } from "./cache/search-variances.ts";
import type { Shared } from "./cache/share.ts";
import { UncacheableKeys } from "./cache/uncacheable.ts";
import { createWarm, type WarmResult } from "./cache/warm.ts";
import type { Config } from "./config.ts";
import { createMetrics } from "./observe/metrics.ts";
import { createStats } from "./observe/stats.ts";
import { createOriginPool } from "./origin/pool.ts";
import { createUpgrader } from "./origin/upgrade.ts";
import type { AdmissionSettings } from "./policy/admit.ts";
import type { EpochMs } from "./policy/stored-response.ts";
import { createApp } from "./server/app.ts";
import { listen } from "./server/listen.ts";
import { trustedPeers } from "./server/peer.ts";
import { answerPurge } from "./server/purge-request.ts";
import { createUpgradeHandler } from "./server/upgrade.ts";
import { RedisConnection } from "./store/connection.ts";
import { RedisLeases } from "./store/lease.ts";
import { LocalPurgeLog } from "./store/local-purge-log.ts";
import { MemoryStore } from "./store/memory.ts";
import { RedisPurgeLog } from "./store/purge-log.ts";
import { RedisStore } from "./store/redis.ts";
import { TieredStore } from "./store/tiered.ts";

/** A proxy that serves. */
export interface Running {
  readonly port: number;
  readonly adminPort: number;
  /** The longest body that is stored, in bytes: CACHE_MAX_OBJECT_BYTES, or less where memory is all there is. */
  readonly maxObjectBytes: number;
  /** True once Redis answers; it may come later, too. */
  redisAttached(): boolean;
  warm(urls: readonly string[]): Promise<WarmResult>;
  /** Stops accepting, finishes what is in progress, closes everything. */
  stop(): Promise<void>;
}

export interface Surroundings {
  readonly observers?: readonly Emit[];
  /** The clock that freshness goes by; Date.now when absent. */
  readonly now?: () => EpochMs;
}

/** The one place that knows which classes there are. Rejects with Node's error when a port cannot be had. */
export async function start(
  config: Config,
  { observers = [], now = Date.now }: Surroundings = {},
): Promise<Running> {
  const elapsed = performance.now.bind(performance);
  const { emit, listen: observe } = createEvents();
  for (const observer of observers) observe(observer);

  const memory = new MemoryStore({ capacity: config.CACHE_MEMORY_BYTES, now });
  const stats = createStats({ memory: () => memory.stats(), now });
  const pool = createOriginPool(originOptions(config, emit, now));
  const metrics = createMetrics({
    memory: () => memory.stats(),
    origins: () => pool.states(),
    ...(config.REDIS_URL === undefined ? {} : { purgesBehindMs: () => shared.log.behindMs() }),
  });
  for (const listener of [stats.listen, metrics.listen]) observe(listener);

  const shared = openShared(config, emit, now);
  const held = new HeldBodies(config.CACHE_FLIGHT_BYTES);
  const store = new TieredStore({
    memory,
    room: held.reserve,
    now,
    emit,
    purged: (key, stored) => purges.covers(key, stored.epoch, stored.tags),
    heldBack: (key, stored) => purges.holdsBack(key, stored.tags),
    ...(shared.store === undefined ? {} : { redis: shared.store, deadlineMs: config.REDIS_COMMAND_TIMEOUT }),
  });
  const purges = new Purges({
    log: shared.log,
    emit,
    forget: (target) => store.forget(target),
    free: async (target) => shared.store?.drop(target),
    now,
    graceMs: config.CACHE_MEMORY_GRACE,
  });

  const origin = pool;
  const uncacheable = new UncacheableKeys(config.CACHE_UNCACHEABLE_FOR * 1000, config.CACHE_UNCACHEABLE_KEYS);
  const budget = new FlightBudget(config.CACHE_FLIGHT_BYTES);
  // What no tier takes must not be announced as stored.
  const most = shared.store === undefined ? memory.maxBodyBytes : Number.POSITIVE_INFINITY;
  const maxObjectBytes = Math.min(config.CACHE_MAX_OBJECT_BYTES, most);
  const keep = createKeep({ store, purges, uncacheable, budget, maxObjectBytes, emit, now, timer });
  const admission = admissionSettings(config, maxObjectBytes);
  const variances = new SearchVariances();
  const fetch = createFetch({ origin, settings: admission, epoch: () => purges.epoch, now });
  const coalescer = new Coalescer<Shared>();
  const patienceMs = config.COALESCE_PATIENCE;
  const lookup = createLookup({ store, purges, emit, now });
  const forward = createForward({
    ...(shared.leases === undefined ? {} : { leases: shared.leases }),
    lookup,
    origin,
    fetch,
    keep,
    coalescer,
    uncacheable,
    purges,
    variances,
    admission,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    patienceMs,
    now,
    timer,
  });
  const refresh = createRefresh({ forward, origin, concurrency: config.REFRESH_CONCURRENCY, emit });
  const { refetch, stop: stopRefetching } = createRefetch({
    store,
    purges,
    refresh,
    concurrency: config.REFRESH_CONCURRENCY,
    emit,
  });
  const answer = createHandler({
    lookup,
    forward,
    refresh,
    variances,
    uncacheable,
    onStoreFailure: config.CACHE_ON_STORE_FAILURE,
    now,
  });
  const handle = hideFields(answer, hiddenFields(config));

  let draining = false;
  const reading = {
    clientDirectives: config.CACHE_CLIENT_DIRECTIVES,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    trustedProxies: trustedPeers(config.TRUSTED_PROXIES),
    defaultHost: "localhost",
  };
  const answering = {
    corsOrigins: config.CORS_ORIGINS,
    securityHeaders: config.SECURITY_HEADERS,
    writeTimeoutMs: config.WRITE_TIMEOUT,
  };
  const settings = { ...reading, ...answering };
  const purge = answerPurge({
    allowed: trustedPeers(config.PURGE_ALLOW),
    trustedProxies: settings.trustedProxies,
    tagFields: tagFields(config),
    purge: (targets, mode) => purges.purge(targets, mode),
    refetch,
    elapsed,
  });
  const purging = config.PURGE_ALLOW.length === 0 ? {} : { purge };
  const app = createApp({ handle, emit, ...purging, hold: held.hold, settings, elapsed });
  const upgrades = createUpgradeHandler({
    upgrade: createUpgrader(pool, originOptions(config, emit, now)),
    settings,
    refuseFragment: app.refuseFragment,
    emit,
    elapsed,
  });
  const warm = createWarm({
    handle,
    defaultHost: `localhost:${config.PORT}`,
    origins: config.ORIGINS,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    timer,
  });
  const api = createAdminApi({
    token: config.ADMIN_TOKEN,
    hosts: [config.ADMIN_HOST],
    stats: () => stats.read(),
    metricsText: () => metrics.text(),
    origins: () => pool.states(),
    ready: () => readiness(draining, pool.anyHealthy(), shared.log.behindMs()),
    purge: (targets, mode) => purges.purge(targets, mode),
    refetch,
    ignoredParameters: config.CACHE_KEY_IGNORE_PARAMS,
    warm,
    report: (error, requestId) => console.error(`freshline: admin request ${requestId} failed:`, error),
  });

  const closeAll = async () => {
    await pool.close();
    await shared.leases?.close();
    await shared.log.close();
    await store.close();
    await shared.close();
  };
  const listeners = await openListeners().catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const { proxied, admin } = listeners;
  await Promise.all([pool.ready, shared.ready]);

  return {
    port: proxied.port,
    adminPort: admin.port,
    maxObjectBytes,
    redisAttached: shared.attached,
    warm,
    async stop() {
      draining = true;
      upgrades.close();
      stopRefetching();
      await proxied.drain(config.SHUTDOWN_TIMEOUT);
      await within(config.SHUTDOWN_TIMEOUT, Promise.all([refresh.drain(), keep.drain()]));
      await admin.close();
      await closeAll();
    },
  };

  async function openListeners() {
    const proxied = await listen(app, upgrades.onUpgrade, {
      port: config.PORT,
      host: config.HOST,
      maxConnections: config.MAX_CONNECTIONS,
      maxHeaderBytes: config.MAX_HEADER_BYTES,
      headersTimeoutMs: config.HEADERS_TIMEOUT,
      requestTimeoutMs: config.REQUEST_TIMEOUT,
      keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT,
    });
    try {
      return { proxied, admin: await listenAdmin(api, { host: config.ADMIN_HOST, port: config.ADMIN_PORT }) };
    } catch (error) {
      await proxied.drain(0);
      throw error;
    }
  }
}

/** Without the purge log we serve, at the price of validations: other instances are no better off. */
function readiness(
  draining: boolean,
  healthy: boolean,
  behindMs: number,
): { ready: boolean; detail: string } {
  if (draining) return { ready: false, detail: "draining" };
  if (!healthy) return { ready: false, detail: "no healthy origin" };
  if (behindMs === 0) return { ready: true, detail: "ok" };
  const since = Number.isFinite(behindMs) ? `for ${Math.ceil(behindMs / 1000)} s` : "yet";
  return { ready: true, detail: `ok, but purges of other instances cannot be heard ${since}` };
}

const timer = (callback: () => void, ms: number): (() => void) => {
  const timeout = setTimeout(callback, ms);
  return () => clearTimeout(timeout);
};

/** Resolves with the work or with the time, whichever is first. */
const within = (ms: number, work: Promise<unknown>): Promise<void> =>
  new Promise((resolve) => {
    const timeout = setTimeout(resolve, ms);
    void work.finally(() => {
      clearTimeout(timeout);
      resolve();
    });
  });

/** How long a start waits for Redis before it goes on without. */
const REDIS_AT_START_MS = 1000;

interface SharedParts {
  readonly store: Store | undefined;
  readonly log: PurgeLog;
  readonly leases: Leases | undefined;
  readonly ready: Promise<void>;
  attached(): boolean;
  close(): Promise<void>;
}

/** What all instances share: Redis, or nothing, where none is set. */
function openShared(config: Config, emit: Emit, now: () => number): SharedParts {
  if (config.REDIS_URL === undefined) {
    const log = new LocalPurgeLog();
    return {
      store: undefined,
      log,
      leases: undefined,
      ready: Promise.resolve(),
      attached: () => false,
      close: async () => {},
    };
  }
  const connection = new RedisConnection({
    url: config.REDIS_URL,
    ...redisCredentials(config),
    now,
    emit,
    commandTimeoutMs: config.REDIS_COMMAND_TIMEOUT,
  });
  const namespace = config.CACHE_NAMESPACE;
  const instance = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const leases = new RedisLeases({
    connection,
    emit,
    namespace,
    instance,
    ttlMs: config.LEASE_TTL,
    maxLeaders: MAX_LEADERS,
    patienceMs: config.COALESCE_PATIENCE,
  });
  const log = new RedisPurgeLog({
    connection,
    emit,
    namespace,
    keepMs: (config.CACHE_MAX_TTL + 86_400) * 1000,
    instance,
    ackTimeoutMs: config.PURGE_ACK_TIMEOUT,
    listeners: [leases.listener],
  });
  return {
    store: new RedisStore({ connection, now, emit, namespace, chunkBytes: config.CACHE_CHUNK_BYTES }),
    log,
    leases,
    ready: attachedWithin(log, REDIS_AT_START_MS),
    attached: () => log.attached(),
    close: () => connection.close(),
  };
}

/** What REDIS_URL does not hold. */
export const redisCredentials = ({ REDIS_CA: ca, REDIS_SENTINEL_PASSWORD: sentinelPassword }: Config) => ({
  ...(ca === undefined ? {} : { ca }),
  ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
});

async function attachedWithin(log: RedisPurgeLog, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!log.attached() && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
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

const tagFields = (config: Config): string[] => config.CACHE_TAG_FIELDS.map((name) => name.toLowerCase());

/** Response fields that clients do not see. */
const hiddenFields = (config: Config): ReadonlySet<string> =>
  new Set(config.CACHE_TAG_FIELDS_STRIP ? tagFields(config).filter((name) => name !== "cache-groups") : []);

const originOptions = (config: Config, emit: Emit, now: () => number) => ({
  origins: config.ORIGINS,
  preserveHost: config.PRESERVE_HOST,
  connections: config.ORIGIN_CONNECTIONS,
  queue: config.ORIGIN_QUEUE,
  connectTimeoutMs: config.ORIGIN_CONNECT_TIMEOUT,
  headersTimeoutMs: config.ORIGIN_TIMEOUT,
  bodyTimeoutMs: config.ORIGIN_BODY_TIMEOUT,
  maxHeaderBytes: config.MAX_HEADER_BYTES,
  healthCheckPath: config.HEALTH_CHECK_PATH,
  healthCheckIntervalMs: config.HEALTH_CHECK_INTERVAL,
  healthCheckTimeoutMs: config.HEALTH_CHECK_TIMEOUT,
  emit,
  now,
});
