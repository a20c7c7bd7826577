/**
 * Does a purge cost the same whatever the cache holds, and a hit the same whatever has been purged?
 * Starts a Redis of its own, stores 1,000 and then 1,000,000 light responses in it and in memory, each
 * with a URL and a tag of its own, and purges: `node bench/purge-cost.ts`. Then looks up what is in
 * memory, before and after 10,000 purges that do not cover it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { CacheRequest } from "../src/cache/exchange.ts";
import { createLookup } from "../src/cache/lookup.ts";
import type { PurgeLog, PurgeMode, PurgeTarget } from "../src/cache/ports/purge-log.ts";
import { Purges } from "../src/cache/purges.ts";
import type { StoredResponse } from "../src/policy/stored-response.ts";
import { LocalPurgeLog } from "../src/store/local-purge-log.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { RedisStore } from "../src/store/redis.ts";
import { TieredStore } from "../src/store/tiered.ts";
import { startRedis } from "../test/redis-server.ts";
import { articleOf, keyOf, SITE_URL, tagOf } from "./article.ts";
import { factsOf, openInstance, repeat } from "./redis-side.ts";
import { SITE } from "./request.ts";

const SIZES = [1_000, 1_000_000];
const BODY_BYTES = 64;
const PURGES = 500;
const REMEMBERED = [10, 10_000];
const LOOKUPS = 50_000;
const ROUNDS = 21;

const emit = () => {};
const now = Date.now;

/** Microseconds of this process' CPU so far. */
const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

const requestFor = (uri: string): CacheRequest => ({
  id: "1",
  method: "GET",
  uri,
  target: uri.slice(SITE_URL.length),
  host: SITE,
  fields: [],
  forwarded: { for: "192.0.2.1", host: SITE, proto: "http" },
  directives: { noCache: false, noStore: false, onlyIfCached: false },
  hasBody: false,
  signal: new AbortController().signal,
});

const purgesOver = (log: PurgeLog, store: TieredStore, redis?: RedisStore): Purges =>
  new Purges({
    log,
    emit,
    forget: (target) => store.forget(target),
    free: async (target) => redis?.drop(target),
    now,
    graceMs: 1000,
  });

const TARGETS: Readonly<Record<string, (i: number) => PurgeTarget>> = {
  url: (i) => ({ type: "url", key: keyOf(i) }),
  prefix: (i) => ({ type: "prefix", site: SITE_URL, path: `/catalogue/articles/${i}` }),
  host: () => ({ type: "site", site: SITE_URL }),
  tag: (i) => ({ type: "tag", tag: tagOf(i) }),
  everything: () => ({ type: "everything" }),
};

async function costOfPurges(size: number): Promise<void> {
  await using redis = await startRedis();
  const instance = openInstance(redis, "bench");
  const memory = new MemoryStore({ capacity: 4 * 2 ** 30, now });
  const far = new RedisStore({ connection: instance.connection, now, emit });
  const store = new TieredStore({ memory, redis: far, now, emit });
  const purges = purgesOver(instance.log, store, far);
  while (!instance.log.attached()) await pause(10);
  let lost = 0;
  await repeat(size, 32, async (i) => {
    const { stored, body } = articleOf(i, BODY_BYTES);
    const entry = { stored: { ...stored, epoch: purges.epoch }, body };
    await store.put(keyOf(i), entry).catch(() => lost++);
  });
  if (lost > size / 1000) throw new Error(`${lost} of ${size} were not stored`);

  await repeat(PURGES, 1, (i) => purges.purge([{ type: "tag", tag: `warms up ${i}` }]));
  // What is invalidated is still there to be deleted.
  for (const mode of ["invalidate", "delete"] as const satisfies readonly PurgeMode[])
    for (const [name, target] of Object.entries(TARGETS)) {
      const before = await factsOf(redis);
      const [cpu, startedAt] = [cpuMicros(), performance.now()];
      for (let i = 0; i < PURGES; i++) await purges.purge([target(Math.floor((i * size) / PURGES))], mode);
      const each = (total: number) => (total / PURGES).toFixed(0).padStart(5);
      const [ours, took] = [cpuMicros() - cpu, performance.now() - startedAt];
      const after = await factsOf(redis);
      const scripts = (after["evalsha.usec"] ?? 0) - (before["evalsha.usec"] ?? 0);
      console.log(
        `${String(size).padStart(9)} ${mode.padEnd(10)} ${name.padEnd(10)} Redis ${each(scripts)} µs  instance ${each(ours)} µs of CPU  ${each(took * 1000)} µs until the receipt`,
      );
    }
  await instance.close();
}

/** Nanoseconds of CPU of one look-up of what is in memory, for each of these purges that went before it. */
async function costOfLookups(): Promise<void> {
  const others: Readonly<Record<string, (i: number) => PurgeTarget>> = {
    "prefixes of its directory": (i) => ({
      type: "prefix",
      site: SITE_URL,
      path: `/catalogue/articles/x${i}/`,
    }),
    "prefixes of every site": (i) => ({ type: "prefix", path: `/catalogue/articles/x${i}/` }),
    tags: (i) => ({ type: "tag", tag: `other-${i}` }),
    "prefixes and tags": (i) =>
      i % 2 === 0
        ? { type: "prefix", site: SITE_URL, path: `/catalogue/articles/x${i}/` }
        : { type: "tag", tag: `other-${i}` },
  };
  const memory = new MemoryStore({ capacity: 2 ** 30, now });
  for (let i = 0; i < 1000; i++) memory.keep(keyOf(i), articleOf(i, BODY_BYTES));
  const subjects = new Map<string, ReturnType<typeof createLookup>>();
  // As with a Redis, before which a fresh hit is checked for purges, too.
  const redis = new MemoryStore({ capacity: 0, now });
  const subject = async (name: string, targets: readonly PurgeTarget[]) => {
    const purged = (key: string, { epoch, tags }: Pick<StoredResponse, "epoch" | "tags">) =>
      purges.covers(key, epoch, tags);
    const store = new TieredStore({ memory, redis, now, emit, purged });
    const purges = purgesOver(new LocalPurgeLog(), store);
    // Born before them: of what is born since nothing is asked.
    await purges.purge(targets, "invalidate");
    subjects.set(name, createLookup({ store, purges, emit, now }));
  };
  await subject("none", [
    { type: "url", key: `${SITE_URL}/other` },
    { type: "url", key: `${SITE_URL}/another` },
  ]);
  for (const count of REMEMBERED)
    for (const [name, target] of Object.entries(others))
      await subject(
        `${count} ${name}`,
        Array.from({ length: count }, (_, i) => target(i)),
      );

  const requests = Array.from({ length: 1000 }, (_, i) => requestFor(keyOf(i)));
  const costs = new Map([...subjects.keys()].map((name): [string, number[]] => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, lookup] of subjects) {
      const before = cpuMicros();
      for (let i = 0; i < LOOKUPS; i++) {
        const request = requests[i % requests.length] as CacheRequest;
        const found = await lookup(request, request.uri);
        if (found.type === "none") throw new Error("no hit");
      }
      costs.get(name)?.push(((cpuMicros() - before) * 1000) / LOOKUPS);
    }
  for (const [name, all] of costs) {
    const median = all.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
    console.log(`a look-up, remembered purges: ${name}`.padEnd(64), `${median.toFixed(0).padStart(5)} ns`);
  }
}

for (const size of SIZES) await costOfPurges(size);
await costOfLookups();
