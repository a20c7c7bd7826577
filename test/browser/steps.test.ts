import { expect, it } from "vitest";
import { type DrawnSeries, drawnSteps } from "../../src/admin/dashboard/client/steps.ts";

/** Seconds from `first` on. */
function series(first: number, hits: readonly number[], ms: readonly (number | null)[] = hits): DrawnSeries {
  const none = hits.map(() => 0);
  return {
    step_ms: 1000,
    at: hits.map((_, i) => first + i * 1000),
    requests: {
      HIT: hits,
      UPDATING: none,
      STALE: none,
      REVALIDATED: none,
      EXPIRED: none,
      MISS: none,
      BYPASS: none,
    },
    hit_p50_ms: ms,
    hit_p99_ms: ms,
    miss_p50_ms: ms,
    miss_p99_ms: ms,
    origin_p50_ms: ms,
    origin_p99_ms: ms,
  };
}

it("draws five seconds together: mean requests, the middle median, the highest 99th", () => {
  const drawn = drawnSteps(series(10_000, [1, 2, 3, 4, 10, 6, 6, 6, 6, 6]));
  expect(drawn.at).toEqual([10_000, 15_000]);
  expect(drawn.requests.HIT).toEqual([4, 6]);
  expect(drawn.requests.MISS).toEqual([0, 0]);
  expect(drawn.hit_p50_ms).toEqual([3, 6]);
  expect(drawn.hit_p99_ms).toEqual([10, 6]);
});

it("keeps the rate of a step that has begun, or is half out of sight", () => {
  const drawn = drawnSteps(series(13_000, [7, 7, 8, 8, 8, 8, 8, 9]));
  expect(drawn.at).toEqual([13_000, 15_000, 20_000]);
  expect(drawn.requests.HIT).toEqual([7, 8, 9]);
});

it("has no latency where there was none in all five seconds", () => {
  const drawn = drawnSteps(
    series(10_000, [0, 0, 0, 0, 0, 0, 1, 0, 0, 0], [null, null, null, null, null, null, 4, null, null, null]),
  );
  expect(drawn.hit_p99_ms).toEqual([null, 4]);
  expect(drawn.origin_p50_ms).toEqual([null, 4]);
});

it("leaves longer steps as they are", () => {
  const long = { ...series(0, [1, 2]), step_ms: 5000, at: [0, 5000] };
  expect(drawnSteps(long)).toBe(long);
});
