/**
 * What does each event cost Redis? Starts a Redis of its own, lets the Redis tier, the leases and the
 * purge log do one thing many times, and prints for each the time of Redis' own CPU, bytes in and
 * bytes out, per event: `node bench/redis-cost.ts`. The estimate in docs/operations.md is made of it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Entry, PurgeTarget } from "../src/cache/ports.ts";
import { RedisConnection } from "../src/store/connection.ts";
import { RedisLeases } from "../src/store/lease.ts";
import { RedisPurgeLog } from "../src/store/purge-log.ts";
import { RedisStore } from "../src/store/redis.ts";
import { startRedis } from "../test/redis-server.ts";

const BODY_BYTES = 2048;
const ENTRIES = 20_000;
const CONCURRENCY = 64;
const FOLLOWERS = 50;

const emit = () => {};
const now = Date.now;
await using redis = await startRedis();

async function info(): Promise<Record<string, number>> {
  const lines = `${await redis.command("INFO", "all")}`.matchAll(/^(\w+):([\d.]+)\r?$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value]) => [name, Number(value)]));
}

const sum = (facts: Record<string, number>, ...names: string[]): number =>
  names.reduce((total, name) => total + (facts[name] ?? Number.NaN), 0);

/** Prints what so many events cost, each. */
async function measure(what: string, events: number, act: (i: number) => Promise<unknown>): Promise<void> {
  const before = await info();
  let next = 0;
  const worker = async () => {
    while (next < events) await act(next++);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, events) }, worker));
  const after = await info();
  const each = (...names: string[]) => (sum(after, ...names) - sum(before, ...names)) / events;
  const micros = each("used_cpu_sys", "used_cpu_user") * 1e6;
  const [input, output] = [each("total_net_input_bytes"), each("total_net_output_bytes")];
  console.log(
    `${what.padEnd(44)} ${micros.toFixed(0).padStart(5)} µs  in ${input.toFixed(0).padStart(6)}  out ${output.toFixed(0).padStart(6)}`,
  );
}

const keyOf = (i: number): string => `http://www.example.test/catalogue/articles/${i}`;

function entry(i: number): Entry {
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
    bodyLength: BODY_BYTES,
    responseTime: now(),
    initialAge: 0,
    freshnessLifetime: 600,
    staleWhileRevalidate: 60,
    staleIfError: 0,
    keep: 660,
    mustRevalidate: false,
    noCache: false,
    tags: [`article-${i}`],
    epoch: 1,
  };
  return { stored, body: Buffer.alloc(BODY_BYTES, "x") };
}

interface Instance {
  readonly connection: RedisConnection;
  readonly leases: RedisLeases;
  readonly log: RedisPurgeLog;
}

function open(name: string): Instance {
  const connection = new RedisConnection({ url: redis.url, now, emit, commandTimeoutMs: 5000 });
  const namespace = "freshline";
  const common = { connection, emit, namespace, instance: name };
  const leases = new RedisLeases({ ...common, ttlMs: 10_000, maxLeaders: 3, patienceMs: 5000 });
  const log = new RedisPurgeLog({ ...common, listeners: [leases.listener] });
  log.follow(() => {});
  return { connection, leases, log };
}

async function attached(instances: readonly Instance[]): Promise<void> {
  while (!instances.every(({ log }) => log.attached())) await pause(10);
}

const first = open("first");
await attached([first]);
const store = new RedisStore({ connection: first.connection, now, emit });

const lease = async (i: number, work: () => Promise<unknown>) => {
  const request = { variant: "", failed: 0, again: true, beside: true, wait: true };
  const answer = await first.leases.acquire(keyOf(i), request);
  await work();
  if (answer.type !== "held") throw new Error(`no lease: ${answer.type}`);
  answer.lease.release({ type: "unkept" });
};

const purge = (i: number): PurgeTarget => ({ type: "tag", tag: `article-${i}` });

const empty = await info();
await measure(`storing a body of ${BODY_BYTES} bytes`, ENTRIES, (i) => store.put(keyOf(i), entry(i)));
const full = await info();
await measure("a hit in Redis", ENTRIES, (i) => store.lookup(keyOf(i), []));
await measure("a look-up that finds nothing", ENTRIES, (i) => store.lookup(keyOf(ENTRIES + i), []));
await measure("a lease, had and given back", ENTRIES, (i) => lease(i, async () => {}));
await measure("freshening (304)", ENTRIES, (i) => store.freshen(keyOf(i), entry(i)));
await measure("a purge, heard by 1 instance", 500, (i) => first.log.append([purge(i)], "delete", true));

const others = Array.from({ length: FOLLOWERS }, (_, i) => open(`other-${i}`));
await attached(others);
await measure(`a purge, heard by ${FOLLOWERS + 1} instances`, 100, async (i) => {
  const epoch = await first.log.append([purge(i)], "delete", true);
  await first.log.acknowledged(epoch);
});
await measure(`10 s of heartbeats, of ${FOLLOWERS + 1} instances`, 1, () => pause(10_000));

const bytes = (sum(full, "used_memory") - sum(empty, "used_memory")) / ENTRIES;
console.log(`memory of an entry of ${BODY_BYTES} bytes: ${bytes.toFixed(0)} bytes`);
for (const { leases, log, connection } of [first, ...others]) {
  await leases.close();
  await log.close();
  await connection.close();
}
