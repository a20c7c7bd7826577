import { expect, test } from "vitest";
import { METRICS } from "../../src/observe/metric-table.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { memory, metricsOf, ORIGIN, samplesOf } from "./a-scrape.ts";
import { anAnswer, MISS } from "./an-event.ts";

test("every other event has its metric", async () => {
  const metrics = metricsOf(
    [
      anAnswer({ outcome: { ...MISS, reason: "set-cookie" } }),
      { type: "not-stored", key: "k", reason: "cut-off" },
      { type: "stored", key: "k", bytes: 3, until: 9, epoch: 1, tags: [] },
      { type: "refreshed", key: "k", result: "dropped" },
      { type: "purged", target: { type: "everything" }, mode: "delete", epoch: 1 },
      { type: "purged", target: { type: "url", key: "k" }, mode: "invalidate", epoch: 2 },
      { type: "store-failed", tier: "redis", operation: "put", code: "timeout", message: "" },
      { type: "store-asked", tier: "redis", operation: "lookup", ms: 0.7 },
      { type: "store-state", up: true, detail: "" },
      { type: "foreign-value", key: "k", detail: "" },
      { type: "connection-refused", answered: true },
      { type: "connection-refused", answered: false },
      { type: "connection-refused", answered: false },
      { type: "spans-lost", spans: 3, detail: "" },
    ],
    { memory: () => ({ entries: 3, bytes: 300, evictions: 7, expired: 5, purged: 2 }) },
  );
  const expected = [
    'freshline_not_stored_total{reason="set-cookie"} 1',
    'freshline_not_stored_total{reason="cut-off"} 1',
    "freshline_stored_total 1",
    'freshline_background_refreshes_total{result="dropped"} 1',
    'freshline_purges_total{type="everything",mode="delete"} 1',
    'freshline_purges_total{type="url",mode="invalidate"} 1',
    'freshline_store_errors_total{tier="redis",operation="put"} 1',
    'freshline_store_duration_seconds_bucket{le="0.0005",tier="redis",operation="lookup"} 0',
    'freshline_store_duration_seconds_bucket{le="0.001",tier="redis",operation="lookup"} 1',
    "freshline_store_up 1",
    "freshline_foreign_values_total 1",
    'freshline_connections_refused_total{answered="yes"} 1',
    'freshline_connections_refused_total{answered="no"} 2',
    "freshline_spans_lost_total 3",
    'freshline_entries{tier="memory"} 3',
    'freshline_bytes{tier="memory"} 300',
    'freshline_evictions_total{tier="memory",cause="room"} 7',
    'freshline_evictions_total{tier="memory",cause="expired"} 5',
    'freshline_evictions_total{tier="memory",cause="purged"} 2',
  ];
  expect(await samplesOf(metrics)).toEqual(expect.arrayContaining(expected));
  // A scrape reads; it does not count again.
  expect(await samplesOf(metrics)).toEqual(expect.arrayContaining(expected));
  metrics.listen({ type: "store-state", up: false, detail: "" });
  expect(await samplesOf(metrics)).toContain("freshline_store_up 0");
});

test("how purges travel is measured where there are others, and nothing said of it where there are none", async () => {
  const url = { type: "purged", target: { type: "url", key: "k" }, mode: "delete", epoch: 2 } as const;
  const alone = metricsOf([{ ...url, travelledMs: 3 }]);
  expect((await samplesOf(alone)).filter((line) => /purge_(propagation|log)/.test(line))).toEqual([]);
  let behindMs = Number.POSITIVE_INFINITY;
  const metrics = metricsOf([url, { ...url, travelledMs: 3 }, { ...url, travelledMs: 32 }], {
    purgesBehindMs: () => behindMs,
  });
  const log = () => samplesOf(metrics, "freshline_purge_log");
  expect(await samplesOf(metrics)).toEqual(
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

test("what the shared store holds is asked at every scrape, and left out where it does not say", async () => {
  let load: () => Promise<{ keys: number; usedBytes: number; maxBytes: number | null }>;
  load = async () => ({ keys: 5, usedBytes: 1000, maxBytes: 4000 });
  const metrics = metricsOf([], { load: () => load() });
  const told = async () =>
    (await samplesOf(metrics, "freshline_store_")).filter((line) =>
      /_(?:keys|used_bytes|max_bytes)\{/.test(line),
    );
  expect(await told()).toEqual([
    'freshline_store_keys{tier="redis"} 5',
    'freshline_store_used_bytes{tier="redis"} 1000',
    'freshline_store_max_bytes{tier="redis"} 4000',
  ]);
  load = async () => ({ keys: 6, usedBytes: 2000, maxBytes: null });
  expect(await told()).toEqual([
    'freshline_store_keys{tier="redis"} 6',
    'freshline_store_used_bytes{tier="redis"} 2000',
  ]);
  load = () => Promise.reject(new Error("away"));
  expect(await told()).toEqual([]);
});

test("every metric of the table is there with its help and kind, and the process's own beside them", async () => {
  const load = async () => ({ keys: 1, usedBytes: 2, maxBytes: 3 });
  const metrics = metricsOf([], { purgesBehindMs: () => 0, load });
  const text = await metrics.text();
  for (const { name, help, kind } of Object.values(METRICS)) {
    expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`);
  }
  const ours = [...text.matchAll(/^# TYPE (freshline_\S+)/gm)].map((match) => match[1]).sort();
  expect(ours).toEqual(
    Object.values(METRICS)
      .map(({ name }) => name as string)
      .sort(),
  );
  expect(text).toContain("\nprocess_resident_memory_bytes ");
  expect(text).toContain("\nnodejs_eventloop_lag_p99_seconds ");
});

test("every series has the labels that the table says, and no label is a URL", async () => {
  const uri = "http://shop.example/private/orders?id=77";
  const metrics = metricsOf(
    [
      anAnswer({ uri }),
      anAnswer({ uri, outcome: { ...MISS, collapsed: true } }),
      { type: "coalesced", key: uri, scope: "process", waitedMs: 3 },
      { type: "origin-answered", origin: ORIGIN, status: 200, headMs: 1, conditional: true },
      { type: "origin-failed", origin: ORIGIN, code: "timeout", message: uri },
      { type: "not-stored", key: uri, reason: "cut-off" },
      { type: "purged", target: { type: "url", key: uri }, mode: "delete", epoch: 1, travelledMs: 1 },
      { type: "store-asked", tier: "redis", operation: "lookup", ms: 1 },
      { type: "store-failed", tier: "redis", operation: "lookup", code: "timeout", message: uri },
      { type: "foreign-value", key: uri, detail: uri },
    ],
    {
      purgesBehindMs: () => 0,
      load: async () => ({ keys: 1, usedBytes: 2, maxBytes: 3 }),
      routes: ["/private/"],
    },
  );
  const rows = new Map<string, readonly string[]>(
    Object.values(METRICS).map(({ name, labels }) => [name, labels]),
  );
  const families = (await metrics.families()).filter(({ name }) => rows.has(name));
  expect(families).toHaveLength(rows.size);
  for (const { name, values } of families) {
    for (const { labels } of values) {
      const names = Object.keys(labels).filter((label) => label !== "le");
      expect([name, names.sort()]).toEqual([name, [...(rows.get(name) ?? [])].sort()]);
    }
  }
  expect(await metrics.text()).not.toContain("orders");
});

test("certificates are there by name, the first to end where two have the same, and none that is gone", async () => {
  let shown = [
    { subject: "DNS:a.example", validTo: 2_000_000_000_000 },
    { subject: "DNS:a.example", validTo: 1_900_000_000_500 },
    { subject: `DNS:${"b".repeat(300)}`, validTo: 1_950_000_000_000 },
  ];
  const metrics = createMetrics({ memory, certificates: () => shown });
  const expiries = async () => {
    const seen = await samplesOf(metrics, "freshline_certificate_expiry_timestamp_seconds");
    return seen.map((line) => line.slice(line.indexOf("{")));
  };
  expect(await expiries()).toEqual([
    '{name="DNS:a.example"} 1900000000.5',
    `{name="DNS:${"b".repeat(124)}"} 1950000000`,
  ]);
  shown = [];
  expect(await expiries()).toEqual([]);
});

test("two instances in one process do not meet", async () => {
  metricsOf([anAnswer()]);
  expect(await samplesOf(createMetrics({ memory }), "freshline_requests_total")).toEqual([]);
});
