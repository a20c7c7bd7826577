import { expect, it } from "vitest";
import { healthySteps, STEP_MS, STEPS } from "../../src/admin/dashboard/client/health-history.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const stepsAgo = (steps: number): string => new Date(NOW - steps * STEP_MS).toISOString();
const change = (ago: number, healthy: boolean) => ({
  at: stepsAgo(ago),
  healthy,
  detail: "",
});
/** The steps that are bad, counted from now. */
const bad = (healthy: boolean, ...history: ReturnType<typeof change>[]) =>
  healthySteps({ healthy, since: stepsAgo(100), history }, NOW)
    .toReversed()
    .flatMap((good, i) => (good ? [] : [i + 1]));

it("an origin without changes was what it is", () => {
  expect(bad(true)).toEqual([]);
  expect(bad(false)).toHaveLength(STEPS);
});

it("nothing is said of the time before an origin was first looked at", () => {
  expect(healthySteps({ healthy: true, since: stepsAgo(3.5), history: [] }, NOW)).toEqual(
    Array(4).fill(true),
  );
});

it("a step is bad in which it was unhealthy at any time", () => {
  expect(bad(true, change(4.5, false), change(2.5, true))).toEqual([3, 4, 5]);
  expect(bad(true, change(3.6, false), change(3.4, true))).toEqual([4]);
  expect(bad(false, change(1.5, false))).toEqual([1, 2]);
});

it("before the first change that is known it was the other", () => {
  expect(bad(true, change(STEPS - 1.5, true))).toEqual([STEPS - 1, STEPS]);
});

it("what is older than the steps counts for the first of them", () => {
  expect(bad(true, change(100, false), change(STEPS + 5, true))).toEqual([]);
  expect(bad(false, change(STEPS + 5, false))).toHaveLength(STEPS);
});
