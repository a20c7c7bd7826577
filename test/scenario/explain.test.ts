import { describe, expect, it } from "vitest";
import type { Explanation } from "../../src/cache/explanation.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { startOrigin } from "./own-origin.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const DATA = "/data?id=1&cache-control=max-age=60,stale-while-revalidate=30,stale-if-error=300";

async function explain(site: Site, path: string, more: Record<string, string> = {}): Promise<Explanation> {
  const url = `http://127.0.0.1:${site.proxy.port}${path}`;
  const answer = await site.admin(`/explain?${new URLSearchParams({ url, ...more })}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json<Explanation>();
}

const stored = (site: Site, count = 1) =>
  site.until("it is stored", () => site.events.filter(({ type }) => type === "stored").length >= count);

const purge = (site: Site, target: object, mode: string) =>
  site.admin("/purge", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ targets: [target], mode }),
  });

describe("GET /explain", () => {
  it("tells what is stored, until when it may be used for what, and who says so", async () => {
    const site = await startSite({ standingClock: true });
    await site.get(DATA);
    await stored(site);
    site.advance(10);
    const { key, stored: entry, next, last, advice } = await explain(site, DATA);
    const at = entry?.stored_at ?? 0;
    expect(key).toBe(`http://127.0.0.1:${site.proxy.port}${DATA}`);
    expect(entry).toMatchObject({ status: 200, tier: ["memory"], age: 10, epoch: 0 });
    expect(entry?.etag).toMatch(/^"/);
    expect(entry?.size).toBeGreaterThan(10);
    expect(entry?.fresh_until).toEqual({ at: at + 60_000, because: "Cache-Control: max-age=60" });
    expect(entry?.refreshing_until).toEqual({
      at: at + 90_000,
      because: "Cache-Control: stale-while-revalidate=30",
    });
    expect(entry?.usable_on_error_until).toEqual({
      at: at + 360_000,
      because: "Cache-Control: stale-if-error=300",
    });
    expect(entry?.kept_until).toEqual({
      at: at + 960_000,
      because: "CACHE_KEEP, for its validator, after its last window",
    });
    expect(entry).not.toHaveProperty("body");
    expect(next).toMatchObject({ decision: "serve", reason: "fresh", clause: "RFC 9111 §4.2" });
    expect(last).toMatchObject({ status: 200, reason: "stored" });
    expect(advice).toEqual([]);
  });

  it("shows the body only where it is asked for", async () => {
    const site = await startSite();
    const { text } = await site.get(DATA);
    await stored(site);
    expect((await explain(site, DATA, { body: "1" })).stored).toMatchObject({
      body: text,
      body_complete: true,
    });
  });

  it("names the selecting header fields, and the variant that the request would get", async () => {
    const site = await startSite();
    const path = "/headers?Vary=X-Tongue&Cache-Control=max-age=60";
    for (const tongue of ["eo", "de"]) await site.get(path, { "X-Tongue": tongue });
    await stored(site, 2);
    const said = await explain(site, path, { header: "X-Tongue: eo" });
    expect(said.selecting).toEqual(["x-tongue"]);
    expect(said.variants.map(({ selecting }) => selecting["x-tongue"]).sort()).toEqual(["de", "eo"]);
    expect(said.next.reason).toBe("fresh");
    const other = await explain(site, path, { header: "X-Tongue: fr" });
    expect([other.stored, other.next.reason]).toEqual([null, "vary-miss"]);
  });

  it("tells of the purges that touched it, whatever they named, and of none that did not", async () => {
    const site = await startSite({ standingClock: true });
    await site.get(DATA);
    await stored(site);
    await purge(site, { prefix: "/elsewhere" }, "delete");
    expect((await explain(site, DATA)).purges).toEqual([]);
    await purge(site, { prefix: "/da" }, "invalidate");
    const soft = await explain(site, DATA);
    expect(soft.purges).toMatchObject([{ mode: "invalidate", target: { type: "prefix", path: "/da" } }]);
    expect(soft.next.reason).toBe("stale-while-revalidate");
    expect(soft.stored?.fresh_until.because).toBe("a purge");
    await purge(site, { host: `127.0.0.1:${site.proxy.port}` }, "delete");
    const gone = await explain(site, DATA);
    expect(gone.purges.map(({ mode }) => mode)).toEqual(["delete", "invalidate"]);
    expect([gone.stored, gone.next.reason]).toEqual([null, "purge-deleted"]);
  });

  it("names its tags, and the purge of one of them", async () => {
    const site = await startSite();
    const path = "/headers?Cache-Tag=shoes,sale&Cache-Control=max-age=60";
    await site.get(path);
    await stored(site);
    expect((await explain(site, path)).stored?.tags).toEqual(["shoes", "sale"]);
    await purge(site, { tag: "hats" }, "invalidate");
    await purge(site, { tag: "sale" }, "invalidate");
    expect((await explain(site, path)).purges).toMatchObject([{ target: { type: "tag", tag: "sale" } }]);
  });

  it("explains what was never stored by the last answer, and by its own request where that is wanted", async () => {
    const site = await startSite();
    const path = "/data?id=1&cache-control=private";
    expect((await explain(site, path)).last).toBeNull();
    await site.get(path);
    const asked = await site.asked(`GET ${path}`);
    const said = await explain(site, path);
    expect(said.last).toMatchObject({ status: 200, reason: "private", clause: "RFC 9111 §5.2.2.7" });
    expect(said.causes).toEqual(["private"]);
    expect(said.goes_alone).toBe(true);
    expect(await site.asked(`GET ${path}`)).toBe(asked);
    const tried = await explain(site, path, { fetch: "1" });
    expect(tried.fetched).toMatchObject({ status: 200, would: "not be stored", reason: "private" });
    expect(await site.asked(`GET ${path}`)).toBe(asked + 1);
  });

  it("says what would become of an answer without storing it, or why none came", async () => {
    const site = await startSite();
    const tried = await explain(site, DATA, { fetch: "1" });
    expect(tried.fetched).toMatchObject({ would: "be stored", origin: site.mock.urls[0] });
    expect(tried.fetched?.fresh_until?.because).toBe("Cache-Control: max-age=60");
    expect((await explain(site, DATA)).stored).toBeNull();
    await site.behave({ cut_before_head: true });
    expect((await explain(site, DATA, { fetch: "1" })).fetched).toMatchObject({
      would: "fail",
      reason: "origin_unreachable",
    });
  });

  it("asks our own origins alone, whatever host the URL names, and never sends what may change something", async () => {
    const site = await startSite();
    const stranger = await startSite();
    const url = `${stranger.mock.urls[0]}${DATA}`;
    await site.admin(`/explain?${new URLSearchParams({ url, fetch: "1" })}`);
    expect((await stranger.counts()).total).toBe(0);
    expect((await site.counts()).total).toBe(1);
    const said = await explain(site, DATA, { method: "PUT", fetch: "1" });
    expect([said.fetched, said.next.reason]).toEqual([undefined, "method"]);
    expect((await site.counts()).total).toBe(1);
  });

  it("keeps the secrets of a response to itself", async () => {
    const site = await startSite();
    const path = "/headers?Set-Cookie=session=secret&Cache-Control=max-age=60";
    const answer = await explain(site, path, { fetch: "1" });
    expect(answer.fetched?.fields?.join()).not.toContain("session=secret");
    expect(answer.fetched?.fields).toContain("Set-Cookie: (not shown)");
  });

  it("names both tiers that have it, and answers from memory while Redis is away", async () => {
    const link = await openFaultyLink(redis.port);
    const site = await startSite({
      redisUrl: `redis://127.0.0.1:${link.port}`,
      settings: { CACHE_NAMESPACE: "explain" },
    });
    await site.get(DATA);
    const tiers = async () => (await explain(site, DATA)).stored?.tier.join("+");
    await site.until("both tiers have it", async () => (await tiers()) === "memory+redis");
    await link.breakBy({ refuses: true });
    await site.until("memory alone has it", async () => (await tiers()) === "memory");
  });

  it("leaves what the key ignores out of the key, and says so", async () => {
    const site = await startSite({ settings: { CACHE_KEY_IGNORE_PARAMS: "utm_*" } });
    const said = await explain(site, "/data?utm_source=x&id=1");
    expect(said.key.endsWith("/data?id=1")).toBe(true);
    expect(said.key_parts).toMatchObject({
      scheme: "http",
      path: "/data",
      query: "id=1",
      ignored: ["utm_source=x"],
      ignored_because: [{ reason: "ignored-parameter", clause: "CACHE_KEY_IGNORE_PARAMS" }],
    });
  });

  it("masks the secrets of a query wherever there is a URL, whoever sent it", async () => {
    const site = await startSite({
      settings: { LOG_REDACT_QUERY: "voucher", CACHE_KEY_IGNORE_PARAMS: "sid" },
    });
    // The origin makes fields of all of these.
    const fields = "Cache-Control=max-age=60&Location=/cb?code=s3cret&Vary=Cookie";
    const path = `/headers?token=s3cret&${fields}&voucher=s3cret&sid=s3cret`;
    await site.get(path, { Cookie: "a=s3cret" });
    await stored(site);
    const url = `http://127.0.0.1:${site.proxy.port}${path}`;
    for (const target of [{ url }, { url: path }, { prefix: "/headers?token=s3cret" }])
      await purge(site, target, "invalidate");
    const headers = { header: "Cookie: a=s3cret" };
    for (const more of [{}, { fetch: "1" }]) {
      const said = await explain(site, path, { ...headers, ...more });
      expect(JSON.stringify(said)).not.toContain("s3cret");
      expect(said.url).toMatch(/\/headers\?token=\*\*\*&Cache-Control=max-age=60&.*&voucher=\*\*\*$/);
      expect(said.key_parts.ignored).toEqual(["sid=***"]);
      expect(said.purges.map(({ target: { type } }) => type)).toEqual(["prefix", "path", "url"]);
      expect(said.variants[0]?.selecting).toEqual({ cookie: "(not shown)" });
    }
    const said = await explain(site, path, { ...headers, fetch: "1" });
    for (const secret of ["token: (not shown)", "voucher: (not shown)", "Location: /cb?code=***"])
      for (const of of [said.stored, said.fetched]) expect(of?.fields).toContain(secret);
  });

  it("masks the secrets of a URL that its advice names", async () => {
    const { url } = await startOrigin((incoming, response) => {
      response.writeHead(301, { Location: `http://${incoming.headers.host}/next?token=s3cret` }).end();
    });
    const site = await startSite({ settings: { ORIGINS: url } });
    const { advice } = await explain(site, "/", { fetch: "1" });
    expect(advice[0]).toContain(`${url}/next?token=*** in place of`);
  });
});

/** Where instances behind the name shop.test have it, as one of them tells. */
async function whereIsIt(site: Site, more: Record<string, string> = {}) {
  const url = `http://shop.test${DATA}`;
  const { instances } = (
    await site.admin(`/explain?${new URLSearchParams({ url, ...more })}`)
  ).json<Explanation>();
  return instances ?? [];
}

describe("GET /explain of one of several instances", () => {
  const HOST = { Host: "shop.test" };
  let namespaces = 0;

  async function twoInstances() {
    const settings = { CACHE_NAMESPACE: `where${++namespaces}` };
    const a = await startSite({ settings, redisUrl: redis.url });
    const b = await startSite({ settings, redisUrl: redis.url, beside: a });
    return { a, b };
  }

  /** Others have little time to answer, and the machine may be busy. */
  async function answered(site: Site, wanted: readonly string[]): Promise<void> {
    await site.until(`they have it: ${wanted.join(", ")}`, async () => {
      const instances = await whereIsIt(site);
      const all = instances.every((one) => one.answered);
      return all && instances.map(({ tier }) => tier.join("+")).join() === wanted.join();
    });
  }

  it("says which instance has it in which tier, itself first", async () => {
    const { a, b } = await twoInstances();
    await answered(a, ["", ""]);
    await a.get(DATA, HOST);
    await answered(a, ["memory+redis", "redis"]);
    await answered(b, ["redis", "memory+redis"]);
    await b.get(DATA, HOST);
    await answered(a, ["memory+redis", "memory+redis"]);
    const names = (await whereIsIt(a)).map(({ instance }) => instance);
    expect((await whereIsIt(b)).map(({ instance }) => instance)).toEqual(names.toReversed());
    const [mine, other] = await whereIsIt(a);
    expect(other?.stored_at).toBe(mine?.stored_at);
  });

  it("finds it in another's memory when Redis has lost it, and not when a purge has deleted it", async () => {
    const { a, b } = await twoInstances();
    await a.get(DATA, HOST);
    await answered(b, ["redis", "memory+redis"]);
    await redis.command("DEL", `where${namespaces}:{http://shop.test${DATA}}`);
    await answered(b, ["", "memory"]);
    await purge(a, { prefix: "/data" }, "delete");
    await answered(b, ["", ""]);
  });

  it("names one that does not answer, and answers all the same", async () => {
    const { a } = await twoInstances();
    await a.get(DATA, HOST);
    await redis.command("HSET", `where${namespaces}:instances:{purges}`, "crashed", `1 ${Date.now()}`);
    const crashed = (await whereIsIt(a)).find(({ instance }) => instance === "crashed");
    expect(crashed).toEqual({ instance: "crashed", answered: false, tier: [], stored_at: null });
  });

  it("tells of itself where Redis is away, and of no instances where none is set", async () => {
    const alone = await startSite({ redisUrl: "redis://127.0.0.1:1" });
    expect(await whereIsIt(alone)).toMatchObject([{ answered: true, tier: [] }]);
    expect(await explain(await startSite(), DATA)).not.toHaveProperty("instances");
  });

  it("counts another's memory only for the variant that is asked for", async () => {
    const { a, b } = await twoInstances();
    const path = "/headers?Vary=X-Tongue&Cache-Control=max-age=60";
    await a.get(path, { ...HOST, "X-Tongue": "eo" });
    const tiersAtA = async (tongue: string) => {
      const query = new URLSearchParams({ url: `http://shop.test${path}`, header: `X-Tongue: ${tongue}` });
      const { instances } = (await b.admin(`/explain?${query}`)).json<Explanation>();
      return instances?.map(({ tier, answered: heard }) => (heard ? tier.join("+") : "?")).join();
    };
    await b.until("it is told of one", async () => (await tiersAtA("eo")) === "redis,memory+redis");
    await b.until("and not of the other", async () => (await tiersAtA("fr")) === ",");
  });
});
