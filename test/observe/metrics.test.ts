import { expect, test } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { METRICS } from "../../src/observe/metric-table.ts";
import { createMetrics, type Metrics } from "../../src/observe/metrics.ts";
import { anAnswer, MISS } from "./an-event.ts";

const NO_MEMORY = { entries: 0, bytes: 0, evictions: 0 };
const ORIGIN = "http://127.0.0.1:4001";
const origin200: CacheEvent = {
  type: "origin-answered",
  origin: ORIGIN,
  status: 200,
  headMs: 20,
  conditional: false,
};

/** The sample lines of our own metrics. */
async function samples(metrics: Metrics): Promise<string[]> {
  const text = await metrics.text();
  return text.split("\n").filter((line) => line.startsWith("freshline_"));
}

test("requests are counted by X-Cache word and by where the body came from", async () => {
  const metrics = createMetrics({ memory: () => NO_MEMORY });
  metrics.listen(anAnswer());
  metrics.listen(anAnswer());
  metrics.listen(anAnswer({ tier: "redis" }));
  metrics.listen(anAnswer({ outcome: MISS, tier: "redis" }));
  metrics.listen(
    anAnswer({ status: 502, outcome: { word: "MISS", body: "none", reason: "no_healthy_origin" } }),
  );

  const expected = [
    'freshline_requests_total{cache="HIT",tier="memory"} 2',
    'freshline_requests_total{cache="HIT",tier="redis"} 1',
    'freshline_requests_total{cache="MISS",tier="origin"} 1',
    'freshline_requests_total{cache="MISS",tier="none"} 1',
    'freshline_request_reasons_total{reason="no_healthy_origin"} 1',
  ];
  expect(await samples(metrics)).toEqual(expect.arrayContaining(expected));
  // A scrape reads; it does not count again.
  expect(await samples(metrics)).toEqual(expect.arrayContaining(expected));
});

test("the duration histogram is cumulative, in seconds, from 50 µs", async () => {
  const metrics = createMetrics({ memory: () => NO_MEMORY });
  for (const durationMs of [0.05, 0.06, 3, 20_000]) metrics.listen(anAnswer({ durationMs }));

  const lines = (await samples(metrics)).filter((line) => line.includes("request_duration_seconds"));
  const value = (suffix: string) =>
    lines.find((line) => line.startsWith(`freshline_request_duration_seconds_${suffix} `))?.split(" ")[1];
  expect(value('bucket{le="0.00005",cache="HIT"}')).toBe("1");
  expect(value('bucket{le="0.0001",cache="HIT"}')).toBe("2");
  expect(value('bucket{le="0.0025",cache="HIT"}')).toBe("2");
  expect(value('bucket{le="0.005",cache="HIT"}')).toBe("3");
  expect(value('bucket{le="10",cache="HIT"}')).toBe("3");
  expect(value('bucket{le="+Inf",cache="HIT"}')).toBe("4");
  expect(value('count{cache="HIT"}')).toBe("4");
  expect(Number(value('sum{cache="HIT"}'))).toBeCloseTo(20.00311, 9);
  expect(await metrics.text()).toContain("# TYPE freshline_request_duration_seconds histogram");
});

test("origins are counted by class of status code, failures among them, conditional ones by their result", async () => {
  const metrics = createMetrics({ memory: () => NO_MEMORY });
  metrics.listen(origin200);
  metrics.listen({ ...origin200, status: 304, conditional: true });
  metrics.listen({ ...origin200, status: 200, conditional: true });
  metrics.listen({ ...origin200, status: 503, conditional: true });
  metrics.listen({ ...origin200, status: 999 });
  metrics.listen({ type: "origin-failed", origin: ORIGIN, code: "reset", message: "" });
  metrics.listen({ type: "origin-failed", origin: undefined, code: "no-healthy-origin", message: "" });
  // One that was counted as answered, and broke off.
  metrics.listen({ type: "origin-failed", origin: ORIGIN, code: "reset", message: "", answered: true });

  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="2xx"} 2`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="3xx"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="5xx"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="other"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="error"} 1`,
      `freshline_origin_requests_total{origin="none",code_class="error"} 1`,
      `freshline_origin_failures_total{origin="${ORIGIN}",code="reset"} 2`,
      `freshline_origin_failures_total{origin="none",code="no-healthy-origin"} 1`,
      'freshline_revalidations_total{result="validated"} 1',
      'freshline_revalidations_total{result="replaced"} 1',
      'freshline_revalidations_total{result="failed"} 1',
      `freshline_origin_request_duration_seconds_count{origin="${ORIGIN}"} 5`,
      `freshline_origin_request_duration_seconds_bucket{le="0.025",origin="${ORIGIN}"} 5`,
      `freshline_origin_request_duration_seconds_bucket{le="0.01",origin="${ORIGIN}"} 0`,
    ]),
  );
});

test("every other event has its metric", async () => {
  const metrics = createMetrics({ memory: () => ({ entries: 3, bytes: 300, evictions: 7 }) });
  metrics.listen(anAnswer({ outcome: { ...MISS, collapsed: true } }));
  metrics.listen({ type: "origin-health", origin: ORIGIN, healthy: true, detail: "" });
  metrics.listen({ type: "origin-health", origin: "http://127.0.0.1:4002", healthy: false, detail: "" });
  metrics.listen({ type: "not-stored", key: "k", reason: "set-cookie" });
  metrics.listen({ type: "refreshed", key: "k", result: "dropped" });
  metrics.listen({ type: "purged", target: { type: "everything" }, mode: "delete", epoch: 1 });
  metrics.listen({ type: "purged", target: { type: "url", key: "k" }, mode: "invalidate", epoch: 2 });
  metrics.listen({ type: "store-failed", tier: "redis", operation: "put", code: "timeout", message: "" });
  metrics.listen({ type: "store-state", up: true, detail: "" });
  metrics.listen({ type: "foreign-value", key: "k", detail: "" });

  const expected = [
    "freshline_coalesced_requests_total 1",
    `freshline_origin_healthy{origin="${ORIGIN}"} 1`,
    'freshline_origin_healthy{origin="http://127.0.0.1:4002"} 0',
    'freshline_not_stored_total{reason="set-cookie"} 1',
    'freshline_background_refreshes_total{result="dropped"} 1',
    'freshline_purges_total{type="everything",mode="delete"} 1',
    'freshline_purges_total{type="url",mode="invalidate"} 1',
    'freshline_store_errors_total{tier="redis",operation="put"} 1',
    "freshline_store_up 1",
    "freshline_foreign_values_total 1",
    'freshline_entries{tier="memory"} 3',
    'freshline_bytes{tier="memory"} 300',
    "freshline_evictions_total 7",
  ];
  expect(await samples(metrics)).toEqual(expect.arrayContaining(expected));
  expect(await samples(metrics)).toEqual(expect.arrayContaining(expected));
  metrics.listen({ type: "store-state", up: false, detail: "" });
  expect(await samples(metrics)).toContain("freshline_store_up 0");
});

test("how purges travel is measured where there are others, and nothing said of it where there are none", async () => {
  const url = { type: "purged", target: { type: "url", key: "k" }, mode: "delete", epoch: 2 } as const;
  const alone = createMetrics({ memory: () => NO_MEMORY });
  alone.listen({ ...url, travelledMs: 3 });
  expect((await samples(alone)).filter((line) => /purge_(propagation|log)/.test(line))).toEqual([]);
  let behindMs = Number.POSITIVE_INFINITY;
  const metrics = createMetrics({ memory: () => NO_MEMORY, purgesBehindMs: () => behindMs });
  metrics.listen(url);
  metrics.listen({ ...url, travelledMs: 3 });
  metrics.listen({ ...url, travelledMs: 32 });
  const log = async () => (await samples(metrics)).filter((line) => line.startsWith("freshline_purge_log"));
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'freshline_purge_propagation_seconds_bucket{le="0.0025"} 0',
      'freshline_purge_propagation_seconds_bucket{le="0.005"} 1',
      "freshline_purge_propagation_seconds_count 2",
      "freshline_purge_propagation_seconds_sum 0.035",
    ]),
  );
  expect(await log()).toEqual(["freshline_purge_log_attached 0", "freshline_purge_log_behind_seconds +Inf"]);
  behindMs = 0;
  expect(await log()).toEqual(["freshline_purge_log_attached 1", "freshline_purge_log_behind_seconds 0"]);
  behindMs = 2500;
  expect(await log()).toEqual(["freshline_purge_log_attached 0", "freshline_purge_log_behind_seconds 2.5"]);
});

test("health is read at the scrape when it can be", async () => {
  let healthy = true;
  const metrics = createMetrics({ memory: () => NO_MEMORY, origins: () => [{ origin: ORIGIN, healthy }] });
  expect(await samples(metrics)).toContain(`freshline_origin_healthy{origin="${ORIGIN}"} 1`);
  healthy = false;
  expect(await samples(metrics)).toContain(`freshline_origin_healthy{origin="${ORIGIN}"} 0`);
});

test("a hostile origin name cannot make more series than the bound", async () => {
  const metrics = createMetrics({ memory: () => NO_MEMORY });
  for (let i = 0; i < 2_000; i++) metrics.listen({ ...origin200, origin: `http://10.0.0.1:${i}` });
  const lines = (await samples(metrics)).filter((line) => line.startsWith("freshline_origin_requests_total"));
  expect(lines).toHaveLength(256 + 1);
  expect(lines).toContain('freshline_origin_requests_total{origin="other",code_class="2xx"} 1744');
});

test("every metric of the table is there with its help, and the process's own beside them", async () => {
  const metrics = createMetrics({ memory: () => NO_MEMORY, purgesBehindMs: () => 0 });
  const text = await metrics.text();
  for (const { name, help } of Object.values(METRICS)) expect(text).toContain(`# HELP ${name} ${help}\n`);
  const ours = [...text.matchAll(/^# TYPE (freshline_\S+)/gm)].map((match) => match[1]).sort();
  expect(ours).toEqual(
    Object.values(METRICS)
      .map(({ name }) => name as string)
      .sort(),
  );
  expect(text).toContain("process_resident_memory_bytes ");
});

test("two instances in one process do not meet", async () => {
  const one = createMetrics({ memory: () => NO_MEMORY });
  const other = createMetrics({ memory: () => NO_MEMORY });
  one.listen(anAnswer());
  expect((await samples(other)).some((line) => line.startsWith("freshline_requests_total"))).toBe(false);
});
