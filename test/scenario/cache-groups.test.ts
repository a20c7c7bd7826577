import { describe, expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const SHOP = { Host: "shop.test" };
const OTHER_SHOP = { Host: "other-shop.test" };

/** All in the group `data-1`, none the target of the PUT. */
const MEMBERS = [
  "/data?id=1&cache-control=max-age=60",
  "/data?id=1&cache-control=max-age=3600",
  "/data?cache-control=public,max-age=60&id=1",
];
/** In the group `data-10`. */
const NO_MEMBER = "/data?id=10&cache-control=max-age=60";
const ALL = [...MEMBERS, NO_MEMBER];

const change = (site: Site) =>
  site.ask("/data?id=1", { method: "PUT", headers: SHOP, body: '{"value":"new"}' });

let namespaces = 0;
async function twoInstances(): Promise<{ a: Site; b: Site; another: () => Promise<Site> }> {
  const settings = { CACHE_NAMESPACE: `groups${++namespaces}` };
  const a = await startSite({ settings, redisUrl: redis.url });
  const another = () => startSite({ settings, redisUrl: redis.url, beside: a });
  return { a, b: await another(), another };
}

/** Fills the cache, and what is asked once more comes from it. */
async function fill(site: Site, paths: readonly string[], headers: Record<string, string>): Promise<void> {
  const before = storedBy(site);
  for (const path of paths) expect((await site.get(path, headers)).cache).toBe("MISS/MISS");
  await site.until("all are stored", () => storedBy(site) === before + paths.length);
  expect(await caches(site, paths, headers)).toEqual(paths.map(() => "HIT/HIT"));
}

const storedBy = (site: Site): number => site.events.filter((event) => event.type === "stored").length;

async function caches(
  site: Site,
  paths: readonly string[],
  headers: Record<string, string>,
): Promise<string[]> {
  const seen: string[] = [];
  for (const path of paths) seen.push((await site.get(path, headers)).cache);
  return seen;
}

const groupHeard = (site: Site): Promise<void> =>
  site.until("the purge of the group is heard", () =>
    site.events.some((event) => event.type === "purged" && event.target.type === "group"),
  );

const AFTERWARDS = ["MISS/MISS", "MISS/MISS", "MISS/MISS", "HIT/HIT"];

describe("a PUT whose answer names a group (RFC 9875 §3)", () => {
  it("through one instance makes its members invalid in the memory of the other", async () => {
    const { a, b } = await twoInstances();
    await fill(a, ALL, SHOP);
    // Twice: from Redis, then from its own memory.
    for (const _ of [1, 2]) expect(await caches(b, ALL, SHOP)).toEqual(ALL.map(() => "HIT/HIT"));
    const answer = await change(a);
    expect([answer.status, answer.header("cache-group-invalidation")]).toEqual([200, '"data-1"']);
    await groupHeard(b);
    expect(await caches(b, ALL, SHOP)).toEqual(AFTERWARDS);
    await b.until("the new ones are stored", () => storedBy(b) === MEMBERS.length);
    for (const path of MEMBERS) expect((await b.get(path, SHOP)).json()).toMatchObject({ value: "new" });
  });

  it("makes them invalid in Redis, for instances that start later, too", async () => {
    const { a, another } = await twoInstances();
    await fill(a, ALL, SHOP);
    await change(a);
    // They are still there: no purge hunts through keys.
    const keys = (await redis.command("KEYS", `groups${namespaces}:{http://shop.test/data*}`)) as string[];
    expect(keys).toHaveLength(ALL.length);
    const c = await another();
    expect(await caches(c, ALL, SHOP)).toEqual(AFTERWARDS);
  });

  it("lets nobody see the old ones again, whichever instance fetches the new ones", async () => {
    const { a, b } = await twoInstances();
    await fill(a, ALL, SHOP);
    await change(a);
    await groupHeard(b);
    expect(await caches(b, MEMBERS, SHOP)).toEqual(MEMBERS.map(() => "MISS/MISS"));
    await b.until("they are stored", () => storedBy(b) === MEMBERS.length);
    for (const site of [a, b, a]) {
      for (const path of MEMBERS) expect((await site.get(path, SHOP)).json()).toMatchObject({ value: "new" });
    }
    await a.until("both answer from the cache", async () => {
      const answers = [...(await caches(a, MEMBERS, SHOP)), ...(await caches(b, MEMBERS, SHOP))];
      return answers.every((cache) => cache === "HIT/HIT");
    });
  });

  it("leaves another site's members alone", async () => {
    const { a, b } = await twoInstances();
    await fill(a, ALL, SHOP);
    await fill(a, ALL, OTHER_SHOP);
    await change(a);
    await groupHeard(b);
    expect(await caches(b, ALL, OTHER_SHOP)).toEqual(ALL.map(() => "HIT/HIT"));
    expect(await caches(b, ALL, SHOP)).toEqual(AFTERWARDS);
  });

  it("says in Redis which groups an entry is in", async () => {
    const { a } = await twoInstances();
    await fill(a, [NO_MEMBER], SHOP);
    const key = `groups${namespaces}:{http://shop.test${NO_MEMBER}}`;
    expect(await redis.command("HGET", key, "tags")).toBe("data-10");
  });

  it("makes them invalid in memory alone, where there is no Redis", async () => {
    const site = await startSite();
    await fill(site, ALL, SHOP);
    await fill(site, ALL, OTHER_SHOP);
    await change(site);
    expect(await caches(site, ALL, SHOP)).toEqual(AFTERWARDS);
    expect(await caches(site, ALL, OTHER_SHOP)).toEqual(ALL.map(() => "HIT/HIT"));
    await site.until("the new ones are stored", () => storedBy(site) === 2 * ALL.length + MEMBERS.length);
    for (const path of MEMBERS) expect((await site.get(path, SHOP)).json()).toMatchObject({ value: "new" });
  });
});
