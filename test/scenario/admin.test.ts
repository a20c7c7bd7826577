import type { ServerResponse } from "node:http";
import { expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { startSite } from "./site.ts";

const DATA = "/data?id=1&cache-control=max-age=5";

/** As long as events are told after the answer, a count may come a moment later. */
async function statsOf(site: Awaited<ReturnType<typeof startSite>>, requests: number) {
  const read = async () => (await site.admin("/stats")).json<Record<string, number>>();
  await site.until(`${requests} requests are counted`, async () => (await read())["requests"] === requests);
  return read();
}

it("/stats counts what happened, and its numbers add up", async () => {
  const site = await startSite({ standingClock: true });
  expect(await statsOf(site, 0)).toMatchObject({ hits: 0, misses: 0, hit_rate: 0, entries: 0, bytes: 0 });
  const windows = "/data?id=2&cache-control=max-age=5,stale-while-revalidate=5,stale-if-error=60";
  await site.get(DATA); // MISS
  await site.get(windows); // MISS
  for (let i = 0; i < 5; i++) await site.get(DATA); // HIT
  site.advance(6);
  await site.get(DATA); // REVALIDATED
  await site.get(windows); // UPDATING
  await site.until("it is refreshed", () => site.events.some((event) => event.type === "refreshed"));
  await site.origin("/data?id=1", { method: "PUT" });
  site.advance(6);
  await site.get(DATA); // EXPIRED
  await site.ask("/echo", { method: "POST", body: "x" }); // BYPASS
  await site.behave({ status: 503 });
  site.advance(20);
  await site.get(windows); // STALE
  await site.get(DATA); // 502
  const stats = await statsOf(site, 13);
  expect(stats).toMatchObject({
    requests: 13,
    hits: 8,
    misses: 4,
    bypassed: 1,
    hit_rate: 8 / 12,
    by_cache: { HIT: 5, UPDATING: 1, STALE: 1, REVALIDATED: 1, EXPIRED: 2, MISS: 2, BYPASS: 1 },
    entries: 2,
    evictions: 0,
    coalesced: 0,
    stale_served: 2,
    revalidated: 1,
    background_refreshes: 1,
    origin_requests: 8,
    origin_failures: 0,
    stored: 3,
    errors: 1,
  });
  expect(stats["bytes"]).toBeGreaterThan(0);
  // The PUT went past the proxy.
  expect((await site.counts()).total).toBe(8 + 1);
});

it("/metrics is the Prometheus text format, line by line, and says the same", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  await site.get(DATA);
  site.advance(6);
  await site.get(DATA);
  await statsOf(site, 3);
  const answer = await site.admin("/metrics");
  expect(answer.header("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const labels = String.raw`\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\}`;
  const sample = new RegExp(`^[a-z_][a-z0-9_]*(?:${labels})? (?:[-+]?[0-9.e+-]+|NaN|[+-]Inf)$`, "i");
  const lines = answer.text.trimEnd().split("\n");
  expect(
    lines.filter((line) => !/^# (?:HELP|TYPE) \S+ ./.test(line) && line !== "" && !sample.test(line)),
  ).toEqual([]);
  expect(lines).toEqual(
    expect.arrayContaining([
      'freshline_requests_total{cache="MISS",tier="origin",route="other"} 1',
      'freshline_requests_total{cache="HIT",tier="memory",route="other"} 1',
      'freshline_requests_total{cache="REVALIDATED",tier="none",route="other"} 1',
      'freshline_revalidations_total{result="validated"} 1',
      `freshline_origin_healthy{origin="${site.mock.urls[0]}"} 1`,
      `freshline_origin_requests_total{origin="${site.mock.urls[0]}",code_class="2xx",code="200"} 1`,
      `freshline_origin_requests_total{origin="${site.mock.urls[0]}",code_class="3xx",code="304"} 1`,
      'freshline_entries{tier="memory"} 1',
    ]),
  );
  // Every series belongs to a metric that is described.
  const described = new Set(lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []));
  const names = lines.filter((line) => sample.test(line)).map((line) => line.replace(/[{ ].*$/, ""));
  const base = (name: string) => (described.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ""));
  expect(names.filter((name) => !described.has(base(name)))).toEqual([]);
});

it("it is alive as long as it serves, and ready only with a healthy origin", async () => {
  const site = await startSite({ origins: 2, settings: { HEALTH_CHECK_INTERVAL: "25ms" } });
  const status = async (path: string) => (await site.admin(path)).status;
  expect(await status("/health/ready")).toBe(200);
  await site.origin("/behavior", { method: "PUT", body: '{"healthy":false}' }, 0);
  await site.until("one is out", () => site.events.some((event) => event.type === "origin-health"));
  expect(await status("/health/ready")).toBe(200);
  await site.behave({ healthy: false });
  await site.until("it is not ready", async () => (await status("/health/ready")) === 503);
  expect((await site.admin("/health/ready")).json()).toEqual({ ready: false, detail: "no healthy origin" });
  expect(await status("/health/live")).toBe(200);
  await site.behave({ healthy: true });
  await site.until("it is ready again", async () => (await status("/health/ready")) === 200);
});

it("DELETE /cache/<path?query> makes the next request a MISS, and only of that URL", async () => {
  const site = await startSite();
  const path = "/data?id=1&cache-control=stale-if-error=60,max-age=60";
  const other = "/data?id=1&cache-control=max-age=60";
  await site.get(path);
  await site.get(other);
  expect((await site.get(path)).cache).toBe("HIT/HIT");
  const purged = await site.admin(`/cache${path}`, { method: "DELETE" });
  expect(purged.status).toBe(200);
  expect(purged.json()).toMatchObject({ shared: false, instances: 1, acked: 1, missing: [] });
  expect((await site.get(path)).cache).toBe("MISS/MISS");
  expect((await site.get(other)).cache).toBe("HIT/HIT");
});

it("a purged response is not served stale when the origin fails", async () => {
  const site = await startSite();
  const path = "/data?id=1&cache-control=stale-if-error=60,max-age=60";
  await site.get(path);
  await site.admin(`/cache${path}`, { method: "DELETE" });
  await site.behave({ status: 503 });
  expect((await site.get(path)).status).toBe(503);
});

it("a purge also covers what is being fetched", async () => {
  const held: ServerResponse[] = [];
  const origin = await startOrigin((_request, response) => held.push(response));
  const site = await startSite({ settings: { ORIGINS: origin.url } });
  const old = site.get("/page", { Host: "shop.test" });
  await site.until("the origin has been asked", () => held.length === 1);
  await site.admin("/cache/page", { method: "DELETE", headers: { "X-Host": "shop.test" } });
  held[0]!.writeHead(200, { "Cache-Control": "max-age=60" }).end("old");
  expect((await old).text).toBe("old");
  const next = site.get("/page", { Host: "shop.test" });
  await site.until("the origin has been asked again", () => held.length === 2);
  held[1]!.writeHead(200, { "Cache-Control": "max-age=60" }).end("new");
  expect((await next).text).toBe("new");
  expect((await site.get("/page", { Host: "shop.test" })).text).toBe("new");
});

it("POST /purge purges everything, or the URLs that it names", async () => {
  const site = await startSite();
  const paths = [1, 2, 3].map((id) => `/data?id=${id}&cache-control=max-age=60`);
  const seen = async () => Promise.all(paths.map(async (path) => (await site.get(path)).cache));
  const purge = (body: object) => site.admin("/purge", { method: "POST", body: JSON.stringify(body) });
  await seen();
  expect((await purge({ urls: [paths[1]] })).status).toBe(200);
  expect(await seen()).toEqual(["HIT/HIT", "MISS/MISS", "HIT/HIT"]);
  expect((await purge({ everything: true })).json()).toMatchObject({ epoch: expect.any(Number) });
  expect(await seen()).toEqual(["MISS/MISS", "MISS/MISS", "MISS/MISS"]);
  expect((await purge({})).status).toBe(400);
  expect(await seen()).toEqual(["HIT/HIT", "HIT/HIT", "HIT/HIT"]);
});

it("the proxied port has no admin endpoints: such paths are the origin's", async () => {
  const site = await startSite();
  for (const path of ["/stats", "/metrics", "/origins", "/health/live", "/health/ready"]) {
    const answer = await site.get(path);
    expect({ path, status: answer.status, port: answer.header("x-mock-port") }).toEqual({
      path,
      status: 404,
      port: String(site.mock.ports[0]),
    });
  }
  await site.get(DATA);
  expect((await site.ask(`/cache${DATA}`, { method: "DELETE" })).status).toBe(404);
  expect((await site.get(DATA)).cache).toBe("HIT/HIT");
});
