import { afterAll, onTestFinished } from "vitest";
import { type ConnectionOptions, RedisConnection } from "../../src/store/connection.ts";
import { startRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { eventLog } from "./sample.ts";

/** What a test has started; gone when the test has finished. */
export async function keep<T extends AsyncDisposable>(started: Promise<T>): Promise<T> {
  const kept = await started;
  onTestFinished(() => kept[Symbol.asyncDispose]());
  return kept;
}

/** A connection that is closed when the test has finished, and what it tells. */
export function connect(url: string, options: Partial<ConnectionOptions> = {}) {
  const log = eventLog();
  const connection = new RedisConnection({ url, emit: log.emit, ...options });
  onTestFinished(() => connection.close());
  return { connection, log, states: () => log.of("store-state") };
}

/** One Redis for all tests of a file, and a connection to it. */
export async function redisOfFile() {
  const redis = await startRedis();
  const log = eventLog();
  const connection = new RedisConnection({
    url: redis.url,
    emit: log.emit,
    commandTimeoutMs: 10_000,
  });
  afterAll(async () => {
    await connection.close();
    await redis[Symbol.asyncDispose]();
  });
  await until("Redis is connected", () => connection.up());
  return { redis, connection, log };
}
