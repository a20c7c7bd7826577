import type { AdminListener } from "./admin/listen.ts";
import { createEvents, type Emit } from "./cache/events.ts";
import { HeldBodies } from "./cache/held-bodies.ts";
import { LastAnswers } from "./cache/last-answers.ts";
import type { PurgeLog } from "./cache/ports.ts";
import { createWarm, type WarmResult } from "./cache/warm.ts";
import type { Config } from "./config.ts";
import { createLive } from "./observe/live.ts";
import { createMetrics } from "./observe/metrics.ts";
import { createStats } from "./observe/stats.ts";
import { createTail } from "./observe/tail.ts";
import type { createHealthChecks } from "./origin/health.ts";
import { createOriginPool } from "./origin/pool.ts";
import { createUpgrader } from "./origin/upgrade.ts";
import type { EpochMs } from "./policy/stored-response.ts";
import { createApp } from "./server/app.ts";
import { createTracing } from "./server/debug.ts";
import { createAtOnce } from "./server/lane/at-once.ts";
import { listen } from "./server/listen.ts";
import { trustedPeers } from "./server/peer.ts";
import { answerPurge } from "./server/purge-request.ts";
import { createUpgradeHandler } from "./server/upgrade.ts";
import { type Operations, openAdmin } from "./start/admin.ts";
import { openCaching, tagFields, unkeyedOf } from "./start/caching.ts";
import { liveOf } from "./start/live-of-workers.ts";
import { originOptions } from "./start/origin-options.ts";
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
  /** Where this process is one of several that share a port: what it leaves to the one that started them. */
  readonly worker?: {
    /** Takes the place of the purge log that a process has for itself, where no Redis is set. */
    readonly purgeLog: PurgeLog;
    readonly healthChecks: typeof createHealthChecks;
    /** Takes the place of the admin API. */
    readonly openAdmin: (operations: Operations) => Promise<AdminListener>;
  };
}

/** With its folder the one place that knows which classes there are. Rejects with Node's error when a port cannot be had. */
export async function start(
  config: Config,
  { observers = [], now = Date.now, worker }: Surroundings = {},
): Promise<Running> {
  const elapsed = performance.now.bind(performance);
  const { emit, listen: observe } = createEvents();
  for (const observer of observers) observe(observer);

  const shared = openShared(config, emit, now, worker?.purgeLog);
  const held = new HeldBodies(config.CACHE_FLIGHT_BYTES);
  const memory = new MemoryStore({ capacity: config.CACHE_MEMORY_BYTES, now, sending: held });
  const origins = originOptions(config, emit, now);
  const pool = createOriginPool(
    worker === undefined ? origins : { ...origins, healthChecks: worker.healthChecks },
  );
  const purgesBehindMs = () => shared.log.behindMs();
  const stats = createStats({ memory: () => memory.stats(), now });
  const metrics = createMetrics({
    memory: () => memory.stats(),
    origins: () => pool.states(),
    ...(config.REDIS_URL === undefined ? {} : { purgesBehindMs }),
  });
  const live = createLive({ now, memory: () => memory.stats(), purgesBehindMs });
  const tail = createTail(observe, now);
  for (const listener of [stats.listen, metrics.listen, live.listen]) observe(listener);
  const answers = new LastAnswers(now);
  observe(answers.listen);
  const caching = openCaching({ config, memory, held, shared, origin: pool, answers, emit, now });
  const { handle, purge, refetch, maxObjectBytes } = caching;

  let draining = false;
  const ignoredParameters = config.CACHE_KEY_IGNORE_PARAMS;
  const trustedProxies = trustedPeers(config.TRUSTED_PROXIES);
  const settings = {
    clientDirectives: config.CACHE_CLIENT_DIRECTIVES,
    ignoredParameters,
    trustedProxies,
    defaultHost: "localhost",
    maxUrlBytes: config.MAX_URL_BYTES,
    maxHeaderCount: config.MAX_HEADER_COUNT,
    maxBodyBytes: config.MAX_BODY_BYTES,
    bodyTimeoutMs: config.BODY_TIMEOUT,
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
  const tracing = { allowed: trustedPeers(config.DEBUG_ALLOW), trustedProxies, trace: caching.trace };
  const app = createApp({
    handle,
    emit,
    // Without it PURGE is a method like any other.
    ...(config.PURGE_ALLOW.length === 0 ? {} : { purge: answerPurge(purging) }),
    // Without it nobody's request is looked at for it.
    ...(config.DEBUG_ALLOW.length === 0 ? {} : { addTrace: createTracing(tracing) }),
    hold: caching.hold,
    settings,
    elapsed,
  });
  const upgrades = createUpgradeHandler({
    upgrade: createUpgrader(pool, origins),
    settings,
    unkeyed: unkeyedOf(config),
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
  const operations: Operations = {
    stats: () => stats.read(),
    metricsText: () => metrics.text(),
    metrics: () => metrics.json(),
    origins: () => pool.states(),
    explain: caching.explain,
    live: liveOf(tail.watch, () => [live.read()]),
    liveReading: live.read,
    tail,
    ready: () => readiness(draining, pool.anyHealthy(), shared.log.behindMs()),
    purge,
    refetch,
    warm,
  };

  const closeAll = async () => {
    live.close();
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
      tail.close();
      await admin.close();
      await closeAll();
    },
  };

  async function openListeners() {
    const keepAliveTimeoutMs = config.KEEP_ALIVE_TIMEOUT;
    const { hits } = caching;
    const atOnce = createAtOnce({ hits, emit, settings, keepAliveTimeoutMs, elapsed });
    const listening = {
      port: config.PORT,
      host: config.HOST,
      maxConnections: config.MAX_CONNECTIONS,
      maxHeaderBytes: config.MAX_HEADER_BYTES,
      maxUrlBytes: config.MAX_URL_BYTES,
      headersTimeoutMs: config.HEADERS_TIMEOUT,
      requestTimeoutMs: config.REQUEST_TIMEOUT,
      keepAliveTimeoutMs,
      portIsShared: worker !== undefined,
    };
    const lane = config.PLAIN_LANE === "on" ? atOnce : undefined;
    const proxied = await listen(app, upgrades.onUpgrade, listening, lane);
    try {
      const open = worker?.openAdmin ?? ((operations) => openAdmin(config, operations));
      return { proxied, admin: await open(operations) };
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
