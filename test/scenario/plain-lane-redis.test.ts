import { describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { REQUESTS } from "./plain-lane-requests.ts";
import { alike, alikeRefused, pipelined, type Way, whole } from "./plain-lane-ways.ts";
import { rawClient } from "./raw.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const asking = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`;
const HIT = "/data?id=1&cache-control=max-age=600";
const answered = (site: Site) =>
  site.events.filter((event): event is CacheEvent & { type: "answered" } => event.type === "answered");

/** A site with nothing in memory, and a database of its own. */
const startOnRedis = (database: number, settings: Record<string, string> = {}, beside?: Site) =>
  startSite({
    settings: { CACHE_MEMORY_BYTES: "0", ...settings },
    redisUrl: `${redis.url}/${database}`,
    ...(beside === undefined ? {} : { beside }),
  });

const readyToHit = async (site: Site) => {
  await site.until("it is a hit", async () => {
    const { cache } = await site.get(HIT, { Host: "a.example" });
    return cache === "HIT/HIT";
  });
};

/** What was sent before this has been read: another connection, made later, has had its answer. */
const isRead = async (site: Site) => {
  await site.ask("/other", { method: "OPTIONS", headers: { "Max-Forwards": "0" } });
};

const WAYS: Readonly<Record<string, { send: Way; shown: (answer: string) => string }>> = {
  whole: { send: whole, shown: alike },
  pipelined: { send: pipelined, shown: alikeRefused },
};

describe("what is in Redis alone is answered alike with the plain lane on and off", () => {
  it.each(Object.keys(WAYS))(
    "%s: every request that there is",
    async (way) => {
      await redis.command("FLUSHALL");
      const on = await startOnRedis(1);
      const off = await startOnRedis(2, { PLAIN_LANE: "off" }, on);
      const { send, shown } = WAYS[way] as (typeof WAYS)[string];
      const different: string[] = [];
      for (const [what, bytes] of REQUESTS) {
        for (const time of ["first", "second"]) {
          const a = shown(await send(on.proxy.port, bytes));
          const b = shown(await send(off.proxy.port, bytes));
          if (a !== b) different.push(`${what}, the ${time} time:\n--- on:\n${a}\n--- off:\n${b}`);
        }
      }
      expect(different).toEqual([]);
    },
    120_000,
  );

  it("and told alike", async () => {
    await redis.command("FLUSHALL");
    const on = await startOnRedis(1);
    const off = await startOnRedis(2, { PLAIN_LANE: "off" }, on);
    const told = [];
    for (const site of [on, off]) {
      await readyToHit(site);
      const begun = answered(site).length;
      for (const bytes of [
        asking(HIT),
        asking(HIT, "X-Request-Id: mine\r\n"),
        asking(HIT, "If-None-Match: *\r\n"),
        asking(HIT, "Range: bytes=0-3\r\n"),
        asking(HIT).replace("GET", "HEAD"),
        asking("/nowhere?id=1"),
      ]) {
        const before = answered(site).length;
        const client = await rawClient(site.proxy.port);
        client.write(bytes);
        await site.until("it is told", () => answered(site).length > before);
      }
      const events = answered(site).slice(begun);
      told.push(
        events.map(({ requestId, headMs, durationMs, at: _, ...rest }) => ({
          ...rest,
          requestId: requestId === "mine" ? requestId : requestId.length,
          times: headMs >= 0 && durationMs >= headMs,
        })),
      );
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]?.map(({ tier }) => tier)).toEqual([...Array(5).fill("redis"), undefined]);
  });
});

describe("a look-up in Redis", () => {
  it("keeps the order of what was sent at once, and of what comes meanwhile", async () => {
    const link = await openFaultyLink(redis.port);
    const site = await startSite({
      settings: { CACHE_MEMORY_BYTES: "0" },
      redisUrl: `redis://127.0.0.1:${link.port}/3`,
    });
    await readyToHit(site);
    await link.breakBy({ hangs: true });
    const client = await rawClient(site.proxy.port);
    client.write(asking(HIT, "X-Request-Id: a\r\n"));
    await isRead(site);
    // The first of these needs nothing from Redis.
    client.write(asking("/nowhere", 'If-Match: "x"\r\nX-Request-Id: b\r\n'));
    client.write(asking(HIT, "X-Request-Id: c\r\n"));
    client.write(asking(HIT, "X-Request-Id: d\r\nConnection: close\r\n"));
    await isRead(site);
    await site.get("/nowhere", { "If-Match": '"x"' });
    await link.mend();
    const seen = await client.end();
    expect([...seen.matchAll(/^X-Request-Id: (.*)\r$/gm)].map(([, id]) => id)).toEqual(["a", "b", "c", "d"]);
  });

  it("is done once for a miss", async () => {
    await redis.command("FLUSHALL");
    const site = await startOnRedis(7);
    await readyToHit(site);
    const lookUps = async () =>
      Number(/^cmdstat_hmget:calls=(\d+)/m.exec(String(await redis.command("INFO", "commandstats")))?.[1]);
    const before = await lookUps();
    const client = await rawClient(site.proxy.port);
    client.write(asking("/data?id=2"));
    await client.sees("X-Cache: MISS");
    expect((await lookUps()) - before).toBe(1);
  });

  it("of a client that leaves meanwhile is told as aborted, once", async () => {
    const link = await openFaultyLink(redis.port);
    const site = await startSite({
      settings: { CACHE_MEMORY_BYTES: "0" },
      redisUrl: `redis://127.0.0.1:${link.port}/4`,
    });
    await readyToHit(site);
    const gets = () => answered(site).filter(({ method }) => method === "GET");
    const before = gets().length;
    await link.breakBy({ hangs: true });
    for (const path of [HIT, "/data?id=2"]) {
      const client = await rawClient(site.proxy.port);
      client.write(asking(path));
      await isRead(site);
      client.socket.resetAndDestroy();
    }
    await link.mend();
    await site.until("both are told", () => gets().length >= before + 2);
    await site.get("/nowhere");
    const told = gets().slice(before);
    expect(told.map(({ aborted, bytes }) => [aborted, bytes])).toEqual([
      [true, 0],
      [true, 0],
      [false, expect.any(Number)],
    ]);
  });

  it("that ends while the proxy drains has an answer that says that the connection closes", async () => {
    const link = await openFaultyLink(redis.port);
    const site = await startSite({
      settings: { CACHE_MEMORY_BYTES: "0", SHUTDOWN_TIMEOUT: "10s" },
      redisUrl: `redis://127.0.0.1:${link.port}/5`,
    });
    await readyToHit(site);
    await link.breakBy({ hangs: true });
    const client = await rawClient(site.proxy.port);
    client.write(asking(HIT));
    await isRead(site);
    const stopped = site.proxy.stop();
    await link.mend();
    const seen = await client.end();
    for (const line of [/^HTTP\/1\.1 200 /, /^X-Cache: HIT\r$/m, /^Connection: close\r$/m])
      expect(seen).toMatch(line);
    await stopped;
  });

  it("that fails leads to the origin", async () => {
    const link = await openFaultyLink(redis.port);
    const site = await startSite({
      settings: { CACHE_MEMORY_BYTES: "0", REDIS_COMMAND_TIMEOUT: "100ms" },
      redisUrl: `redis://127.0.0.1:${link.port}/6`,
    });
    await readyToHit(site);
    await link.breakBy({ hangs: true });
    const { status, cache } = await site.get(HIT, { Host: "a.example" });
    expect([status, cache]).toEqual([200, "MISS/MISS"]);
    expect(site.events.some(({ type }) => type === "store-failed")).toBe(true);
  });
});
