import type { Emit } from "../cache/events.ts";
import type { Config } from "../config.ts";
import type { OriginPoolOptions } from "../origin/pool.ts";

/** What the settings say of origins. */
export const originOptions = (config: Config, emit: Emit, now: () => number): OriginPoolOptions => ({
  origins: config.ORIGINS,
  preserveHost: config.PRESERVE_HOST,
  connections: config.ORIGIN_CONNECTIONS,
  queue: config.ORIGIN_QUEUE,
  connectTimeoutMs: config.ORIGIN_CONNECT_TIMEOUT,
  headersTimeoutMs: config.ORIGIN_TIMEOUT,
  bodyTimeoutMs: config.ORIGIN_BODY_TIMEOUT,
  maxHeaderBytes: config.MAX_HEADER_BYTES,
  retryPercent: config.ORIGIN_RETRY_PERCENT,
  hedgeAfterMs: config.ORIGIN_HEDGE_AFTER,
  breakAfter: config.ORIGIN_BREAKER_AFTER,
  ejectAfter: config.ORIGIN_EJECT_AFTER,
  ejectForMs: config.ORIGIN_EJECT_FOR,
  slowStartMs: config.ORIGIN_SLOW_START,
  healthCheckPath: config.HEALTH_CHECK_PATH,
  healthCheckIntervalMs: config.HEALTH_CHECK_INTERVAL,
  healthCheckTimeoutMs: config.HEALTH_CHECK_TIMEOUT,
  emit,
  now,
});
