import { afterAll, beforeAll, expect, it } from "vitest";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { type Site, startSite } from "./site.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Both stand behind the same name, as instances do. */
const HOST = { Host: "shop.test" };
const DATA = "/data?id=1&cache-control=max-age=60";

let namespaces = 0;
async function twoInstances(): Promise<{ a: Site; b: Site; another: () => Promise<Site> }> {
  const settings = { CACHE_NAMESPACE: `test${++namespaces}` };
  const a = await startSite({ settings, redisUrl: redis.url, origins: 2 });
  const another = () => startSite({ settings, redisUrl: redis.url, beside: a });
  return { a, b: await another(), another };
}

const stored = (site: Site, n = 1): Promise<void> =>
  site.until("it is stored", () => site.events.filter((event) => event.type === "stored").length >= n);

/** Both have the response in their memory. */
async function bothHave(a: Site, b: Site, path: string): Promise<void> {
  await a.get(path, HOST);
  await stored(a);
  for (const site of [b, a, b]) expect((await site.get(path, HOST)).cache).toBe("HIT/HIT");
  expect((await b.admin("/stats")).json<{ entries: number }>().entries).toBeGreaterThan(0);
}

const purgeHeard = (site: Site): Promise<void> =>
  site.until("the purge is heard", () => site.events.some((event) => event.type === "purged"));

const PURGES: readonly (readonly [string, (a: Site) => Promise<{ status: number }>])[] = [
  ["DELETE /cache/…", (a) => a.admin(`/cache${DATA}`, { method: "DELETE" })],
  [
    "DELETE /cache/… with X-Host",
    (a) => a.admin(`/cache${DATA}`, { method: "DELETE", headers: { "X-Host": "shop.test" } }),
  ],
  [
    "POST /purge of the URL",
    (a) => a.admin("/purge", { method: "POST", body: JSON.stringify({ urls: [`http://shop.test${DATA}`] }) }),
  ],
  ["POST /purge of everything", (a) => a.admin("/purge", { method: "POST", body: '{"everything":true}' })],
  ["a PUT through it", (a) => a.ask(DATA, { method: "PUT", headers: HOST, body: '{"value":"new"}' })],
];

it.each(PURGES)("%s on one instance is seen by the memory of the other", async (_, purge) => {
  const { a, b } = await twoInstances();
  await bothHave(a, b, DATA);
  await b.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' }, 1);
  expect((await purge(a)).status).toBe(200);
  await purgeHeard(b);
  const fromB = await b.get(DATA, HOST);
  expect(fromB.cache).toBe("MISS/MISS");
  expect(fromB.json()).toMatchObject({ value: "new" });
  await stored(b);
  const fromA = await a.get(DATA, HOST);
  expect(fromA.cache).toBe("HIT/HIT");
  expect(fromA.text).toBe(fromB.text);
});

it("what one instance fetched the other answers from Redis, and then from its own memory", async () => {
  const { a, b } = await twoInstances();
  const first = await a.get(DATA, HOST);
  await stored(a);
  const answers = [await b.get(DATA, HOST), await b.get(DATA, HOST)];
  expect(answers.map(({ cache }) => cache)).toEqual(["HIT/HIT", "HIT/HIT"]);
  expect(answers.map(({ text }) => text)).toEqual([first.text, first.text]);
  await b.until("both are told", () => b.events.filter((event) => event.type === "answered").length === 2);
  const tiers = b.events.flatMap((event) => (event.type === "answered" ? [event.tier] : []));
  expect(tiers).toEqual(["redis", "memory"]);
  expect((await a.counts()).total).toBe(1);
});

it("what one instance has validated is fresh for the other, too", async () => {
  const { a, b } = await twoInstances();
  const path = "/data?id=1&cache-control=must-revalidate,max-age=5";
  await bothHave(a, b, path);
  a.advance(6);
  expect((await a.get(path, HOST)).cache).toBe("HIT/REVALIDATED");
  const key = `test${namespaces}:{http://shop.test${path}}`;
  await a.until("Redis has the validated entry", async () => {
    const storedAt = String(await redis.command("HGET", key, "stored_at"));
    return Date.parse(storedAt) > Date.now();
  });
  expect((await b.get(path, HOST)).cache).toBe("HIT/HIT");
  expect((await a.counts()).total).toBe(2);
});

it("an instance that starts later finds what is stored, and not what was purged", async () => {
  const { a, another } = await twoInstances();
  const kept = "/data?id=2&cache-control=max-age=60";
  await a.get(DATA, HOST);
  await a.get(kept, HOST);
  await stored(a, 2);
  await a.admin(`/cache${DATA}`, { method: "DELETE" });
  const c = await another();
  expect((await c.get(kept, HOST)).cache).toBe("HIT/HIT");
  expect((await c.get(DATA, HOST)).cache).toBe("MISS/MISS");
});

it("an instance that starts while every origin is down serves what Redis has, stale as it may be", async () => {
  const { a, another } = await twoInstances();
  const path = "/data?id=1&cache-control=max-age=5,stale-if-error=60";
  const first = await a.get(path, HOST);
  await stored(a);
  await a.mock.close();
  const c = await another();
  expect((await c.get(path, HOST)).cache).toBe("HIT/HIT");
  a.advance(6);
  const stale = await c.get(path, HOST);
  expect(stale.cache).toBe("HIT/STALE");
  expect(stale.text).toBe(first.text);
});

it("two namespaces in one Redis are two caches", async () => {
  const { a } = await twoInstances();
  const { a: other } = await twoInstances();
  await a.get(DATA, HOST);
  await stored(a);
  expect((await other.get(DATA, HOST)).cache).toBe("MISS/MISS");
});

it("a variant that one instance has stored is not given to another's client who asks for another", async () => {
  const { a, b } = await twoInstances();
  const path = "/headers?Vary=Accept-Language&Cache-Control=max-age=60";
  const ask = (site: Site, language: string) => site.get(path, { ...HOST, "Accept-Language": language });
  await ask(a, "de");
  await stored(a);
  expect((await ask(b, "de")).cache).toBe("HIT/HIT");
  const english = await ask(b, "en");
  expect(english.cache).toBe("MISS/MISS");
  expect(english.header("cache-status")).toBe("freshline; fwd=vary-miss; fwd-status=200; stored");
  await stored(b);
  expect((await ask(a, "en")).cache).toBe("HIT/HIT");
  expect((await ask(a, "de")).cache).toBe("HIT/HIT");
});
