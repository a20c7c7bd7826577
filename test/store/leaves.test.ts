import { beforeEach, describe, expect, it } from "vitest";
import type { Browsable, StoreError } from "../../src/cache/ports/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { memoryLeaves } from "../../src/store/memory-leaves.ts";
import { RedisStore } from "../../src/store/redis.ts";
import { redisLeaves } from "../../src/store/redis-leaves.ts";
import { readLoad } from "../../src/store/redis-load.ts";
import { startCluster } from "../redis-cluster.ts";
import { until } from "../until.ts";
import { connect, keep, redisOfFile } from "./own-redis.ts";
import { bytes, entryOf, sampleEntry, testClock } from "./sample.ts";

const { redis, connection, log } = await redisOfFile();

const url = (i: number) => `http://example.test/${i}`;
const all = () => true;

/** Everything that is there, however many looks it takes. */
async function leafThrough(tier: Browsable, most: number, wanted: (key: string) => boolean = all) {
  const keys: string[] = [];
  const sizes: number[] = [];
  let lookedAt = 0;
  let cursor: string | undefined = "";
  while (cursor !== undefined) {
    const leaf = await tier.browse(cursor, most, wanted);
    if (leaf === undefined) throw new Error(`${cursor} is no cursor`);
    keys.push(...leaf.found.map(({ key }) => key));
    sizes.push(leaf.found.length);
    lookedAt += leaf.lookedAt;
    cursor = leaf.next;
  }
  return { keys: keys.toSorted(), sizes, lookedAt };
}

describe("leafing through memory", () => {
  const clock = testClock();
  const open = () => new MemoryStore({ capacity: 64 * 1024 * 1024, now: clock.now });

  it("comes to every entry once, a few at a time", async () => {
    const store = open();
    const urls = Array.from({ length: 25 }, (_, i) => url(i));
    for (const uri of urls) store.keep(uri, sampleEntry("x", { uri }));
    const { keys, sizes, lookedAt } = await leafThrough(memoryLeaves(store), 10);
    expect(keys).toEqual(urls.toSorted());
    expect(sizes).toEqual([10, 10, 5]);
    expect(lookedAt).toBe(25);
  });

  it("looks at a bounded number of entries in one go, whatever is wanted", async () => {
    const store = open();
    for (let i = 0; i < 10_000; i++) store.keep(url(i), sampleEntry("", { uri: url(i) }));
    const leaf = await memoryLeaves(store).browse("", 10, (key) => key === url(9999));
    expect(leaf).toEqual({ found: [], lookedAt: 4096, next: "4096" });
    const { keys, sizes } = await leafThrough(memoryLeaves(store), 10, (key) => key === url(9999));
    expect(keys).toEqual([url(9999)]);
    expect(sizes).toHaveLength(3);
  });

  it("comes to each variant, and to nothing that is over, dropped, or in a vacant slot", async () => {
    const store = open();
    for (const language of ["de", "en"])
      store.keep(url(1), sampleEntry("x", { uri: url(1), selectingFields: { "accept-language": language } }));
    store.keep(url(2), sampleEntry("x", { uri: url(2), freshnessLifetime: 1, keep: 0 }));
    store.keep(url(3), sampleEntry("x", { uri: url(3) }));
    store.forget({ type: "url", key: url(3) });
    clock.advance(2);
    expect((await leafThrough(memoryLeaves(store), 10)).keys).toEqual([url(1), url(1)]);
  });

  it("does not make what it shows likelier to stay", async () => {
    const small = new MemoryStore({ capacity: 20_000, now: clock.now });
    const responseTime = clock.now();
    // Who was asked for would be spared by SIEVE.
    for (let i = 0; small.stats().evictions === 0; i++) {
      small.keep(url(i), sampleEntry("x".repeat(1000), { uri: url(i), responseTime }));
      await leafThrough(memoryLeaves(small), 100, (key) => key === url(0));
    }
    const { keys } = await leafThrough(memoryLeaves(small), 100);
    expect(keys).not.toContain(url(0));
    expect(keys).toContain(url(1));
  });

  it.each(["x", "-1", "1e3", "0-0", "1234567890"])(
    "takes no cursor that is none of its own: %s",
    async (cursor) => {
      expect(await memoryLeaves(open()).browse(cursor, 10, all)).toBeUndefined();
    },
  );
});

describe("leafing through Redis", () => {
  const clock = testClock();
  const store = new RedisStore({ connection, now: clock.now, emit: log.emit, chunkBytes: 1024 });
  const leaves = redisLeaves({ connection, namespace: "freshline" });
  beforeEach(() => redis.command("FLUSHALL"));

  it("comes to every entry, variants among them, and to nothing else that is there", async () => {
    const odd = `http://example.test/{braces}?${"long".repeat(200)}`;
    await store.put(url(1), sampleEntry("x", { uri: url(1) }));
    await store.put(odd, sampleEntry("x", { uri: odd }));
    for (const language of ["de", "en"])
      await store.put(
        url(2),
        sampleEntry("x", { uri: url(2), selectingFields: { "accept-language": language } }),
      );
    // A body in chunks, beside its entry.
    await store.put(url(3), entryOf(bytes(5000), { uri: url(3) }));
    await redis.command("SET", "freshline:lease:{http://example.test/4}", "somebody");
    await redis.command("XADD", "freshline:{purges}", "*", "a", "1");
    await redis.command("SET", `freshline:{${url(5)}}`, "of another type");
    await redis.command("HSET", `freshline:{${url(6)}}`, "meta", "damaged");
    await redis.command("HSET", "other:{http://example.test/7}", "meta", "of somebody else");
    expect((await leafThrough(leaves, 10)).keys).toEqual([url(1), url(2), url(2), url(3), odd].toSorted());
    expect((await leafThrough(leaves, 10, (key) => key.includes("{br"))).keys).toEqual([odd]);
  });

  it("asks Redis for a bounded number of names at a time", async () => {
    const urls = Array.from({ length: 500 }, (_, i) => url(i));
    for (const uri of urls) await store.put(uri, sampleEntry("x", { uri }));
    const { keys, sizes } = await leafThrough(leaves, 10);
    expect([...new Set(keys)]).toEqual(urls.toSorted());
    expect(sizes.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...sizes)).toBeLessThan(200);
    const statistics = String(await redis.command("INFO", "commandstats"));
    expect(statistics).not.toMatch(/cmdstat_(?:keys|hgetall):/);
  });

  it.each(["x", "0", "0-x", "-1-0", "0-99999999999999999999"])(
    "takes no cursor that is none of its own: %s",
    async (cursor) => expect(await leaves.browse(cursor, 10, all)).toBeUndefined(),
  );

  it("rejects where Redis does not answer", async () => {
    const { connection: nowhere } = connect("redis://127.0.0.1:1");
    const away = redisLeaves({ connection: nowhere, namespace: "freshline" });
    await expect(away.browse("", 10, all)).rejects.toMatchObject({
      code: "unavailable",
    } satisfies Partial<StoreError>);
    await expect(readLoad(nowhere)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("tells what Redis holds without a walk, and what it may", async () => {
    await store.put(url(1), sampleEntry("x", { uri: url(1) }));
    await redis.command("SET", "of somebody else", "1");
    const { keys, usedBytes, maxBytes } = await readLoad(connection);
    expect(keys).toBe(2);
    expect(usedBytes).toBeGreaterThan(100_000);
    expect(maxBytes).toBeNull();
    await redis.command("CONFIG", "SET", "maxmemory", String(1024 ** 3));
    expect((await readLoad(connection)).maxBytes).toBe(1024 ** 3);
    await redis.command("CONFIG", "SET", "maxmemory", "0");
  });
});

it("every master of a Cluster is leafed through, and what it holds is counted", async () => {
  const cluster = await keep(startCluster(3));
  const { connection: route, log: events } = connect(cluster.url, { commandTimeoutMs: 5000 });
  await until("every master answers", () => route.up());
  const store = new RedisStore({ connection: route, now: testClock().now, emit: events.emit });
  const keys = cluster.nodes.flatMap((node) => [0, 1, 2].map((n) => cluster.keyOf(node, n)));
  for (const key of keys) await store.put(key, sampleEntry("x", { uri: key }));
  const leaves = redisLeaves({ connection: route, namespace: "freshline" });
  expect((await leafThrough(leaves, 1)).keys).toEqual(keys.toSorted());
  expect(await leaves.browse("3-0", 10, all)).toEqual({ found: [], lookedAt: 0 });
  expect((await readLoad(route)).keys).toBe(keys.length);
});
