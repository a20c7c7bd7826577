import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalTarget, type SearchVariance, searchVariance } from "../../src/policy/no-vary-search.ts";
import { fieldValues, recased } from "./builders.ts";

const said = (...values: string[]) => searchVariance(values.flatMap((value) => ["No-Vary-Search", value]));
const allBut = (names: readonly string[], keyOrder = false): SearchVariance => ({
  parameters: { type: "all-but", names },
  keyOrder,
});
const only = (names: readonly string[], keyOrder = false): SearchVariance => ({
  parameters: { type: "only", names },
  keyOrder,
});

describe("No-Vary-Search says (§5.1)", () => {
  const rows: { value: string; expect: SearchVariance }[] = [
    { value: "key-order", expect: allBut([], true) },
    { value: "key-order=?1", expect: allBut([], true) },
    { value: "params", expect: only([]) },
    { value: "params=?1", expect: only([]) },
    { value: "params, key-order", expect: only([], true) },
    { value: 'params=("a")', expect: allBut(["a"]) },
    { value: 'params=("a" "b"), key-order', expect: allBut(["a", "b"], true) },
    { value: "params=(), key-order", expect: allBut([], true) },
    { value: 'params=?0, key-order, params=("a")', expect: allBut(["a"], true) },
    { value: 'params, except=("x")', expect: only(["x"]) },
    { value: "params, except=()", expect: only([]) },
    { value: 'params, key-order, except=("x")', expect: only(["x"], true) },
    { value: 'params=("a";p=1 "b");q, unknown=5, except-not', expect: allBut(["a", "b"]) },
    { value: 'params=("%C3%A9+%E6%B0%97")', expect: allBut(["é 気"]) },
    {
      value: 'params=("a%26b" "a&b" "a=b" "?a" "%2B" "%zz")',
      expect: allBut(["a&b", "a&b", "a=b", "?a", "+", "%zz"]),
    },
    { value: 'params=("__proto__")', expect: allBut(["__proto__"]) },
  ];
  for (const row of rows) {
    test(row.value, () => {
      expect(said(row.value)).toEqual(row.expect);
    });
  }

  test("one dictionary, on however many lines", () => {
    expect(said("params", 'except=("x")', "key-order")).toEqual(only(["x"], true));
  });
});

describe("No-Vary-Search says nothing (§5.2)", () => {
  const rows = [
    "",
    "unknown-key",
    'key-order="not a boolean"',
    "key-order=1",
    "key-order=(?1)",
    'params="not a boolean or inner list"',
    "params=a",
    "params=1",
    "params=(not-a-string)",
    'params=("a" b)',
    'params=("a"), except=("x")',
    "params=(), except=()",
    'params=?0, except=("x")',
    "params, except=(not-a-string)",
    'params, except="not an inner list"',
    "params, except=?1",
    "params, except",
    'except=("x")',
    "except=()",
    'key-order, except=("x")',
    "key-order, params=5",
    // What they say is what is true without the field.
    "params=?0",
    "params=()",
    "key-order=?0",
    "params=(), key-order=?0",
    // No dictionaries.
    "Params",
    "params,",
    "params=",
    'params=("a"',
    'params=("\xe9")',
    '"params"',
  ];
  for (const value of rows) {
    test(JSON.stringify(value), () => {
      expect(said(value)).toBeUndefined();
    });
  }

  test("where it is absent", () => {
    expect(searchVariance(["Vary", "params"])).toBeUndefined();
  });
});

interface Row {
  readonly value: string;
  readonly one: string;
  readonly other: string;
}

const EQUIVALENT: readonly Row[] = [
  { value: "key-order", one: "/a?b=1&a=2", other: "/a?a=2&b=1" },
  { value: "key-order", one: "/a?b=1&a=2&b=3", other: "/a?b=1&b=3&a=2" },
  { value: "key-order", one: "/a", other: "/a?" },
  { value: "key-order", one: "/a?a=x", other: "/a?%61=%78" },
  { value: "key-order", one: "/a?a=%C3%A9", other: "/a?a=\xc3\xa9" },
  { value: "key-order", one: "/a?a=%f6", other: "/a?a=%ef%bf%bd" },
  { value: "key-order", one: "/a?a=x&&&&", other: "/a?a=x" },
  { value: "key-order", one: "/a?a=", other: "/a?a" },
  { value: "key-order", one: "/a?a=%20", other: "/a?a=+" },
  { value: "params", one: "/a?x=1&y", other: "/a" },
  { value: 'params=("x")', one: "/a?b=1&x=1&a=2&x", other: "/a?b=1&a=2&x=3" },
  { value: 'params=("x")', one: "/a?x=1", other: "/a" },
  { value: 'params=("%C3%A9+x")', one: "/a?%c3%a9%20x=1", other: "/a?\xc3\xa9+x=2" },
  { value: 'params=("?a")', one: "/a??a=1", other: "/a" },
  { value: 'params, except=("id")', one: "/a?id=1&x=1", other: "/a?y&id=1" },
  { value: 'params, except=("id"), key-order', one: "/a?n=1&id=1&id=2", other: "/a?id=1&id=2" },
];

const DISTINCT: readonly Row[] = [
  { value: "key-order", one: "/a?a=1", other: "/a?a=2" },
  { value: "key-order", one: "/a?a=1&a=2", other: "/a?a=2&a=1" },
  { value: "key-order", one: "/a?a=1", other: "/a?a=1&a=1" },
  { value: "key-order", one: "/a?a=1", other: "/A?a=1" },
  { value: "key-order", one: "/%61", other: "/a" },
  { value: "key-order", one: "/a?a=b%26c=d", other: "/a?a=b&c=d" },
  { value: "key-order", one: "/a?a=%2B", other: "/a?a=+" },
  { value: "key-order", one: "/a?=", other: "/a" },
  { value: "key-order", one: "/a??x=1", other: "/a?x=1" },
  { value: "key-order", one: "/a?a=\xe9", other: "/a?a=%C3%A9" },
  { value: "key-order", one: "/a?a=1#b", other: "/a?a=1" },
  { value: "params", one: "/a?x", other: "/b?x" },
  { value: 'params=("x")', one: "/a?b=1&a=2", other: "/a?a=2&b=1" },
  { value: 'params=("x")', one: "/a?X=1", other: "/a?X=2" },
  { value: 'params=("x")', one: "/a?xx=1", other: "/a" },
  { value: 'params, except=("id")', one: "/a?id=1", other: "/a?id=2" },
  { value: 'params, except=("id")', one: "/a?id=", other: "/a" },
  { value: 'params, except=("id")', one: "/a?id=1&id=2", other: "/a?id=2&id=1" },
];

const canonical = (value: string, target: string): string => {
  const variance = said(value);
  if (variance === undefined) throw new Error(`${value} says nothing`);
  return canonicalTarget(target, variance);
};

describe("targets are equivalent (§6)", () => {
  for (const { value, one, other } of EQUIVALENT) {
    test(`with ${value}: ${one} and ${other}`, () => {
      expect(canonical(value, one)).toBe(canonical(value, other));
    });
  }
});

describe("targets are not equivalent (§6)", () => {
  for (const { value, one, other } of DISTINCT) {
    test(`with ${value}: ${one} and ${other}`, () => {
      expect(canonical(value, one)).not.toBe(canonical(value, other));
    });
  }
});

const names = fc.constantFrom("a", "b", "id", "", "?a", "é x", "&", "=", "__proto__");
const variances: fc.Arbitrary<SearchVariance> = fc.record({
  parameters: fc.record({
    type: fc.constantFrom("all-but" as const, "only" as const),
    names: fc.array(names, { maxLength: 3 }),
  }),
  keyOrder: fc.boolean(),
});
const pairs = fc.tuple(names, fc.constantFrom("", "1", "2", "&", "=", "é", "?"));
const written = (list: readonly [string, string][]): string =>
  new URLSearchParams(list.map(([a, b]) => [a, b])).toString();

describe("whatever comes", () => {
  test("the field never throws, and counts by its own name in any case", () => {
    const values = fc.oneof(fieldValues, fc.constantFrom("params", 'params=("a")', "key-order"));
    fc.assert(
      fc.property(values, fc.array(fc.boolean()), (value, flips) => {
        expect(searchVariance([recased("No-Vary-Search", flips), value])).toEqual(said(value));
      }),
    );
  });

  test("a canonical target is its own, begins as the target did, and holds no raw byte beyond ASCII in its query", () => {
    fc.assert(
      fc.property(fieldValues, variances, (text, variance) => {
        const target = `/${text}`;
        const result = canonicalTarget(target, variance);
        expect(canonicalTarget(result, variance)).toBe(result);
        expect(result.split("?", 1)).toEqual(target.split("?", 1));
        expect(result.slice(result.split("?", 1)[0]!.length)).toMatch(/^[\x21-\x7e]*$/);
      }),
      { numRuns: 1000 },
    );
  });

  test("all orders of a query's names are one target where order does not count, and only then", () => {
    const list = fc.uniqueArray(pairs, { maxLength: 5, selector: ([name]) => name });
    fc.assert(
      fc.property(list, variances, fc.infiniteStream(fc.nat()), (given, variance, luck) => {
        const shuffled = given.toSorted(() => ((luck.next().value as number) % 2) * 2 - 1);
        const of = (pairs: readonly [string, string][]) => canonicalTarget(`/a?${written(pairs)}`, variance);
        if (variance.keyOrder) expect(of(shuffled)).toBe(of(given));
        const counted = (pairs: readonly [string, string][]) =>
          pairs.filter(
            ([name]) => variance.parameters.names.includes(name) === (variance.parameters.type === "only"),
          );
        if (!variance.keyOrder) {
          const same = JSON.stringify(counted(given)) === JSON.stringify(counted(shuffled));
          expect(of(shuffled) === of(given)).toBe(same);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("two queries are one target exactly when what counts in them is the same", () => {
    const list = fc.array(pairs, { maxLength: 3 });
    fc.assert(
      fc.property(list, list, variances, (one, other, variance) => {
        const meaning = (list: readonly [string, string][]) => {
          const { parameters, keyOrder } = variance;
          const counted = list.filter(
            ([name]) => parameters.names.includes(name) === (parameters.type === "only"),
          );
          return JSON.stringify(
            keyOrder ? counted.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) : counted,
          );
        };
        const same = meaning(one) === meaning(other);
        const of = (list: readonly [string, string][]) => canonicalTarget(`/a?${written(list)}`, variance);
        expect(of(one) === of(other)).toBe(same);
      }),
      { numRuns: 5000 },
    );
  });
});
