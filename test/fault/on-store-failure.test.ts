import { afterAll, expect, it } from "vitest";
import { startOrigin } from "../scenario/own-origin.ts";
import { type Site, startSite } from "../scenario/site.ts";
import { freshRedis, stopRedis } from "./stage.ts";

afterAll(stopRedis);

/** A site whose Redis has gone after `/stale`, `/strict`, `/on-error` and `/uncacheable` were asked for, and have grown old. */
async function siteThatLostRedis(on: string, more: Record<string, string> = {}) {
  const redis = await freshRedis();
  let version = 0;
  const directives: Record<string, string> = {
    "/strict": "max-age=5, must-revalidate",
    "/on-error": "max-age=5, stale-if-error=60",
    "/uncacheable": "no-store",
  };
  const origin = await startOrigin((request, response) => {
    response.writeHead(200, {
      "Cache-Control": directives[request.url ?? ""] ?? "max-age=5",
      Date: new Date(Date.now() + site.clock.addedMs).toUTCString(),
      ETag: `"${++version}"`,
    });
    response.end(`version ${version}`);
  });
  const site: Site = await startSite({
    redisUrl: redis.url,
    settings: { ORIGINS: origin.url, CACHE_ON_STORE_FAILURE: on, CACHE_MEMORY_GRACE: "1h", ...more },
  });
  const paths = ["/stale", "/strict", "/on-error", "/uncacheable"];
  for (const path of paths) expect((await site.get(path)).status).toBe(200);
  await redis.stop();
  await site.until("the loss is noticed", () => !site.proxy.redisAttached());
  site.advance(6);
  const answers = async () => {
    const told: Record<string, string> = {};
    for (const path of [...paths, "/new"]) {
      const answer = await site.get(path);
      told[path] = `${answer.status} ${answer.cache}`;
    }
    return told;
  };
  return { site, origin, answers };
}

it("CACHE_ON_STORE_FAILURE=origin asks the origins for all that memory may not answer", async () => {
  const { answers } = await siteThatLostRedis("origin");
  expect(await answers()).toEqual({
    "/stale": "200 MISS/EXPIRED",
    "/strict": "200 MISS/EXPIRED",
    "/on-error": "200 MISS/EXPIRED",
    "/uncacheable": "200 MISS/MISS",
    "/new": "200 MISS/MISS",
  });
});

it("CACHE_ON_STORE_FAILURE=stale serves what memory has, and refreshes it; never what has to be validated", async () => {
  const { site, answers } = await siteThatLostRedis("stale");
  const first = await site.get("/stale");
  expect([first.cache, first.text, first.header("cache-status")]).toEqual([
    "HIT/STALE",
    "version 1",
    expect.stringMatching(/^freshline; hit; ttl=-\d; detail=store-failed$/),
  ]);
  await site.until("it is refreshed", async () => (await site.get("/stale")).text !== "version 1");
  expect(await answers()).toEqual({
    "/stale": "200 HIT/HIT",
    "/strict": "200 MISS/EXPIRED",
    "/on-error": "200 HIT/STALE",
    "/uncacheable": "200 MISS/MISS",
    "/new": "200 MISS/MISS",
  });
});

it("CACHE_ON_STORE_FAILURE=stale ends with the grace", async () => {
  const { answers } = await siteThatLostRedis("stale", { CACHE_MEMORY_GRACE: "0s" });
  expect(await answers()).toMatchObject({ "/stale": "200 MISS/EXPIRED", "/on-error": "200 MISS/EXPIRED" });
});

it("CACHE_ON_STORE_FAILURE=503 spares the origins what a cache would have spared them", async () => {
  const { site, origin, answers } = await siteThatLostRedis("503");
  const before = origin.requests.length;
  expect(await answers()).toEqual({
    "/stale": "503 MISS/MISS",
    "/strict": "503 MISS/MISS",
    "/on-error": "200 HIT/STALE",
    "/uncacheable": "200 MISS/MISS",
    "/new": "503 MISS/MISS",
  });
  expect(origin.requests.slice(before).map(({ url }) => url)).toEqual(["/uncacheable"]);
  const refused = await site.get("/new");
  expect(refused.json()["code"]).toBe("store_unavailable");
  expect(refused.header("retry-after")).toBe("1");
  expect(refused.header("cache-status")).toBe("freshline; detail=store_unavailable");

  const alone = await site.get("/new", { Authorization: "Basic eDp5" });
  const unsafe = await site.ask("/new", { method: "POST", body: "x" });
  expect([alone.status, unsafe.status]).toEqual([200, 200]);
});

it("CACHE_ON_STORE_FAILURE=503 goes on serving what memory has, and all again when Redis is back", async () => {
  const redis = await freshRedis();
  const origin = await startOrigin((_, response) =>
    response.writeHead(200, { "Cache-Control": "max-age=60" }).end("body"),
  );
  const site = await startSite({
    redisUrl: redis.url,
    settings: { ORIGINS: origin.url, CACHE_ON_STORE_FAILURE: "503" },
  });
  await site.get("/kept");
  await redis.stop();
  await site.until("the loss is noticed", () => !site.proxy.redisAttached());
  expect((await site.get("/kept")).cache).toBe("HIT/HIT");
  expect((await site.get("/new")).status).toBe(503);
  await redis.restart();
  await site.until("it is answered", async () => (await site.get("/new")).status === 200);
});
