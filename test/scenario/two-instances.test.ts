import { expect, it } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { type Answer, type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

/** Both stand behind the same name, as instances do. */
const HOST = { Host: "shop.test" };
const DATA = "/data?id=1&cache-control=max-age=60";

let namespaces = 0;
async function twoInstances(
  more: Partial<Record<SettingName, string>> = {},
): Promise<{ a: Site; b: Site; another: () => Promise<Site> }> {
  const settings = { CACHE_NAMESPACE: `test${++namespaces}`, ...more };
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

const post = (body: object) => ({ method: "POST", body: JSON.stringify(body) });
const PURGES: readonly (readonly [string, (a: Site) => Promise<Answer>])[] = [
  ["DELETE /cache/…", (a) => a.admin(`/cache${DATA}`, { method: "DELETE" })],
  [
    "DELETE /cache/… with X-Host",
    (a) => a.admin(`/cache${DATA}`, { method: "DELETE", headers: { "X-Host": "shop.test" } }),
  ],
  [
    "DELETE /cache/… with Fastly-Soft-Purge",
    (a) => a.admin(`/cache${DATA}`, { method: "DELETE", headers: { "Fastly-Soft-Purge": "1" } }),
  ],
  ["POST /purge of the URL", (a) => a.admin("/purge", post({ urls: [`http://shop.test${DATA}`] }))],
  ["POST /purge of a path", (a) => a.admin("/purge", post({ targets: [{ url: DATA }] }))],
  ["POST /purge of a prefix", (a) => a.admin("/purge", post({ targets: [{ prefix: "/da" }] }))],
  [
    "POST /purge of a prefix of one host",
    (a) => a.admin("/purge", post({ targets: [{ prefix: "https://shop.test/data?" }] })),
  ],
  ["POST /purge of a host", (a) => a.admin("/purge", post({ targets: [{ host: "Shop.test" }] }))],
  [
    "POST /purge of a host, softly",
    (a) => a.admin("/purge", post({ targets: [{ host: "shop.test" }], mode: "invalidate" })),
  ],
  ["POST /purge of everything", (a) => a.admin("/purge", post({ everything: true }))],
];

it.each(PURGES)("%s on one instance holds on the other when its receipt is given", async (_, purge) => {
  const { a, b } = await twoInstances();
  await bothHave(a, b, DATA);
  await b.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' }, 1);
  const receipt = await purge(a);
  expect(receipt.status).toBe(200);
  expect(receipt.json()).toEqual({
    id: expect.any(String),
    epoch: expect.any(Number),
    shared: true,
    instances: 2,
    acked: 2,
    missing: [],
    took_ms: expect.any(Number),
  });
  const fromB = await b.get(DATA, HOST);
  expect(fromB.header("x-cache-status")).toBe("MISS");
  expect(fromB.json()).toMatchObject({ value: "new" });
  await stored(b);
  const fromA = await a.get(DATA, HOST);
  expect(fromA.cache).toBe("HIT/HIT");
  expect(fromA.text).toBe(fromB.text);
});

it("a PUT through one instance is seen by the memory of the other", async () => {
  const { a, b } = await twoInstances();
  await bothHave(a, b, DATA);
  await a.ask(DATA, { method: "PUT", headers: HOST, body: '{"value":"new"}' });
  await purgeHeard(b);
  const fromB = await b.get(DATA, HOST);
  expect(fromB.cache).toBe("MISS/MISS");
  expect(fromB.json()).toMatchObject({ value: "new" });
});

it("a purge of a path holds for hosts that the instance has never seen, and for no other path", async () => {
  const { a, b } = await twoInstances();
  const other = "/data?id=2&cache-control=max-age=60";
  const hosts = ["one.test", "two.test:8080"].map((host) => ({ Host: host }));
  for (const headers of hosts) for (const path of [DATA, other]) await b.get(path, headers);
  await stored(b, 4);
  expect((await a.admin(`/cache${DATA}`, { method: "DELETE" })).status).toBe(200);
  for (const headers of hosts) {
    expect((await b.get(DATA, headers)).cache).toBe("MISS/MISS");
    expect((await b.get(other, headers)).cache).toBe("HIT/HIT");
  }
});

it("a purge of a group reaches its members alone, of one host or of all", async () => {
  const { a, b } = await twoInstances();
  const inGroup = "/headers?Cache-Groups=%22news%22&Cache-Control=max-age=60";
  const outside = "/headers?Cache-Groups=%22sport%22&Cache-Control=max-age=60";
  const hosts = ["one.test", "two.test"].map((host) => ({ Host: host }));
  const seen = async (site: Site) => {
    const answers: string[] = [];
    for (const headers of hosts)
      for (const path of [inGroup, outside]) answers.push((await site.get(path, headers)).cache);
    return answers;
  };
  await seen(a);
  await stored(a, 4);
  expect(await seen(b)).toEqual(["HIT/HIT", "HIT/HIT", "HIT/HIT", "HIT/HIT"]);
  await a.admin("/purge", post({ targets: [{ tag: "news", host: "two.test" }] }));
  expect(await seen(b)).toEqual(["HIT/HIT", "HIT/HIT", "MISS/MISS", "HIT/HIT"]);
  await stored(b);
  await a.admin("/purge", post({ targets: [{ tag: "news" }] }));
  expect(await seen(b)).toEqual(["MISS/MISS", "HIT/HIT", "MISS/MISS", "HIT/HIT"]);
});

it("after a purge of many, what one instance has fetched again the other takes from Redis", async () => {
  const { a, b } = await twoInstances();
  await bothHave(a, b, DATA);
  for (const mode of ["delete", "invalidate"]) {
    await a.admin("/purge", post({ targets: [{ prefix: "/" }], mode }));
    const before = (await a.counts()).total;
    await a.get(DATA, HOST);
    await a.until("Redis has it", async () => {
      const key = `test${namespaces}:{http://shop.test${DATA}}`;
      const epoch = Number(await redis.command("HGET", key, "epoch"));
      return epoch >= Number(a.events.findLast((event) => event.type === "purged")?.epoch);
    });
    expect((await b.get(DATA, HOST)).cache).toBe("HIT/HIT");
    expect((await b.counts()).total).toBe(before + 1);
  }
});

it("a refresh has one of them fetch again what is stored, and both hit", async () => {
  const { a, b } = await twoInstances();
  await bothHave(a, b, DATA);
  await b.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' }, 1);
  const url = `https://shop.test${DATA}`;
  const never = "http://shop.test/data?id=3";
  const receipt = await a.admin("/purge", post({ targets: [{ url }, { url: never }], mode: "refresh" }));
  expect(receipt.json()).toMatchObject({ instances: 2, acked: 2 });
  await a.until("it is stored again", () => a.events.filter((event) => event.type === "stored").length > 1);
  const asked = (await a.counts()).total;
  for (const site of [a, b]) {
    const answer = await site.get(DATA, HOST);
    expect([answer.cache, answer.json()["value"]]).toEqual(["HIT/HIT", "new"]);
  }
  expect((await a.counts()).total).toBe(asked);
  expect(await a.asked("GET /data?id=3")).toBe(0);
});

it("a receipt names the instance that cannot hear, and counts none that has stopped", async () => {
  const { a, b, another } = await twoInstances({ PURGE_ACK_TIMEOUT: "2s" });
  const c = await another();
  await c.proxy.stop();
  // A member that crashed a moment ago.
  await redis.command("HSET", `test${namespaces}:instances:{purges}`, "crashed", `1 ${Date.now()}`);
  const receipt = await b.admin("/purge", post({ everything: true }));
  expect(receipt.status).toBe(200);
  expect(receipt.json()).toMatchObject({ instances: 3, acked: 2, missing: ["crashed"] });
  expect(a.events.some((event) => event.type === "purged")).toBe(true);
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
