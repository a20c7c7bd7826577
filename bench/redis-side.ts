import { RedisConnection } from "../src/store/connection.ts";
import { RedisLeases } from "../src/store/lease.ts";
import { RedisPurgeLog } from "../src/store/purge-log.ts";
import type { TestRedis } from "../test/redis-server.ts";

/** What one instance of Freshline has of Redis. */
export interface Instance {
  readonly connection: RedisConnection;
  readonly leases: RedisLeases;
  readonly log: RedisPurgeLog;
  close(): Promise<void>;
}

const emit = () => {};

/** Its log is followed by whoever asks for it. */
export function openInstance({ url }: TestRedis, name: string): Instance {
  const connection = new RedisConnection({ url, emit, commandTimeoutMs: 5000 });
  const common = { connection, emit, namespace: "freshline", instance: name };
  const leases = new RedisLeases({ ...common, ttlMs: 10_000, maxLeaders: 3, patienceMs: 5000 });
  const log = new RedisPurgeLog({ ...common, listeners: [leases.listener] });
  return {
    connection,
    leases,
    log,
    async close() {
      await leases.close();
      await log.close();
      await connection.close();
    },
  };
}

/** What INFO says in numbers: fields by their names, and `evalsha.usec` of its commandstats. */
export async function factsOf(redis: TestRedis): Promise<Record<string, number>> {
  const text = String(await redis.command("INFO", "all"));
  const facts: Record<string, number> = {};
  for (const [, name = "", value] of text.matchAll(/^(\w+):([\d.]+)\r?$/gm)) facts[name] = Number(value);
  for (const [, name = "", stats = ""] of text.matchAll(/^cmdstat_(\S+?):(.*)\r?$/gm))
    for (const [, stat = "", value] of stats.matchAll(/(\w+)=([\d.]+)/g))
      facts[`${name}.${stat}`] = Number(value);
  return facts;
}

/** Does it so many times, so many of them at once. */
export async function repeat(
  times: number,
  atOnce: number,
  act: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await act(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, worker));
}
