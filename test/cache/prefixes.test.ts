import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Prefixes } from "../../src/cache/prefixes.ts";

/** Few characters, so that prefixes share beginnings. */
const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "é"), maxLength: 8 });

function found(prefixes: Prefixes<{ name: string }>, searched: string, start = 0): string[] {
  const names: string[] = [];
  prefixes.visit(searched, start, ({ name }) => names.push(name));
  return names;
}

describe("prefixes", () => {
  it("finds those that a text begins with, as a list would", () => {
    const step = fc.record({ act: fc.constantFrom("set", "set", "delete"), prefix: text });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(text, { maxLength: 20 }), (steps, texts) => {
        const prefixes = new Prefixes<{ name: string }>();
        const list = new Set<string>();
        for (const { act, prefix } of steps) {
          if (act === "set") {
            prefixes.set(prefix, { name: prefix });
            list.add(prefix);
          } else {
            prefixes.delete(prefix);
            list.delete(prefix);
          }
        }
        for (const searched of [...texts, ...list]) {
          const expected = [...list].filter((prefix) => searched.startsWith(prefix));
          expect(found(prefixes, searched)).toEqual(expected.sort((a, b) => a.length - b.length));
          expect(found(prefixes, `a:${searched}`, 2)).toEqual(expected);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps nothing of what was deleted, in whatever order", () => {
    fc.assert(
      fc.property(
        fc
          .array(text, { maxLength: 20 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, order]) => {
          const prefixes = new Prefixes<{ name: string }>();
          for (const name of all) prefixes.set(name, { name });
          for (const name of order) prefixes.delete(name);
          expect(prefixes.size).toBe(1);
        },
      ),
    );
  });

  it("takes a text of any length, and prefixes of it all, without recursion", () => {
    const prefixes = new Prefixes<{ name: string }>();
    const long = "/a".repeat(10_000);
    for (let i = 0; i < 10_000; i++) prefixes.set(long.slice(0, 2 * i + 1), { name: `${i}` });
    expect(found(prefixes, long)).toHaveLength(10_000);
    expect(found(prefixes, `/b${long}`)).toEqual(["0"]);
    expect(found(prefixes, long, long.length)).toEqual([]);
  });
});
