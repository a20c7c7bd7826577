import { beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { RedisStore } from "../../src/store/redis.ts";
import { storeContract } from "./contract.ts";
import { redisOfFile } from "./own-redis.ts";
import { KEY, sampleEntry, T0, testClock } from "./sample.ts";

const { redis, connection, log } = await redisOfFile();

async function emptyStore(now: () => number): Promise<RedisStore> {
  await redis.command("FLUSHALL");
  log.events.length = 0;
  return new RedisStore({ connection, now, emit: log.emit });
}

storeContract("RedisStore", ({ now }) => emptyStore(now));

const BASE = `freshline:{${KEY}}`;
const reply = async (name: string, ...args: (string | number | Buffer)[]) =>
  (await redis.command(name, ...args)) as string;
const allKeys = async () => ((await redis.command("KEYS", "*")) as string[]).sort();
const ttl = async (key: string) => (await redis.command("PTTL", key)) as number;

describe("what Redis holds", () => {
  let store: RedisStore;
  let clock: ReturnType<typeof testClock>;
  beforeEach(async () => {
    clock = testClock();
    store = await emptyStore(clock.now);
  });

  it("is one hash per entry, readable in the user's own words", async () => {
    const changes = {
      staleWhileRevalidate: 30,
      staleIfError: 50,
      lastModified: "yesterday",
      mustRevalidate: true,
    };
    await store.put(KEY, sampleEntry("hello", changes));
    expect(await allKeys()).toEqual([BASE]);
    const pairs = (await redis.command("HGETALL", BASE)) as string[];
    const hash = Object.fromEntries(pairs.flatMap((name, i) => (i % 2 === 0 ? [[name, pairs[i + 1]]] : [])));
    expect(hash).toMatchObject({
      uri: KEY,
      status: "200",
      headers: "Content-Type: text/plain\nX-Byte: \xff\nCache-Control: max-age=60\n",
      body: "hello",
      etag: '"5"',
      "last-modified": "yesterday",
      cache_type: "must-revalidate,stale-while-revalidate,stale-if-error",
      "max-age": "60",
      use_stale_upto: "50",
      "stale-while-revalidate": "30",
      "stale-if-error": "50",
      stored_at: "2026-11-21T12:00:00.000Z",
      age: "0",
      epoch: "7",
      tags: "",
      vary: "",
    });
  });

  it("is `plain` when no directive makes it anything else", async () => {
    await store.put(KEY, sampleEntry("hello"));
    expect(await reply("HGET", BASE, "cache_type")).toBe("plain");
  });

  it("expires with the last window, every key of it", async () => {
    await store.put(KEY, sampleEntry("hello"));
    expect(await ttl(BASE)).toBeGreaterThan(118_000);
    expect(await ttl(BASE)).toBeLessThanOrEqual(120_000);
    await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
    await store.put(KEY, sampleEntry("short", { selectingFields: { "a-coding": null }, keep: 0 }));
    const keys = await allKeys();
    expect(keys).toHaveLength(4);
    for (const key of keys) {
      expect(await ttl(key)).toBeGreaterThan(0);
      expect(await ttl(key)).toBeLessThanOrEqual(120_000);
    }
    // What leads to the variants lives as long as the longest of them.
    expect(await ttl(BASE)).toBeGreaterThan(100_000);
    expect(await ttl(`${BASE}:vary`)).toBeGreaterThan(100_000);
  });

  it("expires anew when it is freshened, and its body is not sent again", async () => {
    const entry = sampleEntry("hello");
    await store.put(KEY, entry);
    await redis.command("PEXPIRE", BASE, 5000);
    await store.freshen(KEY, { body: Buffer.from("HELLO"), stored: { ...entry.stored, epoch: 9 } });
    expect(await reply("HGET", BASE, "body")).toBe("HELLO");
    await redis.command("CONFIG", "RESETSTAT");
    await store.freshen(KEY, {
      body: Buffer.from("HELLO"),
      stored: { ...entry.stored, epoch: 10, keep: 600 },
    });
    expect(await reply("HGET", BASE, "epoch")).toBe("10");
    expect(await ttl(BASE)).toBeGreaterThan(600_000);
    // A second script would have been the put that a freshening falls back to.
    expect(await reply("INFO", "commandstats")).toContain("cmdstat_evalsha:calls=1,");
  });

  it("shows which fields divide a resource, and drops it whole", async () => {
    await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
    await store.put(KEY, sampleEntry("eo", { selectingFields: { "a-tongue": "eo", cookie: null } }));
    expect((await reply("HGETALL", `${BASE}:vary`)).toString()).toContain(
      "2026-11-21T12:00:00.000Z a-tongue: eo; cookie: (absent)",
    );
    expect(await reply("HGET", BASE, "vary")).toBe("a-tongue,cookie | a-coding");
    await store.drop({ type: "url", key: KEY });
    expect(await allKeys()).toEqual([]);
  });

  it("holds nothing of the variants when a response came that nothing selects", async () => {
    await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
    await store.put(KEY, sampleEntry("for all"));
    expect(await allKeys()).toEqual([BASE]);
  });

  it("bounds the sets of names and the variants of one resource", async () => {
    for (let i = 0; i < 50; i++) {
      await store.put(KEY, sampleEntry("x", { selectingFields: { [`x-${i}`]: "1" }, responseTime: T0 + i }));
    }
    expect((await reply("HGET", BASE, "meta")).split("\n").slice(2)).toEqual(
      Array.from({ length: 8 }, (_, i) => `x-${49 - i}`),
    );
    expect(await redis.command("HLEN", `${BASE}:vary`)).toBe(32);
    expect(await allKeys()).toHaveLength(2 + 32);
  });

  it("has short names for long keys and for keys with braces", async () => {
    for (const key of [`http://h/${"x".repeat(600)}`, "http://h/{x}"])
      await store.put(key, sampleEntry("x", { uri: key }));
    for (const key of await allKeys()) expect(key).toMatch(/^freshline:\{[0-9a-f]{64}\}$/);
  });

  it("never stands where the purge log does", async () => {
    await store.put("purges", sampleEntry("x", { uri: "purges" }));
    expect((await allKeys())[0]).toMatch(/^freshline:\{[0-9a-f]{64}\}$/);
  });

  it("does not belong to another namespace", async () => {
    await store.put(KEY, sampleEntry("hello"));
    const other = new RedisStore({ connection, now: clock.now, emit: log.emit, namespace: "other" });
    expect((await other.lookup(KEY, [])).type).toBe("none");
    expect(() => new RedisStore({ connection, now: clock.now, emit: log.emit, namespace: "a{b}" })).toThrow(
      /not a Redis namespace/,
    );
  });

  it("costs a hit one command that reads two fields", async () => {
    await store.put(KEY, sampleEntry("hello"));
    await redis.command("CONFIG", "RESETSTAT");
    await store.lookup(KEY, []);
    const stats = await reply("INFO", "commandstats");
    expect(
      [...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name, calls]) => `${name} ${calls}`),
    ).toEqual(expect.arrayContaining(["hmget 1"]));
    expect(stats).not.toMatch(/cmdstat_(hgetall|hget|get|keys|scan|pexpire|eval)/);
  });

  it("survives a Redis that forgot its scripts", async () => {
    await store.put(KEY, sampleEntry("one"));
    await redis.command("SCRIPT", "FLUSH");
    await store.put(KEY, sampleEntry("two"));
    expect(await reply("HGET", BASE, "body")).toBe("two");
  });
});

describe("a value that is not what was asked for", () => {
  let store: RedisStore;
  beforeEach(async () => {
    store = await emptyStore(testClock().now);
  });

  const damages: [string, () => Promise<unknown>, string][] = [
    ["a string", () => redis.command("SET", BASE, "x"), "another type"],
    ["a list", () => redis.command("RPUSH", BASE, "x"), "another type"],
    ["a hash of somebody else", () => redis.command("HSET", BASE, "meta", "x", "body", "y"), "not a record"],
    ["a hash without a record", () => redis.command("HSET", BASE, "body", "y"), "without a record"],
    ["a truncated body", () => redis.command("HSET", BASE, "body", "hell"), "another body"],
    ["a swapped body", () => redis.command("HSET", BASE, "body", "jello"), "another body"],
    ["a lost body", () => redis.command("HDEL", BASE, "body"), "without a body"],
    ["a damaged record", () => redis.command("HSET", BASE, "meta", "FL2e00000000[]"), "damaged"],
    [
      "the entry of another resource",
      async () => {
        await store.put(
          "http://example.test/other",
          sampleEntry("other", { uri: "http://example.test/other" }),
        );
        await redis.command("COPY", "freshline:{http://example.test/other}", BASE, "REPLACE");
      },
      "another resource",
    ],
  ];
  it.each(damages)("is a miss, is told, and is replaced: %s", async (_name, damage, detail) => {
    const whole = _name.includes("body") && !_name.includes("without");
    if (whole) await store.put(KEY, sampleEntry("hello"));
    await damage();
    expect(await store.lookup(KEY, [])).toEqual({ type: "none", fwd: "uri-miss" });
    expect(log.of("foreign-value")).toEqual([
      { type: "foreign-value", key: KEY, detail: expect.stringContaining(detail) },
    ]);
    await store.put(KEY, sampleEntry("again"));
    expect((await store.lookup(KEY, [])).type).toBe("found");
    expect(await ttl(BASE)).toBeGreaterThan(0);
  });

  it.each(damages)("however often it was what was asked for: %s", async (_name, damage) => {
    const miss = { type: "none", fwd: "uri-miss" };
    await store.put(KEY, sampleEntry("hello"));
    for (let i = 0; i < 4; i++) expect((await store.lookup(KEY, [])).type).toBe("found");
    if (!_name.includes("body")) await redis.command("DEL", BASE);
    await damage();
    for (let i = 0; i < 4; i++) expect(await store.lookup(KEY, [])).toEqual(miss);
    await store.put(KEY, sampleEntry("again"));
    for (let i = 0; i < 4; i++)
      expect(await store.lookup(KEY, [])).toMatchObject({ entry: { body: Buffer.from("again") } });
  });

  it("is replaced by a freshening, too", async () => {
    await store.put(KEY, sampleEntry("hello"));
    await redis.command("HSET", BASE, "body", "hell");
    await store.freshen(KEY, sampleEntry("hello"));
    expect((await store.lookup(KEY, [])).type).toBe("found");
  });

  it("does not stop a divided resource: strings under its names are replaced", async () => {
    await redis.command("SET", `${BASE}:vary`, "x");
    await redis.command("SET", BASE, "x");
    await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
    expect((await store.lookup(KEY, ["A-Coding", "gzip"])).type).toBe("found");
    await redis.command("SET", `${BASE}:vary`, "x");
    await store.drop({ type: "url", key: KEY });
    expect((await store.lookup(KEY, ["A-Coding", "gzip"])).type).toBe("none");
  });

  it("is a marker with more names than anybody sends, and goes with the next variant", async () => {
    await store.put(KEY, sampleEntry("en", { selectingFields: { "x-a": "1" } }));
    const names = Array.from({ length: 5000 }, (_, i) => `name-${i}`).join(",");
    await redis.command("HSET", BASE, "meta", `${await reply("HGET", BASE, "meta")}\n${names}`);
    expect(await store.lookup(KEY, ["x-a", "1"])).toEqual({ type: "none", fwd: "uri-miss" });
    await store.put(KEY, sampleEntry("en", { selectingFields: { "x-a": "1" } }));
    expect((await store.lookup(KEY, ["x-a", "1"])).type).toBe("found");
  });

  it("is never left by a response with more selecting fields than that, and the others stay", async () => {
    await store.put(KEY, sampleEntry("en", { selectingFields: { "x-a": "1" } }));
    const many = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`name-${i}`, null]));
    await store.put(KEY, sampleEntry("none", { selectingFields: many }));
    expect((await store.lookup(KEY, ["x-a", "1"])).type).toBe("found");
    expect((await store.lookup(KEY, [])).type).toBe("none");
    expect(await allKeys()).toHaveLength(3);
  });

  it("is a variant under a marker of another resource: not believed", async () => {
    const other = "http://example.test/other";
    await store.put(other, sampleEntry("x", { uri: other, selectingFields: { "a-coding": "gzip" } }));
    await redis.command("COPY", `freshline:{${other}}`, BASE);
    expect(await store.lookup(KEY, ["A-Coding", "gzip"])).toEqual({ type: "none", fwd: "uri-miss" });
  });
});

describe("a Redis that refuses", () => {
  it("is told as refused, and leaves nothing behind that does not expire", async () => {
    const store = await emptyStore(testClock().now);
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    const failure = await store.put(KEY, sampleEntry("hello")).catch((error: unknown) => error);
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ code: "refused", message: expect.stringContaining("OOM") });
    expect(await allKeys()).toEqual([]);
    await store.put(KEY, sampleEntry("hello"));
  });

  it("bounds the bytes on their way", async () => {
    await redis.command("FLUSHALL");
    const store = new RedisStore({ connection, now: testClock().now, emit: log.emit, maxPendingBytes: 1000 });
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, (_, i) =>
        store.put(`http://h/${i}`, sampleEntry("x".repeat(400), { uri: `http://h/${i}` })),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      ...Array(3).fill("rejected"),
    ]);
    await store.put("http://h/9", sampleEntry("x".repeat(5000), { uri: "http://h/9" }));
  });
});
