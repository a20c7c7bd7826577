import { expect, test } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import type { OriginReading } from "../../src/observe/origin-metrics.ts";
import { anOrigin, memory, metricsOf, ORIGIN, samplesOf } from "./a-scrape.ts";

const answered = (more: Partial<CacheEvent & { type: "origin-answered" }> = {}): CacheEvent => ({
  ...{ type: "origin-answered", origin: ORIGIN, status: 200 },
  ...{ headMs: 20, conditional: false },
  ...more,
});
const failed = (more: Partial<CacheEvent & { type: "origin-failed" }> = {}): CacheEvent => ({
  ...{ type: "origin-failed", origin: ORIGIN, code: "reset", message: "" },
  ...more,
});

test("requests are counted by status code, failures among them, conditional ones by their result", async () => {
  const metrics = metricsOf([
    answered(),
    answered({ status: 304, conditional: true }),
    answered({ conditional: true }),
    answered({ status: 503, conditional: true }),
    answered({ status: 299 }),
    answered({ status: 999 }),
    failed(),
    failed({ origin: undefined, code: "no-healthy-origin" }),
    failed({ code: "timeout", conditional: true }),
    // One that was counted as answered, and broke off.
    failed({ answered: true }),
  ]);
  expect(await samplesOf(metrics)).toEqual(
    expect.arrayContaining([
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="2xx",code="200"} 2`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="2xx",code="2xx"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="3xx",code="304"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="5xx",code="503"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="other",code="other"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="error",code="reset"} 1`,
      `freshline_origin_requests_total{origin="${ORIGIN}",code_class="error",code="timeout"} 1`,
      'freshline_origin_requests_total{origin="none",code_class="error",code="no-healthy-origin"} 1',
      `freshline_origin_failures_total{origin="${ORIGIN}",code="reset"} 2`,
      'freshline_origin_failures_total{origin="none",code="no-healthy-origin"} 1',
      'freshline_revalidations_total{result="validated"} 1',
      'freshline_revalidations_total{result="replaced"} 1',
      'freshline_revalidations_total{result="failed"} 1',
      'freshline_revalidations_total{result="error"} 1',
      `freshline_origin_request_duration_seconds_count{origin="${ORIGIN}"} 6`,
      `freshline_origin_request_duration_seconds_bucket{le="0.025",origin="${ORIGIN}"} 6`,
      `freshline_origin_request_duration_seconds_bucket{le="0.01",origin="${ORIGIN}"} 0`,
    ]),
  );
});

test("health, breaker and ejection are read at the scrape, and an origin that is gone has none", async () => {
  let origins: readonly OriginReading[] = [
    anOrigin({ inFlight: 3, ejected: true, ejections: 2, breakerOpens: 1 }),
    anOrigin({ origin: "http://b", healthy: false, breakerOpen: true, breakerOpens: 4 }),
  ];
  const metrics = metricsOf([], { origins: () => origins });
  const known = async () =>
    (await samplesOf(metrics, "freshline_origin_")).filter((line) => line.includes("{"));
  const expected = [
    `freshline_origin_healthy{origin="${ORIGIN}"} 1`,
    'freshline_origin_healthy{origin="http://b"} 0',
    `freshline_origin_requests_in_flight{origin="${ORIGIN}"} 3`,
    'freshline_origin_requests_in_flight{origin="http://b"} 0',
    `freshline_origin_ejected{origin="${ORIGIN}"} 1`,
    'freshline_origin_ejected{origin="http://b"} 0',
    `freshline_origin_breaker_open{origin="${ORIGIN}"} 0`,
    'freshline_origin_breaker_open{origin="http://b"} 1',
    `freshline_origin_ejections_total{origin="${ORIGIN}"} 2`,
    'freshline_origin_ejections_total{origin="http://b"} 0',
    `freshline_origin_breaker_opens_total{origin="${ORIGIN}"} 1`,
    'freshline_origin_breaker_opens_total{origin="http://b"} 4',
  ];
  expect(await known()).toEqual(expected);
  expect(await known()).toEqual(expected);
  origins = [anOrigin()];
  expect((await known()).filter((line) => line.includes("http://b"))).toEqual([]);
});

test("neither hostile origins nor hostile codes make more series than the bounds", async () => {
  const metrics = createMetrics({ memory });
  for (let i = 0; i < 2_000; i++) metrics.listen(answered({ origin: `http://10.0.0.1:${i}` }));
  const lines = await samplesOf(metrics, "freshline_origin_requests_total");
  expect(lines).toHaveLength(256 + 1);
  expect(lines).toContain('freshline_origin_requests_total{origin="other",code_class="2xx",code="200"} 1744');
  const counts = await samplesOf(metrics, "freshline_origin_request_duration_seconds_count");
  expect(counts).toHaveLength(256 + 1);

  const codes = createMetrics({ memory });
  for (let status = 100; status < 1000; status++) codes.listen(answered({ status }));
  // The registered ones, and what is left of each class.
  expect((await samplesOf(codes, "freshline_origin_requests_total")).length).toBeLessThan(75);
});
