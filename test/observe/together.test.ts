import { expect, test } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { createStats } from "../../src/observe/stats.ts";
import { type Reading, Together } from "../../src/observe/together.ts";
import { anAnswer, MISS } from "./an-event.ts";

const memory = () => ({ entries: 2, bytes: 100, evictions: 1, expired: 0, purged: 0 });

/** A worker that counts, and what it says of that. */
function aWorker(behindMs = 0) {
  const stats = createStats({ memory, now: () => 0 });
  const metrics = createMetrics({ memory, origins: () => [], purgesBehindMs: () => behindMs });
  return {
    count(...events: CacheEvent[]) {
      for (const event of events) for (const { listen } of [stats, metrics]) listen(event);
    },
    async reading(): Promise<Reading> {
      // As it arrives from another process.
      return structuredClone({ stats: stats.read(), metrics: await metrics.families() });
    },
  };
}

const aTogether = (pids: number[] = [1, 2]) =>
  new Together<string>(
    () => pids,
    () => 0,
  );
const sample = async (together: Together<string>, name: string) =>
  (await together.metricsText())
    .split("\n")
    .filter((line) => line.startsWith(name))
    .map((line) => line.split(" ")[1]);
const up: CacheEvent = { type: "store-state", up: true, detail: "" };

test("counts are added, and rates are made of the sums", async () => {
  const together = aTogether();
  const [a, b] = [aWorker(), aWorker()];
  a.count(anAnswer(), anAnswer(), anAnswer());
  b.count(anAnswer({ outcome: MISS }), { type: "not-stored", key: "k", reason: "no-store" });
  together.read("a", await a.reading());
  together.read("b", await b.reading());
  expect(together.stats()).toMatchObject({
    requests: 4,
    hits: 3,
    misses: 1,
    hit_rate: 0.75,
    entries: 4,
    bytes: 200,
    evictions: 2,
    by_cache: { HIT: 3, MISS: 1 },
    not_stored: { "no-store": 1 },
    workers: { running: 2, died: 0, pids: [1, 2] },
  });
  expect(await sample(together, 'freshline_requests_total{cache="HIT"')).toEqual(["3"]);
  expect(await sample(together, "freshline_request_duration_seconds_count")).toEqual(["3", "1"]);
  expect(await sample(together, "freshline_entries")).toEqual(["4"]);
  expect(await sample(together, "freshline_workers")).toEqual(["2"]);
});

test("a reading takes the place of the one before it", async () => {
  const together = aTogether();
  const a = aWorker();
  a.count(anAnswer());
  together.read("a", await a.reading());
  a.count(anAnswer());
  together.read("a", await a.reading());
  expect(together.stats().requests).toBe(2);
});

test("states are not added: the worst of them counts", async () => {
  const together = aTogether();
  const [a, b] = [aWorker(0), aWorker(4000)];
  a.count(up);
  together.read("a", await a.reading());
  together.read("b", await b.reading());
  expect(together.stats().store.up).toBe(false);
  expect(await sample(together, "freshline_store_up")).toEqual(["0"]);
  expect(await sample(together, "freshline_purge_log_attached")).toEqual(["0"]);
  expect(await sample(together, "freshline_purge_log_behind_seconds")).toEqual(["4"]);
  b.count(up);
  together.read("b", await b.reading());
  expect(together.stats().store.up).toBe(true);
});

test("a purge that both have heard of is one purge", async () => {
  const together = aTogether();
  for (const name of ["a", "b"]) {
    const worker = aWorker();
    worker.count({ type: "purged", target: { type: "everything" }, mode: "delete", epoch: 1 });
    together.read(name, await worker.reading());
  }
  expect(await sample(together, "freshline_purges_total")).toEqual(["1"]);
});

test("what workers counted that are gone stays, and what they held does not", async () => {
  const together = aTogether();
  for (const [name, died] of [
    ["a", false],
    ["b", true],
    ["c", true],
  ] as const) {
    const worker = aWorker();
    worker.count(anAnswer());
    together.read(name, await worker.reading());
    together.gone(name, died);
  }
  const d = aWorker();
  d.count(anAnswer(), up);
  together.read("d", await d.reading());
  expect(together.stats()).toMatchObject({
    requests: 4,
    hit_rate: 1,
    entries: 2,
    bytes: 100,
    evictions: 4,
    store: { up: true },
    workers: { died: 2 },
  });
  expect(await sample(together, "freshline_requests_total")).toEqual(["4"]);
  expect(await sample(together, "freshline_request_duration_seconds_sum")).toHaveLength(1);
  expect(await sample(together, "freshline_request_duration_seconds_count")).toEqual(["4"]);
  expect(await sample(together, "freshline_entries")).toEqual(["2"]);
  expect(await sample(together, "freshline_worker_deaths_total")).toEqual(["2"]);
});

test("without any worker there is nothing, and no store", () => {
  expect(aTogether([]).stats()).toMatchObject({ requests: 0, hit_rate: 0, entries: 0, store: { up: false } });
});

test("a histogram's newest exemplar is the exemplar of all, and the slowest event loop is theirs", async () => {
  const together = aTogether();
  const traces = { a: "a".repeat(32), b: "b".repeat(32), c: "c".repeat(32) };
  for (const [name, at] of [
    ["a", 1000],
    ["b", 3000],
    ["c", 2000],
  ] as const) {
    const metrics = createMetrics({ memory, now: () => at });
    metrics.listen(anAnswer({ traceId: traces[name], durationMs: 0.0625 }));
    const families = (await metrics.families()).map((family) =>
      family.name === "nodejs_eventloop_lag_p99_seconds"
        ? { ...family, values: [{ labels: {}, value: at }] }
        : family,
    );
    const stats = createStats({ memory, now: () => 0 }).read();
    together.read(name, structuredClone({ stats, metrics: families }));
  }
  const lines = (await together.metricsText("openmetrics")).split("\n");
  expect(lines.filter((line) => line.includes(" # {"))).toEqual([
    `freshline_request_duration_seconds_bucket{le="0.0001",cache="HIT"} 3 # {trace_id="${traces.b}"} 0.0000625 3`,
  ]);
  expect(await sample(together, "nodejs_eventloop_lag_p99_seconds")).toEqual(["3000"]);
});
