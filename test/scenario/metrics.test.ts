import { expect, it } from "vitest";
import { freePort } from "../free-port.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { get, startFleet } from "./fleet.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const STORED = "cache-control=max-age=3600";

/** The value of a series, 0 where there is none. */
async function counted(site: Site, series: string): Promise<number> {
  const { text } = await site.admin("/metrics");
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}
const until = (site: Site, series: string, value: number) =>
  site.until(`${series} is ${value}`, async () => (await counted(site, series)) === value);

it("routes have counts of their own, of hits on the plain lane as of other answers", async () => {
  const site = await startSite({ settings: { METRICS_ROUTES: "/data?id=1,/data" } });
  await site.get(`/data?id=1&${STORED}`);
  await site.get(`/data?id=1&${STORED}`);
  await site.get(`/data?id=2&${STORED}`);
  await site.get("/health-check");
  const requests = (cache: string, tier: string, route: string) =>
    `freshline_requests_total{cache="${cache}",tier="${tier}",route="${route}"}`;
  await until(site, requests("MISS", "origin", "other"), 1);
  await until(site, requests("MISS", "origin", "/data?id=1"), 1);
  await until(site, requests("HIT", "memory", "/data?id=1"), 1);
  await until(site, requests("MISS", "origin", "/data"), 1);
  const saved = (unit: string) => `freshline_saved_origin_${unit}_total{route="/data?id=1"}`;
  expect(await counted(site, saved("requests"))).toBe(1);
  expect(await counted(site, saved("bytes"))).toBeGreaterThan(0);
  expect(await counted(site, saved("seconds"))).toBeGreaterThan(0);
  expect(await counted(site, 'freshline_misses_total{reason="uri-miss"}')).toBeGreaterThan(0);
});

it("who asks for OpenMetrics gets it, whole", async () => {
  const site = await startSite();
  const answer = await site.admin("/metrics", { headers: { Accept: "application/openmetrics-text" } });
  expect(answer.header("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(answer.text).toMatch(/^# TYPE freshline_requests counter$/m);
  expect(answer.text.endsWith("\n# EOF\n")).toBe(true);
});

it("an exemplar is of the trace that the client's request was a part of", async () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  // Nobody collects them: what is traced is known all the same.
  const collector = `http://127.0.0.1:${await freePort()}`;
  const site = await startSite({ settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector } });
  await site.get(`/data?id=1&${STORED}`, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
  const exemplar = `} 1 # {trace_id="${trace}"} `;
  await site.until("it is there", async () => {
    const { text } = await site.admin("/metrics", { headers: { Accept: "application/openmetrics-text" } });
    return text.includes(exemplar);
  });
  expect((await site.admin("/metrics")).text).not.toContain(trace);
});

it("a fetch that two instances share is told by who has waited, and Redis by what it was asked for", async () => {
  const { sites, asked, held, waiting } = await startFleet(redis, 2);
  const [a, b] = sites;
  const first = get(a, "/x");
  await asked(1);
  const others = [get(b, "/x"), get(b, "/x"), get(a, "/x")];
  await waiting("/x", 1);
  held[0]!.writeHead(200, { "Cache-Control": "max-age=60" });
  held[0]!.end("body");
  for (const { text } of await Promise.all([first, ...others])) expect(text).toBe("body");
  const coalesced = (scope: string) => `freshline_coalesced_requests_total{scope="${scope}"}`;
  await until(b, coalesced("cluster"), 1);
  const waits = 'freshline_coalesce_wait_seconds_count{scope="cluster"}';
  expect(await counted(b, waits)).toBe(1);
  expect(await counted(a, coalesced("cluster"))).toBe(0);
  const took = (operation: string) =>
    `freshline_store_duration_seconds_count{tier="redis",operation="${operation}"}`;
  expect(await counted(a, took("lookup"))).toBeGreaterThan(0);
  await until(a, took("put"), 1);
  expect(await counted(a, took("lease"))).toBeGreaterThan(0);
  expect(await counted(b, took("put"))).toBe(0);
});
