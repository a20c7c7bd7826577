import { expect, test } from "vitest";
import { exposed } from "../../src/observe/exposition.ts";
import type { Family } from "../../src/observe/families.ts";
import { metricsOf } from "./a-scrape.ts";
import { anAnswer } from "./an-event.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

test("OpenMetrics names counters, ends and writes bounds in its own way", async () => {
  const metrics = metricsOf([anAnswer()]);
  const text = await metrics.text("openmetrics");
  expect(text).toContain("# TYPE freshline_requests counter\n");
  expect(text).toContain('\nfreshline_requests_total{cache="HIT",tier="memory",route="other"} 1\n');
  expect(text).not.toContain("_total_total");
  expect(text).toContain('freshline_request_duration_seconds_bucket{le="1.0",cache="HIT"} 1\n');
  expect(text).toContain('freshline_request_duration_seconds_bucket{le="+Inf",cache="HIT"} 1\n');
  expect(text.endsWith("\n# EOF\n")).toBe(true);
  expect(text.split("\n").slice(0, -1)).not.toContain("");
  // And what is read so is read as before the next time.
  const before = await metrics.text();
  expect(before).toContain("# TYPE freshline_requests_total counter\n");
  expect(before).not.toContain("# EOF");
});

test("the last request of a bucket that has a trace is its exemplar, in OpenMetrics alone", async () => {
  const metrics = metricsOf(
    [
      anAnswer({ durationMs: 0.06, traceId: TRACE.replace("4", "f") }),
      anAnswer({ durationMs: 0.08, traceId: TRACE }),
      anAnswer({ durationMs: 0.09 }),
      anAnswer({ durationMs: 3 }),
    ],
    { now: () => 1_700_000_000_500 },
  );
  const lines = (await metrics.text("openmetrics")).split("\n").filter((line) => line.includes("_bucket"));
  expect(lines).toContain(
    `freshline_request_duration_seconds_bucket{le="0.0001",cache="HIT"} 3 # {trace_id="${TRACE}"} 0.00008 1700000000.5`,
  );
  expect(lines.filter((line) => line.includes(" # "))).toHaveLength(1);
  expect(await metrics.text()).not.toContain(TRACE);
});

test("what is no trace id is no exemplar", async () => {
  const traceIds = ["", "x".repeat(32), `${TRACE}"`, "0".repeat(4096)];
  const text = await metricsOf(traceIds.map((traceId) => anAnswer({ traceId }))).text("openmetrics");
  expect(text).not.toContain(" # {");
});

test("help and label values are escaped, and values that are none are written", () => {
  const family: Family = {
    ...{ name: "a", help: 'back\\slash\nand "quotes"', type: "gauge", aggregator: "sum" },
    values: [
      { labels: { path: '/"a"\\\n' }, value: Number.POSITIVE_INFINITY },
      { labels: {}, value: Number.NaN },
      { labels: {}, value: Number.NEGATIVE_INFINITY },
    ],
  };
  expect(exposed([family], "prometheus").split("\n")).toEqual([
    String.raw`# HELP a back\\slash\nand "quotes"`,
    "# TYPE a gauge",
    String.raw`a{path="/\"a\"\\\n"} +Inf`,
    "a NaN",
    "a -Inf",
    "",
  ]);
  expect(exposed([family], "openmetrics")).toContain(String.raw`# HELP a back\\slash\nand \"quotes\"`);
});
