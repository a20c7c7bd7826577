import { describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { memory, metricsOf, samplesOf } from "./a-scrape.ts";
import { type Answered, anAnswer, HIT, MISS } from "./an-event.ts";

const of = (path: string, answer: Partial<Answered> = {}) =>
  anAnswer({ uri: `http://shop.example${path}`, ...answer });

describe("requests", () => {
  it("are counted by X-Cache word and by where the body came from", async () => {
    const metrics = metricsOf([
      anAnswer(),
      anAnswer(),
      anAnswer({ tier: "redis" }),
      anAnswer({ outcome: MISS, tier: "redis" }),
      anAnswer({ status: 502, outcome: { word: "MISS", body: "none", reason: "no_healthy_origin" } }),
    ]);
    const expected = [
      'freshline_requests_total{cache="HIT",tier="memory",route="other"} 2',
      'freshline_requests_total{cache="HIT",tier="redis",route="other"} 1',
      'freshline_requests_total{cache="MISS",tier="origin",route="other"} 1',
      'freshline_requests_total{cache="MISS",tier="none",route="other"} 1',
    ];
    expect(await samplesOf(metrics, "freshline_requests_total")).toEqual(expected);
    expect(await samplesOf(metrics, "freshline_request_reasons_total")).toEqual([
      'freshline_request_reasons_total{reason="no_healthy_origin"} 1',
    ]);
    // A scrape reads; it does not count again.
    expect(await samplesOf(metrics, "freshline_requests_total")).toEqual(expected);
  });

  it("belong to the longest prefix of METRICS_ROUTES that their path begins with", async () => {
    const metrics = metricsOf(
      [
        of("/api/users?x=/img/"),
        of("/api/v2/users"),
        of("/img/a.png"),
        of("/apiary"),
        of(""),
        anAnswer({ uri: "https://a/api/x" }),
        // What could not be read is known by its request-target.
        anAnswer({ uri: "/img/../x", status: 400, outcome: { word: "BYPASS", body: "none" } }),
        anAnswer({ uri: "*", status: 400, outcome: { word: "BYPASS", body: "none" } }),
      ],
      { routes: ["/api/", "/img/", "/api/v2/"] },
    );
    expect((await samplesOf(metrics, "freshline_requests_total")).sort()).toEqual([
      'freshline_requests_total{cache="BYPASS",tier="none",route="/img/"} 1',
      'freshline_requests_total{cache="BYPASS",tier="none",route="other"} 1',
      'freshline_requests_total{cache="HIT",tier="memory",route="/api/"} 2',
      'freshline_requests_total{cache="HIT",tier="memory",route="/api/v2/"} 1',
      'freshline_requests_total{cache="HIT",tier="memory",route="/img/"} 1',
      'freshline_requests_total{cache="HIT",tier="memory",route="other"} 2',
    ]);
  });

  it("of thousands of hosts and paths make no more series than there are routes", async () => {
    const metrics = createMetrics({ memory, routes: ["/a/", "/b/"] });
    for (let i = 0; i < 3_000; i++) {
      const path = ["a", "b", `c${i}`][i % 3];
      metrics.listen(anAnswer({ uri: `http://host-${i}.example/${path}/${i}?q=${i}` }));
    }
    expect(await samplesOf(metrics, "freshline_requests_total")).toHaveLength(3);
    expect(await samplesOf(metrics, "freshline_saved_origin_requests_total")).toEqual([
      'freshline_saved_origin_requests_total{route="/a/"} 1000',
      'freshline_saved_origin_requests_total{route="/b/"} 1000',
      'freshline_saved_origin_requests_total{route="other"} 1000',
    ]);
  });

  it("that the cache had no body for are counted by why, passed ones excepted", async () => {
    const metrics = metricsOf([
      anAnswer(),
      anAnswer({ outcome: MISS }),
      anAnswer({ outcome: { ...MISS, fwd: "vary-miss", reason: "no-store" } }),
      anAnswer({ outcome: { word: "EXPIRED", body: "origin", fwd: "stale", fwdStatus: 200 } }),
      anAnswer({ outcome: { word: "BYPASS", body: "origin", fwd: "method", reason: "method" } }),
      anAnswer({ outcome: { word: "UPDATING", body: "cache", reason: "stale-while-revalidate" } }),
    ]);
    expect(await samplesOf(metrics, "freshline_misses_total")).toEqual([
      'freshline_misses_total{reason="uri-miss"} 1',
      'freshline_misses_total{reason="no-store"} 1',
      'freshline_misses_total{reason="stale"} 1',
    ]);
    // Neither a method that passes nor a reason for serving is one for not storing.
    expect(await samplesOf(metrics, "freshline_not_stored_total")).toEqual([
      'freshline_not_stored_total{reason="no-store"} 1',
    ]);
  });
});

describe("durations", () => {
  it("are cumulative, in seconds, and tell 50 µs from half and twice that", async () => {
    const metrics = metricsOf([0.02, 0.05, 0.06, 3, 20_000].map((durationMs) => anAnswer({ durationMs })));
    const lines = await samplesOf(metrics, "freshline_request_duration_seconds");
    const value = (suffix: string) =>
      lines.find((line) => line.startsWith(`freshline_request_duration_seconds_${suffix} `))?.split(" ")[1];
    expect(value('bucket{le="0.000025",cache="HIT"}')).toBe("1");
    expect(value('bucket{le="0.00005",cache="HIT"}')).toBe("2");
    expect(value('bucket{le="0.0001",cache="HIT"}')).toBe("3");
    expect(value('bucket{le="0.0025",cache="HIT"}')).toBe("3");
    expect(value('bucket{le="0.005",cache="HIT"}')).toBe("4");
    expect(value('bucket{le="10",cache="HIT"}')).toBe("4");
    expect(value('bucket{le="+Inf",cache="HIT"}')).toBe("5");
    expect(value('count{cache="HIT"}')).toBe("5");
    expect(Number(value('sum{cache="HIT"}'))).toBeCloseTo(20.00313, 9);
  });
});

describe("requests that another one's fetch answered", () => {
  it("are counted by how far away that was, with their waits", async () => {
    const coalesced = (scope: "process" | "cluster", waitedMs: number): CacheEvent => ({
      ...{ type: "coalesced", key: "k" },
      ...{ scope, waitedMs },
    });
    const metrics = metricsOf([coalesced("process", 20), coalesced("process", 0), coalesced("cluster", 300)]);
    expect(await samplesOf(metrics, "freshline_coalesce")).toEqual(
      expect.arrayContaining([
        'freshline_coalesced_requests_total{scope="process"} 2',
        'freshline_coalesced_requests_total{scope="cluster"} 1',
        'freshline_coalesce_wait_seconds_bucket{le="0.01",scope="process"} 1',
        'freshline_coalesce_wait_seconds_bucket{le="0.025",scope="process"} 2',
        'freshline_coalesce_wait_seconds_sum{scope="cluster"} 0.3',
      ]),
    );
  });
});

describe("what is saved", () => {
  const saved = async (events: readonly CacheEvent[]) => {
    const lines = await samplesOf(metricsOf(events, { routes: ["/a/"] }), "freshline_saved_origin_");
    return Object.fromEntries(
      lines.map((line) => {
        const [, unit, route, value] = /origin_(\w+)_total\{route="(.*)"\} (.*)/.exec(line) ?? [];
        return [`${route} ${unit}`, Number(value)];
      }),
    );
  };
  const miss = (path: string, headMs: number) => of(path, { outcome: MISS, bytes: 100, headMs });
  const hit = (path: string) => of(path, { outcome: HIT, bytes: 100 });

  it("is for each hit what the route's misses waited for, else those of all routes, else nothing", async () => {
    expect(await saved([hit("/a/1")])).toMatchObject({
      "/a/ requests": 1,
      "/a/ bytes": 100,
      "/a/ seconds": 0,
    });
    const counts = await saved([
      miss("/b", 400),
      // The first of its route: it goes by the others'.
      hit("/a/1"),
      miss("/a/1", 200),
      miss("/a/1", 100),
      hit("/a/1"),
      hit("/a/1"),
    ]);
    expect(counts["/a/ requests"]).toBe(3);
    expect(counts["/a/ bytes"]).toBe(300);
    expect(counts["/a/ seconds"]).toBeCloseTo(0.4 + 0.15 + 0.15, 9);
    expect(counts["other requests"]).toBe(0);
  });

  it("forgets what misses cost long ago", async () => {
    const long = Array.from({ length: 64 }, () => miss("/a/1", 10_000));
    const now = Array.from({ length: 640 }, () => miss("/a/1", 100));
    expect((await saved([...long, ...now, hit("/a/1")]))["/a/ seconds"]).toBeLessThan(0.2);
  });

  it("are requests that share a fetch, and bytes alone where an origin has only validated", async () => {
    const collapsed = { ...MISS, collapsed: true };
    const validated = { word: "REVALIDATED", body: "cache", fwd: "stale", fwdStatus: 304 } as const;
    const passed = { word: "BYPASS", body: "origin", fwd: "method" } as const;
    const counts = await saved([
      miss("/a/1", 200),
      of("/a/1", { outcome: collapsed, bytes: 100, headMs: 50 }),
      of("/a/1", { outcome: validated, bytes: 100 }),
      of("/a/1", { outcome: passed, bytes: 100, headMs: 9000 }),
      hit("/a/1"),
    ]);
    expect(counts).toMatchObject({ "/a/ requests": 2, "/a/ bytes": 300, "/a/ seconds": 0.4 });
  });
});
