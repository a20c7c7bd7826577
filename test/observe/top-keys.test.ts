import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TopKeys } from "../../src/observe/top-keys.ts";

const CAPACITY = 8;

/** Streams in which few keys are frequent and many are not. */
const streams = fc.array(
  fc.tuple(
    fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 60 })).map((key) => `k${key}`),
    fc.integer({ min: 1, max: 16 }),
  ),
  { minLength: 100, maxLength: 400 },
);

describe("TopKeys", () => {
  it("errs by no more than it says, and says no more than total / capacity", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const sketch = new TopKeys<undefined>(CAPACITY);
        const exact = new Map<string, number>();
        for (const [key, times] of stream) {
          sketch.count(key, undefined, times);
          exact.set(key, (exact.get(key) ?? 0) + times);
        }
        const bound = sketch.total / CAPACITY;
        const top = sketch.top(CAPACITY);
        for (const { key, count, error } of top) {
          const truth = exact.get(key) ?? 0;
          expect(count).toBeGreaterThanOrEqual(truth);
          expect(count - error).toBeLessThanOrEqual(truth);
          expect(error).toBeLessThanOrEqual(bound);
        }
        const kept = new Set(top.map(({ key }) => key));
        for (const [key, truth] of exact) if (truth > bound) expect(kept).toContain(key);
      }),
    );
  });

  it("counts exactly while there are fewer keys than counters", () => {
    const sketch = new TopKeys<string>(CAPACITY);
    for (const key of ["a", "b", "a", "c", "a", "b"]) sketch.count(key, `last ${key}`);
    expect(sketch.top(2)).toEqual([
      { key: "a", count: 3, error: 0, note: "last a" },
      { key: "b", count: 2, error: 0, note: "last b" },
    ]);
  });

  it("keeps so many counters, however many keys there are", () => {
    const sketch = new TopKeys<undefined>(CAPACITY);
    for (let i = 0; i < 10_000; i++) sketch.count(`k${i}`, undefined);
    expect(sketch.size).toBe(CAPACITY);
    expect(sketch.top(100)).toHaveLength(CAPACITY);
    expect(sketch.total).toBe(10_000);
  });

  it("finds a hot key among a flood of cold ones", () => {
    const sketch = new TopKeys<undefined>(CAPACITY);
    for (let i = 0; i < 10_000; i++) sketch.count(i % 5 === 0 ? "hot" : `cold ${i}`, undefined);
    const [first] = sketch.top(1);
    expect(first?.key).toBe("hot");
    expect((first?.count ?? 0) - (first?.error ?? 0)).toBeLessThanOrEqual(2000);
    expect(first?.count).toBeGreaterThanOrEqual(2000);
  });
});
