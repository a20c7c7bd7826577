import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { type Site, startSite } from "./site.ts";

let redis: TestRedis;
beforeEach(async () => {
  if (redis === undefined) redis = await startRedis();
  else await redis.restart();
});
afterAll(() => redis?.[Symbol.asyncDispose]());

const DATA = "/data?id=1&cache-control=max-age=60";
const WITHOUT_MEMORY = { CACHE_MEMORY_BYTES: "0" };

const keyOf = (site: Site, path: string): string => `freshline:{http://127.0.0.1:${site.proxy.port}${path}}`;

const storeStates = (site: Site): boolean[] =>
  site.events.flatMap((event) => (event.type === "store-state" ? [event.up] : []));

/** Asks until Redis has an entry again; how long that took, in milliseconds. Every answer must be a 200. */
async function untilStoredAgain(site: Site, path: string): Promise<number> {
  const startedAt = performance.now();
  await site.until("Redis has entries again", async () => {
    expect((await site.get(path)).status).toBe(200);
    return (await redis.command("EXISTS", keyOf(site, path))) === 1;
  });
  // Redis has it a moment before the proxy hears so.
  await site.until("that is known", () => storeStates(site).at(-1) === true);
  return performance.now() - startedAt;
}

describe("a Redis that goes away", () => {
  it("costs nobody an answer: memory and origins serve, and it is told once", async () => {
    const site = await startSite({ redisUrl: redis.url });
    expect(site.proxy.redisAttached()).toBe(true);
    await site.get(DATA);
    await redis.stop();
    await site.until("the loss is noticed", () => !site.proxy.redisAttached());
    expect((await site.get(DATA)).cache).toBe("HIT/HIT");
    for (let id = 2; id < 12; id++) {
      const path = `/data?id=${id}&cache-control=max-age=60`;
      const missed = await site.get(path);
      expect({ status: missed.status, cache: missed.cache }).toEqual({ status: 200, cache: "MISS/MISS" });
      expect((await site.get(path)).cache).toBe("HIT/HIT");
    }
    expect(storeStates(site)).toEqual([true, false]);
    expect((await site.admin("/metrics")).text).toContain("freshline_store_up 0\n");
    expect((await site.admin("/health/ready")).status).toBe(200);
  });

  it("without memory makes each request a miss, and none an error", async () => {
    const site = await startSite({ redisUrl: redis.url, settings: WITHOUT_MEMORY });
    await site.get(DATA);
    await redis.stop();
    for (let i = 0; i < 10; i++) {
      const answer = await site.get(DATA);
      expect({ status: answer.status, cache: answer.cache }).toEqual({ status: 200, cache: "MISS/MISS" });
    }
  });

  it("in the middle of traffic, and back, is never seen as an error; within about 2 s it keeps entries again", async () => {
    const site = await startSite({ redisUrl: redis.url, settings: WITHOUT_MEMORY });
    let running = true;
    const statuses = new Map<number, number>();
    const traffic = Array.from({ length: 4 }, async (_, i) => {
      for (let n = 0; running; n++) {
        const { status } = await site.get(`/data?id=${i}-${n % 5}&cache-control=max-age=60`);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    await site.until("there are hits", () => (statuses.get(200) ?? 0) > 100);
    await redis.stop();
    await site.until("the loss is noticed", () => storeStates(site).includes(false));
    const lost = statuses.get(200) ?? 0;
    await site.until("traffic goes on", () => (statuses.get(200) ?? 0) > lost + 100);
    await redis.restart();
    await site.until("it is back", () => site.proxy.redisAttached());
    running = false;
    await Promise.all(traffic);
    expect([...statuses.keys()]).toEqual([200]);
    expect(await untilStoredAgain(site, DATA)).toBeLessThan(2500);
    expect(storeStates(site)).toEqual([true, false, true]);
    expect((await site.get(DATA)).cache).toBe("HIT/HIT");
  });

  it("that hangs is not waited for longer than a command may take", async () => {
    const settings = { ...WITHOUT_MEMORY, REDIS_COMMAND_TIMEOUT: "100ms" };
    const site = await startSite({ redisUrl: redis.url, settings });
    await site.get(DATA);
    const { pid } = redis;
    process.kill(pid, "SIGSTOP");
    try {
      const startedAt = performance.now();
      for (let i = 0; i < 20; i++) expect((await site.get(DATA)).status).toBe(200);
      // Three commands that time out, and then the breaker; not twenty.
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(storeStates(site)).toEqual([true, false]);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await untilStoredAgain(site, "/data?id=2&cache-control=max-age=60");
    expect(storeStates(site)).toEqual([true, false, true]);
  });

  it("makes a purge by an operator fail loudly, and one by PUT hold at once", async () => {
    const site = await startSite({ redisUrl: redis.url });
    await site.get(DATA);
    await redis.stop();
    await site.until("the loss is noticed", () => !site.proxy.redisAttached());
    const purge = await site.admin("/purge", { method: "POST", body: '{"everything":true}' });
    expect(purge.status).toBe(503);
    expect(purge.json()["code"]).toBe("store_unavailable");
    expect((await site.admin(`/cache${DATA}`, { method: "DELETE" })).status).toBe(503);
    expect((await site.get(DATA)).cache).toBe("HIT/HIT");

    expect((await site.ask(DATA, { method: "PUT", body: '{"value":"new"}' })).status).toBe(200);
    const after = await site.get(DATA);
    expect(after.cache).toBe("MISS/MISS");
    expect(after.json()).toMatchObject({ value: "new" });
  });
});

describe("a Redis that is absent at the start", () => {
  it("leaves the memory tier alone, and is attached when it appears", async () => {
    await redis.stop();
    const site = await startSite({ redisUrl: redis.url });
    expect(site.proxy.redisAttached()).toBe(false);
    expect((await site.get(DATA)).cache).toBe("MISS/MISS");
    expect((await site.get(DATA)).cache).toBe("HIT/HIT");
    // Others may have had Redis all the time: a purge that they cannot hear of is none.
    for (const purge of [
      await site.admin(`/cache${DATA}`, { method: "DELETE" }),
      await site.admin("/purge", { method: "POST", body: '{"everything":true}' }),
    ])
      expect([purge.status, purge.json()["code"]]).toEqual([503, "store_unavailable"]);
    expect((await site.get(DATA)).cache).toBe("HIT/HIT");

    await redis.restart();
    const startedAt = performance.now();
    await site.until("it is attached", () => site.proxy.redisAttached());
    expect(performance.now() - startedAt).toBeLessThan(2500);
    const path = "/data?id=2&cache-control=max-age=60";
    await untilStoredAgain(site, path);
    expect((await site.get(path)).cache).toBe("HIT/HIT");
  });
});
