import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listMembers } from "../../src/policy/fields.ts";
import { canonicalPreferences } from "../../src/policy/preferences.ts";
import { fieldValues, recased } from "./builders.ts";

interface Row {
  readonly id: string;
  readonly clause: string;
  readonly one: string;
  readonly other: string;
}

const SAME: readonly Row[] = [
  { id: "whitespace", clause: "RFC 9110 §5.6.1", one: "de,en;q=0.5", other: "\tde ,  en ; q=0.5 " },
  { id: "empty members", clause: "RFC 9110 §5.6.1", one: "de,en", other: ",de,, en," },
  { id: "nothing", clause: "RFC 9110 §5.6.1", one: "", other: " , " },
  { id: "case", clause: "RFC 9110 §12.5.4", one: "en-US, *;Q=0.1", other: "EN-us, *;q=0.1" },
  { id: "order of what is equally preferred", clause: "RFC 9110 §12.4.2", one: "de, en", other: "en, de" },
  { id: "order of lines with weights", clause: "RFC 9110 §12.4.2", one: "a;q=0.1, b", other: "b, a;q=0.1" },
  { id: "no weight is 1", clause: "RFC 9110 §12.4.2", one: "gzip", other: "gzip;q=1" },
  {
    id: "digits of weights",
    clause: "RFC 9110 §12.4.2",
    one: "a;q=0.5, b;q=1.",
    other: "a;q=0.500, b;q=1.000",
  },
  {
    id: "weights that order alike",
    clause: "ours",
    one: "a, b;q=0.9, c;q=0.8",
    other: "a, b;q=0.5, c;q=0.1",
  },
  { id: "digits of a refusal", clause: "RFC 9110 §12.4.2", one: "a, b;q=0", other: "a, b;q=0.000" },
  { id: "repetition", clause: "RFC 9110 §12.4", one: "gzip, br, gzip", other: "gzip, br" },
  { id: "media ranges", clause: "RFC 9110 §12.5.1", one: "text/*, */*;q=0.8", other: "Text/*,*/*;q=0.1" },
  { id: "what is no plain list, but for whitespace", clause: "ours", one: "a;v=1 , b", other: "a;v=1,b" },
];

const DIFFERENT: readonly Row[] = [
  { id: "another name", clause: "RFC 9110 §12.5", one: "de", other: "en" },
  { id: "one more", clause: "RFC 9110 §12.5", one: "de", other: "de, en" },
  { id: "none at all", clause: "RFC 9110 §12.5", one: "", other: "*" },
  { id: "another order of preference", clause: "RFC 9110 §12.4.2", one: "a, b;q=0.5", other: "a;q=0.5, b" },
  { id: "preferred is not equal", clause: "RFC 9110 §12.4.2", one: "a, b", other: "a, b;q=0.9" },
  { id: "the least is not refused", clause: "RFC 9110 §12.4.2", one: "a, b;q=0.001", other: "a, b;q=0" },
  { id: "refused is not absent", clause: "RFC 9110 §12.5.3", one: "a, identity;q=0", other: "a" },
  { id: "all refused is not all accepted", clause: "RFC 9110 §12.4.2", one: "a;q=0", other: "a;q=1" },
  { id: "a range and its wildcard", clause: "RFC 9110 §12.5.1", one: "text/html", other: "text/*" },
  { id: "names that run together", clause: "ours", one: "ab, c", other: "a, bc" },
  { id: "parameters of media types", clause: "RFC 9110 §12.5.1", one: "a/b;v=1", other: "a/b;v=2" },
  { id: "case in a parameter", clause: "RFC 9110 §8.3.1", one: "a/b;v=x", other: "a/b;v=X" },
  { id: "order beside a parameter", clause: "ours", one: "a/b;v=1, c/d", other: "c/d, a/b;v=1" },
  { id: "weights beside a parameter", clause: "ours", one: "a/b;v=1;q=0.5", other: "a/b;v=1;q=0.6" },
  { id: "two weights", clause: "ours", one: "a;q=1;q=0", other: "a;q=1" },
  { id: "a weight with too many digits", clause: "RFC 9110 §12.4.2", one: "a;q=1.0000", other: "a;q=1" },
  { id: "a weight beyond 1", clause: "RFC 9110 §12.4.2", one: "a;q=1.1", other: "a;q=1" },
  { id: "a weight without digits", clause: "RFC 9110 §12.4.2", one: "a;q=", other: "a" },
  { id: "space around a weight's =", clause: "RFC 9110 §12.4.2", one: "a;q =0", other: "a;q=0" },
  {
    id: "other bytes that JavaScript takes for space",
    clause: "RFC 9110 §5.6.3",
    one: "a;q=0\xa0",
    other: "a;q=0",
  },
  { id: "the same before =", clause: "RFC 9110 §5.6.3", one: "a;q\xa0=0", other: "a;q=0" },
  { id: "the same in a name", clause: "RFC 9110 §5.6.3", one: "\xa0a", other: "a" },
  { id: "case beyond ASCII", clause: "RFC 9110 §5.6.2", one: "\xc9", other: "\xe9" },
  { id: "an empty name", clause: "RFC 9110 §5.6.2", one: ";q=0.5", other: "" },
  { id: "an empty parameter", clause: "ours", one: "a;", other: "a" },
  { id: "a comma in quotes", clause: "RFC 9110 §5.6.4", one: '"a, b"', other: "a, b" },
  { id: "a semicolon in quotes", clause: "RFC 9110 §5.6.4", one: '"a;q=0', other: '"a' },
  { id: "the inside of the plain form", clause: "ours", one: '=[[true,"a"]]', other: "a" },
  { id: "a quote that looks like another name", clause: "ours", one: 'a","b', other: "a, b" },
  { id: "the inside of the other form", clause: "ours", one: "~a;v=1", other: "a;v=1" },
];

describe("count the same", () => {
  for (const row of SAME) {
    test(`${row.id} (${row.clause})`, () => {
      expect(canonicalPreferences(row.one)).toBe(canonicalPreferences(row.other));
    });
  }
});

describe("count as different", () => {
  for (const row of DIFFERENT) {
    test(`${row.id} (${row.clause})`, () => {
      expect(canonicalPreferences(row.one)).not.toBe(canonicalPreferences(row.other));
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
