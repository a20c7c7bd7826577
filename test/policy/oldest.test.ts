import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Oldest } from "../../src/policy/oldest.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
setFlagsFromString("--no-expose-gc");

describe("the oldest key of a map", () => {
  it("is the one that came first of those that are left, through every history", () => {
    const step = fc.tuple(fc.constantFrom("set", "set", "again", "delete", "clear", "oldest"), fc.nat(12));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
        const map = new Map<number, number>();
        const oldest = new Oldest(map);
        for (const [act, key] of steps) {
          if (act === "set") map.set(key, 0);
          else if (act === "again") {
            map.delete(key);
            map.set(key, 0);
          } else if (act === "delete") map.delete(key);
          // Seldom, or little would ever be in there.
          else if (act === "clear") key === 0 && map.clear();
          else {
            const [first] = map.keys();
            const found = oldest.next();
            expect(found).toBe(first);
            if (found !== undefined) map.delete(found);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is found without a walk past those that have gone", () => {
    const map = new Map<number, number>();
    const oldest = new Oldest(map);
    const steps: number[] = [];
    const begin = map.keys.bind(map);
    map.keys = () => {
      steps.push(map.size);
      return begin();
    };
    for (let i = 0; i < 10_000; i++) {
      map.set(i, i);
      if (i >= 100) map.delete(oldest.next() as number);
    }
    expect(map.size).toBe(100);
    // Once, and again after each full collection.
    expect(steps.length).toBeLessThan(20);
  });

  it.each(["before it is asked", "after it was", "where the map was emptied"])(
    "keeps nothing of what has gone from the map, %s",
    async (when) => {
      const map = new Map<number, object>([
        [-1, {}],
        [-2, {}],
      ]);
      const oldest = new Oldest(map);
      if (when !== "before it is asked") map.delete(oldest.next() as number);
      const gone: WeakRef<object>[] = [];
      for (let i = 0; i < 1000; i++) {
        const value = {};
        gone.push(new WeakRef(value));
        map.delete(i % 10);
        map.set(i % 10, value);
      }
      map.delete(-1);
      map.delete(-2);
      if (when === "where the map was emptied") map.clear();
      // What was weakly referred to in this turn lives until its end.
      await turn();
      collect();
      const left = gone.filter((each) => each.deref() !== undefined);
      // The last one is in a variable here.
      expect(left.length).toBeLessThanOrEqual(map.size + 1);
      expect(oldest.next()).toBe([...map.keys()][0]);
    },
  );
});
