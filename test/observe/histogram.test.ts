import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Histogram, joined } from "../../src/observe/histogram.ts";

const durations = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 });

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe("Histogram", () => {
  it("tells any percentile with an error of a sixteenth, or of a microsecond", () => {
    fc.assert(
      fc.property(durations, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (values, share) => {
        const exact =
          values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(values.length * share)) - 1] ?? 0;
        const told = histogramOf(values).percentileMs(share) ?? Number.NaN;
        expect(told).toBeGreaterThanOrEqual(exact - 0.0005);
        expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 16) + 0.001);
      }),
    );
  });

  it("tells 50 µs from 53 µs", () => {
    expect(histogramOf([0.05]).occupied()[0]).not.toBe(histogramOf([0.053]).occupied()[0]);
  });

  it("adds up to what one would have counted", () => {
    fc.assert(
      fc.property(durations, durations, (some, others) => {
        const all = joined([histogramOf(some).occupied(), histogramOf(others).occupied()]);
        expect(all.occupied()).toEqual(histogramOf([...some, ...others]).occupied());
        expect(all.count).toBe(some.length + others.length);
      }),
    );
  });

  it("has no percentile of nothing, and of nothing again once it is cleared", () => {
    const histogram = new Histogram();
    expect(histogram.percentileMs(0.5)).toBeNull();
    histogram.record(3);
    histogram.clear();
    expect(histogram.percentileMs(0.5)).toBeNull();
    expect(histogram.occupied()).toEqual([]);
  });

  it("stays as large as it is, whatever the durations", () => {
    const histogram = histogramOf(Array.from({ length: 20_000 }, (_, i) => 1.001 ** i));
    expect(histogram.occupied().length / 2).toBeLessThanOrEqual(368);
    for (const odd of [-1, Number.NaN, Number.POSITIVE_INFINITY]) histogram.record(odd);
    expect(histogram.count).toBe(20_003);
    const counted = histogram.occupied().filter((_, i) => i % 2 === 1);
    expect(counted.reduce((sum, one) => sum + one, 0)).toBe(20_003);
  });
});
