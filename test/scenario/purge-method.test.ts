import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { exchange } from "./raw.ts";
import { type Ask, type Site, startSite } from "./site.ts";

const DATA = "/data?id=1&cache-control=max-age=60";
const HERE = { PURGE_ALLOW: "127.0.0.0/8,::1" };
const purge = (site: Site, path = DATA, headers: Ask["headers"] = {}) =>
  site.ask(path, { method: "PURGE", headers });

async function filled(site: Site, paths: readonly string[] = [DATA], headers = {}): Promise<void> {
  const before = site.events.filter(({ type }) => type === "stored").length;
  for (const path of paths) await site.get(path, headers);
  await site.until(
    "it is stored",
    () => site.events.filter(({ type }) => type === "stored").length >= before + paths.length,
  );
}
const cacheOf = async (site: Site, path = DATA, headers = {}) => (await site.get(path, headers)).cache;

describe("PURGE from an allowed client", () => {
  it("purges its URL and no other, and answers with the receipt", async () => {
    const site = await startSite({ settings: HERE });
    const other = "/data?id=2&cache-control=max-age=60";
    await filled(site, [DATA, other]);
    const receipt = await purge(site);
    expect(receipt.status).toBe(200);
    expect(receipt.header("content-type")).toBe("application/json");
    expect(receipt.json()).toEqual({
      id: receipt.header("x-request-id"),
      epoch: expect.any(Number),
      shared: false,
      instances: 1,
      acked: 1,
      missing: [],
      took_ms: expect.any(Number),
    });
    expect([await cacheOf(site), await cacheOf(site, other)]).toEqual(["MISS/MISS", "HIT/HIT"]);
    expect(await site.asked("PURGE /data?id=1")).toBe(0);
  });

  it("purges the URL of the host that it names alone", async () => {
    const site = await startSite({ settings: HERE });
    const [one, two] = [{ Host: "one.test" }, { Host: "two.test" }];
    await filled(site, [DATA], one);
    await filled(site, [DATA], two);
    await purge(site, DATA, { Host: "ONE.test" });
    expect([await cacheOf(site, DATA, one), await cacheOf(site, DATA, two)]).toEqual([
      "MISS/MISS",
      "HIT/HIT",
    ]);
  });

  it("leaves the parameters away that make no difference", async () => {
    const site = await startSite({ settings: { ...HERE, CACHE_KEY_IGNORE_PARAMS: "utm_*" } });
    await filled(site);
    await purge(site, `${DATA}&utm_source=x`);
    expect(await cacheOf(site)).toBe("MISS/MISS");
  });

  it.each([
    ["X-Purge: invalidate", { "X-Purge": "invalidate" }],
    ["Fastly-Soft-Purge: 1", { "Fastly-Soft-Purge": "1" }],
  ])("keeps what it can be validated by with %s", async (_, headers) => {
    const site = await startSite({ settings: HERE });
    await filled(site);
    expect((await purge(site, DATA, headers)).status).toBe(200);
    expect(await cacheOf(site)).toBe("HIT/REVALIDATED");
  });

  it("fetches again what is stored with X-Purge: refresh", async () => {
    const site = await startSite({ settings: HERE });
    await filled(site);
    await site.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' });
    await purge(site, DATA, { "X-Purge": "refresh" });
    await site.until("it is fetched again", () => site.events.some(({ type }) => type === "refreshed"));
    const answer = await site.get(DATA);
    expect([answer.cache, answer.json()["value"]]).toEqual(["HIT/HIT", "new"]);
  });

  it.each(["Surrogate-Key", "Cache-Tag", "xkey"])("purges the tags of its host with %s", async (name) => {
    const site = await startSite({ settings: HERE });
    const tagged = (tag: string) =>
      `/headers?${new URLSearchParams({ [name]: tag, "Cache-Control": "max-age=60" })}`;
    const all = [tagged("a"), tagged("b"), tagged("c")];
    const headers = { Host: "one.test" };
    await filled(site, all, headers);
    await filled(site, all, { Host: "two.test" });
    const words = name === "Cache-Tag" ? "a, b" : "a b";
    expect((await purge(site, all[2], { ...headers, [name]: words })).status).toBe(200);
    const seen = async (host: string) => {
      const caches: string[] = [];
      for (const path of all) caches.push(await cacheOf(site, path, { Host: host }));
      return caches;
    };
    expect(await seen("two.test")).toEqual(["HIT/HIT", "HIT/HIT", "HIT/HIT"]);
    expect(await seen("one.test")).toEqual(["MISS/MISS", "MISS/MISS", "HIT/HIT"]);
  });

  it.each([
    ["an unknown mode", { "X-Purge": "soft" }],
    ["an odd Fastly-Soft-Purge", { "Fastly-Soft-Purge": "yes" }],
    ["no tag where tags are named", { "Surrogate-Key": " " }],
    ["a refresh of tags", { "Surrogate-Key": "a", "X-Purge": "refresh" }],
    ["too long a tag", { "Surrogate-Key": "t".repeat(1025) }],
  ])("is refused with %s, and purges nothing", async (_, headers) => {
    const site = await startSite({ settings: HERE });
    await filled(site);
    const answer = await purge(site, DATA, headers);
    expect([answer.status, answer.json()["code"]]).toEqual([400, "bad_request"]);
    expect(await cacheOf(site)).toBe("HIT/HIT");
  });

  it("fails with 503 where Redis cannot be reached, and purges nothing", async () => {
    const site = await startSite({ settings: HERE, redisUrl: "redis://127.0.0.1:1" });
    await site.get(DATA);
    const answer = await purge(site);
    expect([answer.status, answer.json()["code"]]).toEqual([503, "store_unavailable"]);
    expect(answer.header("retry-after")).toBe("1");
    expect(await cacheOf(site)).toBe("HIT/HIT");
  });
});

describe("PURGE from anybody else", () => {
  it.each<readonly [string, Parameters<typeof startSite>[0], Record<string, string>]>([
    ["an address that is not allowed", { settings: { PURGE_ALLOW: "192.0.2.0/24" } }, {}],
    [
      "one that only claims to be allowed",
      { settings: { PURGE_ALLOW: "192.0.2.0/24" } },
      { "X-Forwarded-For": "192.0.2.1" },
    ],
    [
      "a client behind a trusted proxy that is allowed itself",
      { settings: { ...HERE, TRUSTED_PROXIES: "127.0.0.0/8" } },
      { "X-Forwarded-For": "203.0.113.7" },
    ],
    ["another site's page on an allowed machine", { settings: HERE }, { Origin: "https://evil.example" }],
  ])("is refused: %s", async (_, options, headers) => {
    const site = await startSite(options);
    await filled(site);
    for (const more of [{}, { "Surrogate-Key": "a" }]) {
      const answer = await purge(site, DATA, { ...headers, ...more });
      expect([answer.status, answer.json()["code"]]).toEqual([403, "purge_forbidden"]);
    }
    expect(await cacheOf(site)).toBe("HIT/HIT");
    expect(site.events.filter(({ type }) => type === "purged")).toEqual([]);
    expect(await site.asked("PURGE /data?id=1")).toBe(0);
  });

  it("purges where a trusted proxy says that it is allowed", async () => {
    const settings = { PURGE_ALLOW: "192.0.2.0/24", TRUSTED_PROXIES: "127.0.0.0/8" };
    const site = await startSite({ settings });
    await filled(site);
    expect((await purge(site, DATA, { "X-Forwarded-For": "192.0.2.1" })).status).toBe(200);
    expect(await cacheOf(site)).toBe("MISS/MISS");
  });

  it("is refused where it would change protocols, too", async () => {
    const site = await startSite({ settings: { PURGE_ALLOW: "192.0.2.0/24" } });
    const request =
      "PURGE /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n";
    expect(await exchange(site.proxy.port, request)).toMatch(/^HTTP\/1\.1 403 /);
  });
});

it("PURGE is a method like any other by default: the origin answers, and a success invalidates the URL", async () => {
  let purges = 0;
  const origin = await startOrigin((request, response) => {
    if (request.method === "PURGE") response.writeHead(purges++ === 0 ? 405 : 200).end();
    else response.writeHead(200, { "Cache-Control": "max-age=60" }).end("body");
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  await filled(site, ["/a"]);
  expect((await purge(site, "/a")).status).toBe(405);
  expect(await cacheOf(site, "/a")).toBe("HIT/HIT");
  expect((await purge(site, "/a", { "X-Purge": "refresh" })).status).toBe(200);
  expect(await cacheOf(site, "/a")).toBe("MISS/MISS");
});
