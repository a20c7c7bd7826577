import { expect, it } from "vitest";
import type { ShownEntries, ShownStore } from "../../src/admin/answers.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { startProgram } from "./program.ts";
import { ask, type Site, startSite } from "./site.ts";

const redis = await redisOfFile();
let namespaces = 0;
const shared = () => ({
  redisUrl: redis.url,
  settings: { CACHE_NAMESPACE: `entries${++namespaces}` },
});

const listed = async (site: Pick<Site, "admin">, query = ""): Promise<ShownEntries> => {
  const answer = await site.admin(`/entries${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json<ShownEntries>();
};
const storeOf = async (site: Pick<Site, "admin">) => (await site.admin("/store")).json<ShownStore>();

const DATA = "/data?id=1&cache-control=max-age=10,stale-while-revalidate=10,stale-if-error=30";

it("an entry is listed with its windows, and passes through them", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  const [entry] = (await listed(site)).entries;
  const storedAt = entry?.stored_at ?? Number.NaN;
  expect(entry).toEqual({
    url: `http://127.0.0.1:${site.proxy.port}${DATA}`,
    selecting: {},
    status: 200,
    size: (await site.get(DATA)).body.length,
    stored_at: expect.any(Number),
    age: 0,
    state: "fresh",
    purged: false,
    fresh_until: storedAt + 10_000,
    refreshing_until: storedAt + 20_000,
    usable_on_error_until: storedAt + 40_000,
    kept_until: expect.any(Number),
    tags: 1,
  });
  for (const [seconds, state] of [
    [9, "fresh"],
    [1, "refreshing"],
    [10, "on-error"],
    [20, "kept"],
  ] as const) {
    site.advance(seconds);
    expect((await listed(site)).entries.map((one) => one.state)).toEqual([state]);
  }
  site.advance(86_400 * 400);
  expect((await listed(site)).entries).toEqual([]);
});

it("what a purge has made stale says so, and what one has deleted is not there", async () => {
  const site = await startSite();
  for (const id of [1, 2, 3]) await site.get(`/data?id=${id}&cache-control=max-age=60,stale-if-error=60`);
  const purge = (body: object) => site.admin("/purge", { method: "POST", body: JSON.stringify(body) });
  await purge({ targets: [{ prefix: "/data?id=1" }], mode: "invalidate" });
  await purge({ targets: [{ tag: "data-2" }] });
  const shown = (await listed(site)).entries.map(({ url, state, purged }) => [
    /id=\d/.exec(url)?.[0],
    state,
    purged,
  ]);
  expect(shown.toSorted()).toEqual([
    ["id=1", "on-error", true],
    ["id=3", "fresh", false],
  ]);
});

it("a list is what was looked for, page by page, and each entry is on one of them", async () => {
  const site = await startSite();
  for (let id = 0; id < 12; id++) await site.get(`/data?id=${id}&cache-control=max-age=60`);
  await site.get("/echo?of=12&cache-control=max-age=60");
  const found: string[] = [];
  const sizes: number[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: ShownEntries = await listed(site, `?match=/data&limit=5&cursor=${cursor}`);
    found.push(...page.entries.map(({ url }) => url));
    sizes.push(page.entries.length);
    cursor = page.cursor;
  }
  expect(sizes.filter((size) => size > 0)).toEqual([5, 5, 2]);
  expect(new Set(found).size).toBe(12);
  expect(found.every((url) => url.includes("/data"))).toBe(true);
  const none = await site.admin("/entries?tier=redis");
  expect([none.status, none.json()["detail"]]).toEqual([400, "nothing is stored in redis here"]);
});

it("no secret is in a list, and a URL that lacks one says so", async () => {
  const site = await startSite();
  await site.get("/data?id=1&token=s3cret&cache-control=max-age=60");
  await site.get("/headers?vary=Cookie&cache-control=max-age=60", { Cookie: "session=s3cret" });
  const answer = await site.admin("/entries");
  expect(answer.text).not.toContain("s3cret");
  const shown = answer.json<ShownEntries>().entries.map(({ masked, selecting }) => [masked, selecting]);
  expect(shown).toEqual([
    [true, {}],
    [undefined, { cookie: "(not shown)" }],
  ]);
});

it("a list costs the cache nothing: what it shows is not asked for by it", async () => {
  const site = await startSite(shared());
  await site.get(DATA);
  await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
  const before = (await site.admin("/stats")).json();
  for (const tier of ["memory", "redis"]) await listed(site, `?tier=${tier}`);
  const { uptime_seconds: _, ...counted } = (await site.admin("/stats")).json();
  expect(before).toMatchObject(counted);
});

it("Redis is listed, too, and by itself where memory keeps nothing", async () => {
  const { redisUrl, settings } = shared();
  const a = await startSite({ redisUrl, settings });
  const b = await startSite({ redisUrl, settings: { ...settings, CACHE_MEMORY_BYTES: "0" }, beside: a });
  await a.get(DATA, { Host: "shop.test" });
  const stored = async () => (await listed(a, "?tier=redis")).entries.length === 1;
  await a.until("it is in Redis", stored);
  const near = await listed(a);
  expect([near.tier, near.tiers]).toEqual(["memory", ["memory", "redis"]]);
  const far = await listed(a, "?tier=redis");
  expect(far.entries.map(({ age: _, ...entry }) => entry)).toEqual(
    near.entries.map(({ age: _, ...entry }) => entry),
  );
  const onlyFar = await listed(b);
  expect([onlyFar.tier, onlyFar.tiers]).toEqual(["redis", ["redis"]]);
  expect(onlyFar.entries.map(({ url }) => url)).toEqual([`http://shop.test${DATA}`]);
});

it("instances that share a Redis are told with their versions, and how far each has heard", async () => {
  const { redisUrl, settings } = shared();
  const a = await startSite({ redisUrl, settings });
  const b = await startSite({ redisUrl, settings, beside: a });
  let said: ShownStore | undefined;
  const untilBothHaveHeard = (least: number) =>
    a.until("both answer in time", async () => {
      said = await storeOf(a);
      return said.instances.filter(({ epoch }) => epoch !== null && epoch >= least).length === 2;
    });
  await untilBothHaveHeard(0);
  await b.admin("/purge", { method: "POST", body: JSON.stringify({ everything: true }) });
  await untilBothHaveHeard(1);
  const { redis: load, instances } = said as unknown as ShownStore;
  expect(load).toEqual({ keys: expect.any(Number), used_bytes: expect.any(Number), max_bytes: null });
  const epoch = instances[0]?.epoch ?? 0;
  expect(epoch).toBeGreaterThan(0);
  expect(instances).toEqual(
    [true, false].map((self) => ({
      instance: expect.stringMatching(/-[\da-f]{8}$/),
      self,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      since: expect.any(Number),
      epoch,
      behind_ms: 0,
    })),
  );
  expect((await storeOf(b)).instances.map(({ instance }) => instance)).toEqual(
    instances.map(({ instance }) => instance).toReversed(),
  );
});

it("a proxy alone tells of itself, and of no Redis", async () => {
  const site = await startSite();
  const { redis: load, instances } = await storeOf(site);
  expect(load).toBeNull();
  expect(instances).toMatchObject([{ self: true, behind_ms: 0 }]);
});

it("the memories of two workers are one list, and each entry says whose it is", async () => {
  const { url } = await startOrigin((_, response) => {
    response.setHeader("Cache-Control", "max-age=600");
    response.end("body");
  });
  const { port, adminPort } = await startProgram({ WORKERS: "2", ORIGINS: url, LOG_FORMAT: "json" });
  const site = { admin: (path: string) => ask(`http://127.0.0.1:${adminPort}${path}`) };
  // Connections are handed to workers about in turn.
  for (const path of ["/a", "/b", "/c"])
    await until(`both have ${path}`, async () => {
      await ask(`http://127.0.0.1:${port}${path}`);
      return (await listed(site, `?match=${path}`)).entries.length === 2;
    });
  const whose = (entries: ShownEntries["entries"]) =>
    entries.map(({ worker, url }) => `${worker}${url.at(-1)}`).toSorted();
  const whole = await listed(site);
  expect(whole.cursor).toBeNull();
  expect(whose(whole.entries)).toEqual(["1a", "1b", "1c", "2a", "2b", "2c"]);
  const pages: ShownEntries["entries"][number][] = [];
  const sizes: number[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: ShownEntries = await listed(site, `?limit=2&cursor=${cursor}`);
    pages.push(...page.entries);
    sizes.push(page.entries.length);
    cursor = page.cursor;
  }
  expect(whose(pages)).toEqual(["1a", "1b", "1c", "2a", "2b", "2c"]);
  expect(sizes).toEqual([2, 2, 2]);
  expect((await listed(site, "?match=/b")).entries).toHaveLength(2);
  expect((await storeOf(site)).instances).toMatchObject([
    { instance: expect.stringMatching(/^worker 1 \(pid \d+\)$/), version: expect.any(String) },
    { instance: expect.stringMatching(/^worker 2 \(pid \d+\)$/), version: expect.any(String) },
  ]);
});
