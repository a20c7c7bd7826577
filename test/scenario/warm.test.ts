import { expect, it } from "vitest";
import { startRedis } from "../redis-server.ts";
import { startOrigin } from "./own-origin.ts";
import { type Site, startSite } from "./site.ts";

const path = (id: number): string => `/data?id=${id}&cache-control=max-age=60`;

const warm = (site: Site, urls: readonly string[]) =>
  site.admin("/warm", { method: "POST", body: JSON.stringify({ urls }) });

it("URLs that were warmed are HITs for their first client", async () => {
  const site = await startSite();
  const urls = Array.from({ length: 20 }, (_, id) => `http://127.0.0.1:${site.proxy.port}${path(id)}`);
  const result = await warm(site, urls);
  expect(result.status).toBe(200);
  expect(result.json()).toEqual({ requested: 20, warmed: 20, failed: [] });
  for (let id = 0; id < 20; id++) expect((await site.get(path(id))).cache).toBe("HIT/HIT");
  expect((await site.counts()).total).toBe(20);
});

it("warming again asks the origin for nothing that is fresh", async () => {
  const site = await startSite();
  const urls = [path(1), path(2)];
  await warm(site, urls);
  expect((await warm(site, urls)).json()).toEqual({ requested: 2, warmed: 2, failed: [] });
  expect((await site.counts()).total).toBe(2);
});

it("what cannot be warmed is named with its reason, and does not stop the rest", async () => {
  const site = await startSite();
  const urls = ["/data?id=1&cache-control=no-store", "/nowhere", path(3), "/data"];
  const result = (await warm(site, urls)).json<{ failed: { url: string; detail: string }[] }>();
  expect(result).toMatchObject({ requested: 4, warmed: 1 });
  const failed = new Map(result.failed.map(({ url, detail }) => [url, detail]));
  expect(Object.fromEntries(failed)).toEqual({
    "/data?id=1&cache-control=no-store": "not stored: no-store",
    "/nowhere": "answered 404",
    "/data": "answered 400",
  });
});

it("with every origin down each URL fails, and none is stored", async () => {
  const site = await startSite();
  await site.mock.close();
  expect((await warm(site, [path(1), path(2)])).json()).toMatchObject({
    requested: 2,
    warmed: 0,
    failed: [{ detail: "answered 502" }, { detail: "answered 502" }],
  });
  expect((await site.admin("/stats")).json()).toMatchObject({ entries: 0 });
});

it("an origin's own URL means the same as the path alone", async () => {
  const site = await startSite();
  await warm(site, [`${site.mock.urls[0]}${path(1)}`]);
  expect((await warm(site, [path(1)])).json()).toMatchObject({ warmed: 1 });
  expect((await site.counts()).total).toBe(1);
});

it("what was warmed on one instance is in Redis for all", async () => {
  await using redis = await startRedis();
  const a = await startSite({ redisUrl: redis.url });
  await a.proxy.warm([`http://shop.test${path(1)}`]);
  await a.until("it is stored", () => a.events.some((event) => event.type === "stored"));
  const b = await startSite({ redisUrl: redis.url, beside: a });
  expect((await b.get(path(1), { Host: "shop.test" })).cache).toBe("HIT/HIT");
  expect((await a.counts()).total).toBe(1);
});

it("a body that never ends and is not stored keeps nobody waiting, and its origin's connection ends", async () => {
  let closed = false;
  const origin = await startOrigin((_, response) => {
    response.once("close", () => {
      closed = true;
    });
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: 1\n\n");
  });
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  expect((await warm(site, ["/events"])).json()).toEqual({
    requested: 1,
    warmed: 0,
    failed: [{ url: "/events", detail: "not stored: event-stream" }],
  });
  await site.until("the origin is told", () => closed);
});
