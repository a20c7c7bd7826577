import { createAdminApi } from "./admin/api.ts";
import { listenAdmin } from "./admin/listen.ts";
import { createEvents, type Emit } from "./cache/events.ts";
import { createWarm, type WarmResult } from "./cache/warm.ts";
import type { Config } from "./config.ts";
import { createMetrics } from "./observe/metrics.ts";
import { createStats } from "./observe/stats.ts";
import { createOriginPool } from "./origin/pool.ts";
import { createUpgrader } from "./origin/upgrade.ts";
import type { EpochMs } from "./policy/stored-response.ts";
import { createApp } from "./server/app.ts";
import { listen } from "./server/listen.ts";
import { trustedPeers } from "./server/peer.ts";
import { answerPurge } from "./server/purge-request.ts";
import { createUpgradeHandler } from "./server/upgrade.ts";
import { openCaching, tagFields } from "./start/caching.ts";
import { openShared } from "./start/shared.ts";
import { timer, within } from "./start/timer.ts";
import { MemoryStore } from "./store/memory.ts";

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

/** With its folder the one place that knows which classes there are. Rejects with Node's error when a port cannot be had. */
export async function start(
  config: Config,
  { observers = [], now = Date.now }: Surroundings = {},
): Promise<Running> {
  const elapsed = performance.now.bind(performance);
  const { emit, listen: observe } = createEvents();
  for (const observer of observers) observe(observer);

  const shared = openShared(config, emit, now);
  const memory = new MemoryStore({ capacity: config.CACHE_MEMORY_BYTES, now });
  const pool = createOriginPool(originOptions(config, emit, now));
  const stats = createStats({ memory: () => memory.stats(), now });
  const metrics = createMetrics({
    memory: () => memory.stats(),
    origins: () => pool.states(),
    ...(config.REDIS_URL === undefined ? {} : { purgesBehindMs: () => shared.log.behindMs() }),
  });
  for (const listener of [stats.listen, metrics.listen]) observe(listener);
  const caching = openCaching({ config, memory, shared, origin: pool, emit, now });
  const { handle, purge, refetch, maxObjectBytes } = caching;

  let draining = false;
  const ignoredParameters = config.CACHE_KEY_IGNORE_PARAMS;
  const trustedProxies = trustedPeers(config.TRUSTED_PROXIES);
  const settings = {
    clientDirectives: config.CACHE_CLIENT_DIRECTIVES,
    ignoredParameters,
    trustedProxies,
    defaultHost: "localhost",
    corsOrigins: config.CORS_ORIGINS,
    securityHeaders: config.SECURITY_HEADERS,
    writeTimeoutMs: config.WRITE_TIMEOUT,
  };
  const purging = {
    allowed: trustedPeers(config.PURGE_ALLOW),
    trustedProxies,
    tagFields: tagFields(config),
    purge,
    refetch,
    elapsed,
  };
  const app = createApp({
    handle,
    emit,
    // Without it PURGE is a method like any other.
    ...(config.PURGE_ALLOW.length === 0 ? {} : { purge: answerPurge(purging) }),
    hold: caching.hold,
    settings,
    elapsed,
  });
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
    ignoredParameters,
    timer,
  });
  const api = createAdminApi({
    token: config.ADMIN_TOKEN,
    hosts: [config.ADMIN_HOST],
    stats: () => stats.read(),
    metricsText: () => metrics.text(),
    origins: () => pool.states(),
    ready: () => readiness(draining, pool.anyHealthy(), shared.log.behindMs()),
    purge,
    refetch,
    ignoredParameters,
    warm,
    report: (error, requestId) => console.error(`freshline: admin request ${requestId} failed:`, error),
  });

  const closeAll = async () => {
    await pool.close();
    await shared.close();
    await caching.close();
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
      caching.stop();
      await proxied.drain(config.SHUTDOWN_TIMEOUT);
      await within(config.SHUTDOWN_TIMEOUT, caching.drain());
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
