/**
 * What does each event cost Redis? Starts a Redis of its own, lets the Redis tier, the leases and the
 * purge log do one thing many times, and prints for each the time of Redis' own CPU, bytes in and
 * bytes out, per event: `node bench/redis-cost.ts`. The estimate in docs/operations.md is made of it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { PurgeTarget } from "../src/cache/ports/purge-log.ts";
import { RedisStore } from "../src/store/redis.ts";
import { startRedis } from "../test/redis-server.ts";
import { articleOf, keyOf, tagOf } from "./article.ts";
import { factsOf, type Instance, openInstance, repeat } from "./redis-side.ts";

const BODY_BYTES = 2048;
const ENTRIES = 20_000;
const CONCURRENCY = 64;
const FOLLOWERS = 50;

await using redis = await startRedis();

const sum = (facts: Record<string, number>, ...names: string[]): number =>
  names.reduce((total, name) => total + (facts[name] ?? Number.NaN), 0);

/** Prints what so many events cost, each. */
async function measure(
  what: string,
  events: number,
  act: (i: number) => Promise<unknown>,
  atOnce = CONCURRENCY,
): Promise<void> {
  const before = await factsOf(redis);
  await repeat(events, atOnce, act);
  const after = await factsOf(redis);
  const each = (...names: string[]) => (sum(after, ...names) - sum(before, ...names)) / events;
  const micros = each("used_cpu_sys", "used_cpu_user") * 1e6;
  const [input, output] = [each("total_net_input_bytes"), each("total_net_output_bytes")];
  console.log(
    `${what.padEnd(44)} ${micros.toFixed(0).padStart(5)} µs  in ${input.toFixed(0).padStart(6)}  out ${output.toFixed(0).padStart(6)}`,
  );
}

async function open(name: string): Promise<Instance> {
  const instance = openInstance(redis, name);
  instance.log.follow(() => {});
  while (!instance.log.attached()) await pause(10);
  return instance;
}

const first = await open("first");
const store = new RedisStore({ connection: first.connection, now: Date.now, emit: () => {} });
const entry = (i: number) => articleOf(i, BODY_BYTES);

const lease = async (i: number) => {
  const request = { variant: "", failed: 0, again: true, beside: true, wait: true };
  const answer = await first.leases.acquire(keyOf(i), request);
  if (answer.type !== "held") throw new Error(`no lease: ${answer.type}`);
  answer.lease.release({ type: "unkept" });
};

const purge = (i: number): PurgeTarget => ({ type: "tag", tag: tagOf(i) });

const empty = await factsOf(redis);
await measure(`storing a body of ${BODY_BYTES} bytes`, ENTRIES, (i) => store.put(keyOf(i), entry(i)));
const full = await factsOf(redis);
await measure("a hit in Redis", ENTRIES, (i) => store.lookup(keyOf(i), []));
await measure("a look-up that finds nothing", ENTRIES, (i) => store.lookup(keyOf(ENTRIES + i), []));
await measure("a lease, had and given back", ENTRIES, lease);
await measure("freshening (304)", ENTRIES, (i) => store.freshen(keyOf(i), entry(i)));
await measure("a purge, heard by 1 instance", 500, (i) => first.log.append([purge(i)], "delete", true));

const others = await Promise.all(Array.from({ length: FOLLOWERS }, (_, i) => open(`other-${i}`)));
const heardByAll = async (i: number) => {
  const epoch = await first.log.append([purge(i)], "delete", true);
  await first.log.acknowledged(epoch);
};
await measure(`a purge, heard by ${FOLLOWERS + 1} instances`, 100, heardByAll);
await measure("the same, one after another", 100, heardByAll, 1);
await measure(`10 s of heartbeats, of ${FOLLOWERS + 1} instances`, 1, () => pause(10_000));

const bytes = (sum(full, "used_memory") - sum(empty, "used_memory")) / ENTRIES;
console.log(`memory of an entry of ${BODY_BYTES} bytes: ${bytes.toFixed(0)} bytes`);
for (const instance of [first, ...others]) await instance.close();
