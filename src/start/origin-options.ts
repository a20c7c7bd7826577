import type { Emit } from "../cache/events.ts";
import type { Config } from "../config.ts";
import type { HealthOptions } from "../origin/health.ts";
import type { OriginPoolOptions } from "../origin/pool.ts";

/** What the settings say of the health checks of origins. */
export const healthOptions = (config: Config): HealthOptions => ({
  healthCheckPath: config.HEALTH_CHECK_PATH,
  healthCheckIntervalMs: config.HEALTH_CHECK_INTERVAL,
  healthCheckTimeoutMs: config.HEALTH_CHECK_TIMEOUT,
  maxHeaderBytes: config.MAX_HEADER_BYTES,
  tls: {
    ...(config.ORIGIN_CA === undefined ? {} : { ca: config.ORIGIN_CA }),
    ...(config.ORIGIN_CERT === undefined ? {} : { cert: config.ORIGIN_CERT }),
    ...(config.ORIGIN_KEY === undefined ? {} : { key: config.ORIGIN_KEY }),
  },
  http2: config.ORIGIN_HTTP2 === "on",
});

/** What the settings say of origins. */
export const originOptions = (config: Config, emit: Emit, now: () => number): OriginPoolOptions => ({
  ...healthOptions(config),
  origins: config.ORIGINS,
  plainLane: config.PLAIN_LANE === "on",
  preserveHost: config.PRESERVE_HOST,
  connections: config.ORIGIN_CONNECTIONS,
  queue: config.ORIGIN_QUEUE,
  connectTimeoutMs: config.ORIGIN_CONNECT_TIMEOUT,
  headersTimeoutMs: config.ORIGIN_TIMEOUT,
  bodyTimeoutMs: config.ORIGIN_BODY_TIMEOUT,
  retryPercent: config.ORIGIN_RETRY_PERCENT,
  hedgeAfterMs: config.ORIGIN_HEDGE_AFTER,
  breakAfter: config.ORIGIN_BREAKER_AFTER,
  ejectAfter: config.ORIGIN_EJECT_AFTER,
  ejectForMs: config.ORIGIN_EJECT_FOR,
  slowStartMs: config.ORIGIN_SLOW_START,
  emit,
  now,
});
