import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listMembers } from "../../src/policy/fields.ts";
import { canonicalPreferences } from "../../src/policy/preferences.ts";
import { fieldValues, recased } from "./builders.ts";

type Row = readonly [id: string, clause: string, one: string, other: string];

const SAME: readonly Row[] = [
  ["whitespace", "RFC 9110 §5.6.1", "de,en;q=0.5", "\tde ,  en ; q=0.5 "],
  ["empty members", "RFC 9110 §5.6.1", "de,en", ",de,, en,"],
  ["nothing", "RFC 9110 §5.6.1", "", " , "],
  ["case", "RFC 9110 §12.5.4", "en-US, *;Q=0.1", "EN-us, *;q=0.1"],
  ["order of what is equally preferred", "RFC 9110 §12.4.2", "de, en", "en, de"],
  ["order of lines with weights", "RFC 9110 §12.4.2", "a;q=0.1, b", "b, a;q=0.1"],
  ["no weight is 1", "RFC 9110 §12.4.2", "gzip", "gzip;q=1"],
  ["digits of weights", "RFC 9110 §12.4.2", "a;q=0.5, b;q=1.", "a;q=0.500, b;q=1.000"],
  ["weights that order alike", "ours", "a, b;q=0.9, c;q=0.8", "a, b;q=0.5, c;q=0.1"],
  ["digits of a refusal", "RFC 9110 §12.4.2", "a, b;q=0", "a, b;q=0.000"],
  ["repetition", "RFC 9110 §12.4", "gzip, br, gzip", "gzip, br"],
  ["media ranges", "RFC 9110 §12.5.1", "text/*, */*;q=0.8", "Text/*,*/*;q=0.1"],
  ["what is no plain list, but for whitespace", "ours", "a;v=1 , b", "a;v=1,b"],
];

const DIFFERENT: readonly Row[] = [
  ["another name", "RFC 9110 §12.5", "de", "en"],
  ["one more", "RFC 9110 §12.5", "de", "de, en"],
  ["none at all", "RFC 9110 §12.5", "", "*"],
  ["another order of preference", "RFC 9110 §12.4.2", "a, b;q=0.5", "a;q=0.5, b"],
  ["preferred is not equal", "RFC 9110 §12.4.2", "a, b", "a, b;q=0.9"],
  ["the least is not refused", "RFC 9110 §12.4.2", "a, b;q=0.001", "a, b;q=0"],
  ["refused is not absent", "RFC 9110 §12.5.3", "a, identity;q=0", "a"],
  ["all refused is not all accepted", "RFC 9110 §12.4.2", "a;q=0", "a;q=1"],
  ["a range and its wildcard", "RFC 9110 §12.5.1", "text/html", "text/*"],
  ["names that run together", "ours", "ab, c", "a, bc"],
  ["parameters of media types", "RFC 9110 §12.5.1", "a/b;v=1", "a/b;v=2"],
  ["case in a parameter", "RFC 9110 §8.3.1", "a/b;v=x", "a/b;v=X"],
  ["order beside a parameter", "ours", "a/b;v=1, c/d", "c/d, a/b;v=1"],
  ["weights beside a parameter", "ours", "a/b;v=1;q=0.5", "a/b;v=1;q=0.6"],
  ["two weights", "ours", "a;q=1;q=0", "a;q=1"],
  ["a weight with too many digits", "RFC 9110 §12.4.2", "a;q=1.0000", "a;q=1"],
  ["a weight beyond 1", "RFC 9110 §12.4.2", "a;q=1.1", "a;q=1"],
  ["a weight without digits", "RFC 9110 §12.4.2", "a;q=", "a"],
  ["space around a weight's =", "RFC 9110 §12.4.2", "a;q =0", "a;q=0"],
  ["other bytes that JavaScript takes for space", "RFC 9110 §5.6.3", "a;q=0\xa0", "a;q=0"],
  ["the same before =", "RFC 9110 §5.6.3", "a;q\xa0=0", "a;q=0"],
  ["the same in a name", "RFC 9110 §5.6.3", "\xa0a", "a"],
  ["case beyond ASCII", "RFC 9110 §5.6.2", "\xc9", "\xe9"],
  ["an empty name", "RFC 9110 §5.6.2", ";q=0.5", ""],
  ["an empty parameter", "ours", "a;", "a"],
  ["a comma in quotes", "RFC 9110 §5.6.4", '"a, b"', "a, b"],
  ["a semicolon in quotes", "RFC 9110 §5.6.4", '"a;q=0', '"a'],
  ["the inside of the plain form", "ours", '=[[true,"a"]]', "a"],
  ["a quote that looks like another name", "ours", 'a","b', "a, b"],
  ["the inside of the other form", "ours", "~a;v=1", "a;v=1"],
];

describe("count the same", () => {
  for (const [id, clause, one, other] of SAME) {
    test(`${id} (${clause})`, () => {
      expect(canonicalPreferences(one)).toBe(canonicalPreferences(other));
    });
  }
});

describe("count as different", () => {
  for (const [id, clause, one, other] of DIFFERENT) {
    test(`${id} (${clause})`, () => {
      expect(canonicalPreferences(one)).not.toBe(canonicalPreferences(other));
    });
  }
});

const TCHAR = /^[!#$%&'*+.^_`|~0-9a-zA-Z-]+$/;

/**
 * What a list means, said another way: how each name stands to each. Undefined where it is
 * anything but names and weights.
 */
function meaning(value: string): string | undefined {
  const weights: [string, number][] = [];
  for (const member of listMembers(value)) {
    const [name = "", ...parameters] = member.split(/[ \t]*;[ \t]*/);
    if (!name.split("/").every((part) => TCHAR.test(part)) || name.split("/").length > 2) return undefined;
    if (parameters.length > 1) return undefined;
    const [weight = "q=1"] = parameters;
    if (!/^q=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/i.test(weight)) return undefined;
    const folded = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    weights.push([folded, Number(weight.slice(2))]);
  }
  const relations = new Set<string>();
  for (const [name, weight] of weights) {
    relations.add(`${name} ${weight === 0 ? "refused" : "accepted"}`);
    for (const [other, less] of weights)
      if (weight >= less) relations.add(`${name} ${weight > less ? ">" : "="} ${other}`);
  }
  return [...relations].sort().join("\n");
}

const PIECES = [
  "a",
  "B",
  "b",
  "*",
  "a/b",
  "a/*",
  ",",
  ", ",
  ";q=0",
  ";q=0.5",
  ";q=0.50",
  ";q=1",
  "; Q=0.9",
  ";v=1",
];
const ODD = [
  '"',
  "\\",
  "=",
  "~",
  "[",
  "]",
  "[[true,",
  "\xa0",
  "\xc9",
  "\xe9",
  "\x85",
  "/",
  " ",
  ";",
  ";q=",
  ";q=2",
];

/** Mostly lists that mean something, so that many of them mean the same. */
const lists = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((all) => all.join("")) },
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom(...PIECES, ...ODD), { maxLength: 5 }).map((all) => all.join("")),
  },
  { weight: 1, arbitrary: fieldValues },
);

describe("any two lists", () => {
  test("count the same exactly when they mean the same, or else are the same but for whitespace", () => {
    let alike = 0;
    const check = (one: string, other: string) => {
      const [first, second] = [meaning(one), meaning(other)];
      const same =
        first === undefined && second === undefined
          ? JSON.stringify(listMembers(one)) === JSON.stringify(listMembers(other))
          : first === second;
      if (same && one !== other) alike++;
      expect(canonicalPreferences(one) === canonicalPreferences(other)).toBe(same);
    };
    fc.assert(fc.property(lists, lists, check), { numRuns: 20_000 });
    expect(alike).toBeGreaterThan(100);
  });

  test("that differ in case, whitespace and order alone count the same", () => {
    const name = fc.constantFrom("en", "de-at", "*", "text/html", "x_y");
    const weight = fc.constantFrom("", ";q=0", ";q=0.3", ";q=0.300", ";q=1.0");
    const members = fc.uniqueArray(fc.tuple(name, weight), { maxLength: 5, selector: ([one]) => one });
    const space = fc.constantFrom("", " ", "\t ");
    fc.assert(
      fc.property(
        members,
        fc.array(fc.boolean()),
        space,
        fc.infiniteStream(fc.nat()),
        (list, flips, gap, luck) => {
          const shuffled = list.toSorted(() => ((luck.next().value as number) % 2) * 2 - 1);
          const written = recased(shuffled.map((pair) => pair.join(gap)).join(`${gap},${gap}`), flips);
          expect(canonicalPreferences(written)).toBe(
            canonicalPreferences(list.map((pair) => pair.join("")).join()),
          );
        },
      ),
    );
  });
});
