import type { AdminListener } from "./admin/listen.ts";
import type { Reloaded } from "./admin/steering.ts";
import { createEvents, type Emit } from "./cache/events.ts";
import { HeldBodies } from "./cache/held-bodies.ts";
import { LastAnswers } from "./cache/last-answers.ts";
import type { PurgeLog } from "./cache/ports/purge-log.ts";
import { createWarm, type WarmResult } from "./cache/warm.ts";
import type { SettingInForce } from "./config/in-force.ts";
import type { Config, FixedConfig, Loaded } from "./config.ts";
import { createLive } from "./observe/live.ts";
import { createMetrics } from "./observe/metrics.ts";
import { redactAlso } from "./observe/redact.ts";
import { createStats } from "./observe/stats.ts";
import { createTail } from "./observe/tail.ts";
import type { createHealthChecks } from "./origin/health.ts";
import { createOriginPool } from "./origin/pool.ts";
import { createUpgrader } from "./origin/upgrade.ts";
import type { EpochMs } from "./policy/stored-response.ts";
import { createApp } from "./server/app.ts";
import { createTracing } from "./server/debug.ts";
import { answerPurge } from "./server/purge-request.ts";
import { createUpgradeHandler } from "./server/upgrade.ts";
import { type Operations, openAdmin, readiness } from "./start/admin.ts";
import { openCaching } from "./start/caching.ts";
import { openCertificates } from "./start/certificates.ts";
import { withoutSecrets } from "./start/explained.ts";
import { liveOf } from "./start/live-of-workers.ts";
import { liveSettings } from "./start/live-settings.ts";
import { originOptions } from "./start/origin-options.ts";
import { openProxied } from "./start/proxied.ts";
import { openShared } from "./start/shared.ts";
import { createSteering, type SteeringNews } from "./start/steering.ts";
import { TicketSecrets } from "./start/ticket-secrets.ts";
import { timer, within } from "./start/timer.ts";
import { MemoryStore } from "./store/memory.ts";

/** A proxy that serves. */
export interface Running {
  readonly port: number;
  readonly adminPort: number;
  /** Where TLS is spoken. */
  readonly tlsPort?: number;
  /** The longest body that is stored, in bytes: CACHE_MAX_OBJECT_BYTES, or less where memory is all there is. */
  readonly maxObjectBytes: number;
  /** True once Redis answers; it may come later, too. */
  redisAttached(): boolean;
  warm(urls: readonly string[]): Promise<WarmResult>;
  /** Reads the settings again, as POST /reload does. */
  reload(): Promise<Reloaded>;
  /** Stops accepting, finishes what is in progress, closes everything. */
  stop(): Promise<void>;
}

export interface Surroundings {
  readonly observers?: readonly Emit[];
  /** The settings as the operator may see them, and from where they come; they cannot be read again when absent. */
  readonly settings?: readonly SettingInForce[];
  readonly reread?: () => Loaded;
  /** Hears of settings that are in force from now on, and of what an operator has changed. */
  readonly applied?: (config: Config) => void;
  readonly steered?: (news: SteeringNews) => void;
  /** The clock that freshness goes by; Date.now when absent. */
  readonly now?: () => EpochMs;
  /** Milliseconds of a clock that never jumps, for how long things took; performance.now when absent. */
  readonly elapsed?: () => number;
  /** Where this process is one of several that share a port: what it leaves to the one that started them. */
  readonly worker?: {
    /** Takes the place of the purge log that a process has for itself, where no Redis is set. */
    readonly purgeLog: PurgeLog;
    readonly healthChecks: typeof createHealthChecks;
    readonly tickets: TicketSecrets;
    /** Takes the place of the admin API. */
    readonly openAdmin: (operations: Operations) => Promise<AdminListener>;
  };
}

/** With its folder the one place that knows which classes there are. Rejects with Node's error when a port cannot be had. */
export async function start(begun: Config, surroundings: Surroundings = {}): Promise<Running> {
  const {
    observers = [],
    now = Date.now,
    elapsed = performance.now.bind(performance),
    worker,
    applied = () => {},
  } = surroundings;
  const { emit: tell, listen: observe } = createEvents();
  for (const observer of observers) observe(observer);

  const config: FixedConfig = begun;
  redactAlso(config.LOG_REDACT_QUERY);
  const tracing = await tracingOf(config, tell);
  const emit = tracing?.emit ?? tell;
  const certificates = openCertificates(config, emit);
  const tickets = worker?.tickets ?? new TicketSecrets();
  const keepTickets = worker === undefined ? tickets.renewDaily() : () => {};
  const held = new HeldBodies(config.CACHE_FLIGHT_BYTES);
  const memory = new MemoryStore({ capacity: config.CACHE_MEMORY_BYTES, now, sending: held });
  const settings = liveSettings(
    begun,
    config.REDIS_URL === undefined ? memory.maxBodyBytes : Number.POSITIVE_INFINITY,
  );
  const shared = openShared(config, settings.caching, emit, now, worker?.purgeLog);
  const origins = originOptions(begun, emit, now);
  const pool = createOriginPool({
    ...origins,
    ...(worker === undefined ? {} : { healthChecks: worker.healthChecks }),
  });
  const purgesBehindMs = () => shared.log.behindMs();
  const stats = createStats({ memory: () => memory.stats(), now });
  const metrics = createMetrics({
    memory: () => memory.stats(),
    origins: () => pool.states(),
    certificates: certificates.served,
    routes: config.METRICS_ROUTES,
    ...(config.REDIS_URL === undefined ? {} : { purgesBehindMs, load: shared.load }),
  });
  const live = createLive({ now, memory: () => memory.stats(), purgesBehindMs });
  const tail = createTail(observe, now);
  for (const listener of [stats.listen, metrics.listen, live.listen]) observe(listener);
  const answers = new LastAnswers(now);
  observe(answers.listen);
  const caching = openCaching({
    ...{ config, live: settings, memory, held, answers, emit, now, elapsed },
    shared: tracing?.shared(shared) ?? shared,
    origin: tracing?.origin(pool) ?? pool,
    ...(tracing === undefined ? {} : { tracing }),
  });
  const { handle, purge, refetch } = caching;

  let draining = false;
  const { requests } = settings;
  const app = createApp({
    handle,
    repeated: { hits: caching.hits, keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT },
    emit,
    purge: answerPurge({
      settings: requests,
      tagFields: settings.admission.tagFields,
      purge,
      refetch,
      elapsed,
    }),
    addTrace: createTracing({ settings: requests, trace: caching.trace }),
    hold: caching.hold,
    ...(tracing === undefined ? {} : { around: tracing.request }),
    settings: requests,
    elapsed,
  });
  const upgrader = createUpgrader(pool, origins);
  const upgrades = createUpgradeHandler({
    upgrade: tracing?.upgrade(upgrader) ?? upgrader,
    settings: requests,
    admission: settings.admission,
    refuseFragment: app.refuseFragment,
    emit,
    elapsed,
  });
  const warm = createWarm({
    handle,
    defaultHost: `localhost:${config.PORT}`,
    origins: () => pool.states().map(({ origin }) => origin),
    keying: requests,
    timer,
  });
  const operations: Operations = {
    stats: () => stats.read(),
    metricsText: metrics.text,
    metrics: metrics.families,
    origins: () => pool.states(),
    explain: async (asked) => withoutSecrets(await caching.explain(asked)),
    entries: caching.entries,
    storeState: caching.storeState,
    live: liveOf(tail.watch, () => [live.read()]),
    liveReading: live.read,
    tail,
    ready: () => readiness(draining, pool.anyHealthy(), shared.log.behindMs()),
    purge,
    refetch,
    warm,
    async apply(changed, drained) {
      const asked = originOptions(changed, emit, now);
      settings.apply(changed);
      // Tunnels are asked for by these.
      Object.assign(origins, asked);
      applied(changed);
      await certificates.renew();
      await pool.apply(asked, drained);
    },
  };
  const steering = createSteering({
    settled: { config: begun, settings: surroundings.settings ?? [] },
    reread: surroundings.reread ?? (() => ({ ok: false, errors: ["the settings are written nowhere"] })),
    apply: operations.apply,
    empty: () => purge([{ type: "everything" }], "delete"),
    tell: surroundings.steered ?? (() => {}),
  });

  const closeAll = async () => {
    certificates.close();
    keepTickets();
    live.close();
    await pool.close();
    await shared.close();
    await caching.close();
    await tracing?.close();
  };
  const listeners = await openListeners().catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const { proxied, admin } = listeners;
  await Promise.all([pool.ready, shared.ready]);

  return {
    port: proxied.port,
    ...(proxied.tlsPort === undefined ? {} : { tlsPort: proxied.tlsPort }),
    adminPort: admin.port,
    maxObjectBytes: settings.admission.maxObjectBytes,
    redisAttached: shared.attached,
    warm,
    reload: steering.reload,
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
    const { onUpgrade } = upgrades;
    const portIsShared = worker !== undefined;
    const proxied = await openProxied({
      ...{ config, app, onUpgrade, hits: caching.hits, hold: caching.hold, settings: requests },
      ...{ certificates, tickets, portIsShared, tracing, emit, elapsed },
    });
    try {
      const open = worker?.openAdmin ?? ((operations) => openAdmin(config, steering, operations));
      return { proxied, admin: await open(operations) };
    } catch (error) {
      await proxied.drain(0);
      throw error;
    }
  }
}

/** Undefined where nobody wants traces: nothing of them is loaded then. */
async function tracingOf(config: FixedConfig, emit: Emit) {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: collector } = config;
  if (collector === undefined) return undefined;
  return (await import("./start/tracing.ts")).openTracing(collector, config, emit);
}
