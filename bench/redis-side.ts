import type { Entry } from "../src/cache/ports.ts";
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
  const connection = new RedisConnection({ url, now: Date.now, emit, commandTimeoutMs: 5000 });
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

export const SITE = "http://www.example.test";
export const keyOf = (i: number): string => `${SITE}/catalogue/articles/${i}`;
export const tagOf = (i: number): string => `article-${i}`;

/** An article of its own URL and its own tag, with five header fields, born at epoch 1. */
export function articleOf(i: number, bodyBytes: number): Entry {
  const stored = {
    uri: keyOf(i),
    selectingFields: {},
    status: 200,
    statusMessage: "OK",
    fields: [
      ["Content-Type", "text/html; charset=utf-8"],
      ["Cache-Control", "public, max-age=600, stale-while-revalidate=60"],
      ["Date", "Sat, 21 Nov 2026 12:00:00 GMT"],
      ["ETag", `"${i}"`],
      ["Server", "example"],
    ].flat(),
    etag: `"${i}"`,
    bodyLength: bodyBytes,
    responseTime: Date.now(),
    initialAge: 0,
    freshnessLifetime: 3600,
    staleWhileRevalidate: 60,
    staleIfError: 0,
    keep: 3660,
    mustRevalidate: false,
    noCache: false,
    tags: [tagOf(i)],
    epoch: 1,
  };
  return { stored, body: Buffer.alloc(bodyBytes, "x") };
}
