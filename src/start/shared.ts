import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Arrivals } from "../cache/arrivals.ts";
import { MAX_LEADERS } from "../cache/coalesce.ts";
import type { Emit } from "../cache/events.ts";
import type { Leases } from "../cache/leases.ts";
import type { PurgeLog } from "../cache/ports/purge-log.ts";
import type { Browsable, Store } from "../cache/ports/store.ts";
import type { OtherInstances } from "../cache/whereabouts.ts";
import type { FixedConfig } from "../config.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { RedisArrivals } from "../store/arrivals.ts";
import { RedisConnection } from "../store/connection.ts";
import { RedisLeases } from "../store/lease.ts";
import { LocalPurgeLog } from "../store/local-purge-log.ts";
import { RedisPurgeLog } from "../store/purge-log.ts";
import { RedisQuestions } from "../store/questions.ts";
import { chunkGate, RedisStore } from "../store/redis.ts";
import { redisLeaves } from "../store/redis-leaves.ts";
import { type RedisLoad, readLoad } from "../store/redis-load.ts";
import { createTimed } from "../store/timed.ts";

/** What all instances share. */
export interface Shared {
  /** Absent with all of the next five where no Redis is set. */
  readonly store?: Store;
  readonly leases?: Leases;
  readonly arrivals?: Arrivals;
  readonly others?: OtherInstances;
  readonly leaves?: Browsable;
  /** What Redis holds. Rejects with StoreError. */
  readonly load?: () => Promise<RedisLoad>;
  readonly log: PurgeLog;
  /** When Redis answers, or is not waited for any longer. */
  readonly ready: Promise<void>;
  attached(): boolean;
  close(): Promise<void>;
}

/** How long a start waits for Redis before it goes on without. */
const REDIS_AT_START_MS = 1000;

/** Opens Redis; where none is set, this process is all there is, or shares `unshared` with other workers alone. */
export function openShared(
  config: FixedConfig,
  coalescing: { readonly patienceMs: number },
  emit: Emit,
  now: () => EpochMs,
  unshared: PurgeLog = new LocalPurgeLog(),
): Shared {
  if (config.REDIS_URL === undefined) {
    const log = unshared;
    return { log, ready: Promise.resolve(), attached: () => false, close: () => log.close() };
  }
  const connection = new RedisConnection({
    url: config.REDIS_URL,
    ...redisCredentials(config),
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
    get patienceMs() {
      return coalescing.patienceMs;
    },
  });
  const chunkBytes = config.CACHE_CHUNK_BYTES;
  const gate = chunkGate(chunkBytes);
  const ttlMs = config.LEASE_TTL;
  const arrivals = new RedisArrivals({ connection, emit, namespace, instance, ttlMs, chunkBytes, gate });
  const others = new RedisQuestions({ connection, namespace, instance });
  const log = new RedisPurgeLog({
    connection,
    emit,
    namespace,
    keepMs: (config.CACHE_MAX_TTL + 86_400) * 1000,
    instance,
    ackTimeoutMs: config.PURGE_ACK_TIMEOUT,
    listeners: [leases.listener, arrivals.listener, others.listener],
  });
  const timed = createTimed({ emit, elapsed: performance.now.bind(performance) });
  return {
    store: timed.store(new RedisStore({ connection, now, emit, namespace, chunkBytes, gate })),
    leases: timed.leases(leases),
    arrivals,
    others,
    leaves: redisLeaves({ connection, namespace }),
    load: () => readLoad(connection),
    log,
    ready: attachedWithin(log, REDIS_AT_START_MS),
    attached: () => log.attached(),
    async close() {
      await arrivals.close();
      await leases.close();
      await log.close();
      await connection.close();
    },
  };
}

/** What REDIS_URL does not hold. */
export const redisCredentials = ({
  REDIS_CA: ca,
  REDIS_SENTINEL_PASSWORD: sentinelPassword,
}: FixedConfig) => ({
  ...(ca === undefined ? {} : { ca }),
  ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
});

async function attachedWithin(log: RedisPurgeLog, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!log.attached() && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
}
