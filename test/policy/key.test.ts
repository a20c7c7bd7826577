import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  primaryKey,
  selectFrom,
  selectingFields,
  variantId,
  variantMatches,
  withoutParameters,
} from "../../src/policy/key.ts";
import { type Fields, fieldValues, lines } from "./builders.ts";

describe("the primary key (§2)", () => {
  const rows: { id: string; args: Parameters<typeof primaryKey>; expect: string }[] = [
    {
      id: "as it came",
      args: ["http", "shop.example", "/data?id=1"],
      expect: "http://shop.example/data?id=1",
    },
    { id: "host in lower case", args: ["http", "Shop.EXAMPLE", "/"], expect: "http://shop.example/" },
    { id: "http's own port", args: ["http", "a:80", "/"], expect: "http://a/" },
    { id: "https's own port", args: ["https", "a:443", "/"], expect: "https://a/" },
    { id: "the other scheme's port", args: ["http", "a:443", "/"], expect: "http://a:443/" },
    { id: "a port that ends like it", args: ["http", "a:8080", "/"], expect: "http://a:8080/" },
    { id: "an IPv6 address", args: ["http", "[::1]:80", "/"], expect: "http://[::1]/" },
    {
      id: "the target's bytes are kept",
      args: ["http", "a", "/A/../%7e//b?B=%2f&b=\xe9&B=2"],
      expect: "http://a/A/../%7e//b?B=%2f&b=\xe9&B=2",
    },
  ];
  for (const row of rows) {
    test(row.id, () => {
      expect(primaryKey(...row.args)).toBe(row.expect);
    });
  }

  test("scheme, host and target each make another key", () => {
    const keys = [
      primaryKey("http", "a", "/"),
      primaryKey("https", "a", "/"),
      primaryKey("http", "b", "/"),
      primaryKey("http", "a", "//"),
      primaryKey("http", "a", "/?"),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("ignored parameters", () => {
  const rows = [
    { id: "none ignored", target: "/a?x=1", ignored: [], expect: "/a?x=1" },
    { id: "no query", target: "/a", ignored: ["*"], expect: "/a" },
    { id: "the only one", target: "/a?x=1", ignored: ["x"], expect: "/a" },
    { id: "the first", target: "/a?x=1&y=2", ignored: ["x"], expect: "/a?y=2" },
    { id: "each time", target: "/a?x=1&y=2&x=3&x", ignored: ["x"], expect: "/a?y=2" },
    { id: "names in full", target: "/a?xx=1&ax=2", ignored: ["x"], expect: "/a?xx=1&ax=2" },
    { id: "names in their case", target: "/a?X=1", ignored: ["x"], expect: "/a?X=1" },
    { id: "never a value", target: "/a?y=x&z=x=1", ignored: ["x"], expect: "/a?y=x&z=x=1" },
    {
      id: "a prefix",
      target: "/a?utm_source=s&id=1&utm_=&utm=2&nutm_x=3",
      ignored: ["utm_*"],
      expect: "/a?id=1&utm=2&nutm_x=3",
    },
    { id: "order and empty ones stay", target: "/a?b=&&a=1&x=2&", ignored: ["x"], expect: "/a?b=&&a=1&" },
    { id: "a mark in a value", target: "/a?q=?x=1&x=2", ignored: ["x"], expect: "/a?q=?x=1" },
  ];
  for (const row of rows) {
    test(row.id, () => {
      expect(withoutParameters(row.target, row.ignored)).toBe(row.expect);
    });
  }
});

describe("selecting header fields (§4.1)", () => {
  const rows: { id: string; vary: Fields; first: Fields; second: Fields; expect: boolean }[] = [
    { id: "no Vary", vary: {}, first: { Accept: "a" }, second: { Accept: "b" }, expect: true },
    {
      id: "the same",
      vary: { Vary: "Accept" },
      first: { Accept: "a" },
      second: { accept: "a" },
      expect: true,
    },
    {
      id: "another",
      vary: { Vary: "Accept" },
      first: { Accept: "a" },
      second: { Accept: "b" },
      expect: false,
    },
    {
      id: "another case",
      vary: { Vary: "X-Choice" },
      first: { "X-Choice": "a" },
      second: { "X-Choice": "A" },
      expect: false,
    },
    {
      id: "another order",
      vary: { Vary: "X-Choice" },
      first: { "X-Choice": "a, b" },
      second: { "X-Choice": "b, a" },
      expect: false,
    },
    { id: "absent in both", vary: { Vary: "Accept" }, first: {}, second: {}, expect: true },
    {
      id: "absent in the second",
      vary: { Vary: "Accept" },
      first: { Accept: "a" },
      second: {},
      expect: false,
    },
    {
      id: "absent in the first",
      vary: { Vary: "Accept" },
      first: {},
      second: { Accept: "a" },
      expect: false,
    },
    { id: "absent is not empty", vary: { Vary: "Accept" }, first: {}, second: { Accept: "" }, expect: false },
    ...["Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language"].map((name) => ({
      id: `${name} in another case, order and weight that mean the same`,
      vary: { Vary: name },
      first: { [name]: "a, b;q=0.5, C;q=0" },
      second: { [name]: ["B;q=0.9", "c;q=0.0 , A"] },
      expect: true,
    })),
    {
      id: "preferences that mean something else",
      vary: { Vary: "Accept-Language" },
      first: { "Accept-Language": "de, en;q=0.5" },
      second: { "Accept-Language": "en, de;q=0.5" },
      expect: false,
    },
    {
      id: "a field that only begins like a preference, in another order",
      vary: { Vary: "Accept-Ranges" },
      first: { "Accept-Ranges": "a, b" },
      second: { "Accept-Ranges": "b, a" },
      expect: false,
    },
    {
      id: "whitespace around members",
      vary: { Vary: "accept" },
      first: { Accept: "a,b" },
      second: { Accept: " a ,\t b " },
      expect: true,
    },
    {
      id: "whitespace within a member",
      vary: { Vary: "X-Choice" },
      first: { "X-Choice": "a;q=1" },
      second: { "X-Choice": "a; q=1" },
      expect: false,
    },
    {
      id: "one line or two",
      vary: { Vary: "Accept" },
      first: { Accept: "a, b" },
      second: { Accept: ["a", "b"] },
      expect: true,
    },
    {
      id: "all that are named, on all lines",
      vary: { Vary: ["Accept", "X-A, X-B"] },
      first: { Accept: "a", "X-A": "1", "X-B": "2" },
      second: { Accept: "a", "X-A": "1", "X-B": "3" },
      expect: false,
    },
    { id: "Vary: *", vary: { Vary: "*" }, first: {}, second: {}, expect: false },
    {
      id: "a name that objects have",
      vary: { Vary: "__proto__" },
      first: { ["__proto__"]: "1" },
      second: { ["__proto__"]: "2" },
      expect: false,
    },
  ];
  for (const row of rows) {
    test(`${row.id}: ${row.expect ? "matches" : "does not match"}`, () => {
      const selecting = selectingFields(lines(row.vary), lines(row.first));
      expect(variantMatches(selecting, lines(row.second))).toBe(row.expect);
    });
  }

  test("are kept by lower-case name, normalised, null where absent", () => {
    const request = lines({ ACCEPT: " a ,b", Cookie: "x=1; y=2" });
    expect(selectingFields(lines({ Vary: "X-None, Cookie, Accept, cookie" }), request)).toEqual({
      accept: '=[[true,"a","b"]]',
      cookie: "x=1; y=2",
      "x-none": null,
    });
  });
});

describe("variantId", () => {
  test("is empty when nothing selects", () => {
    expect(variantId({})).toBe("");
  });

  test("does not depend on the order of names", () => {
    expect(variantId({ b: "1", a: null })).toBe(variantId({ a: null, b: "1" }));
  });

  test("is the same exactly for the same selection, so that values cannot run into each other", () => {
    const names = fc.constantFrom("a", "b", "ab", "__proto__");
    const value = fc.option(fc.oneof(fieldValues, fc.constantFrom('","', '"]', "null", "a", "")));
    const selection = fc.dictionary(names, value, { maxKeys: 3, noNullPrototype: false });
    fc.assert(
      fc.property(selection, selection, (one, other) => {
        const sorted = (all: object) => Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(variantId(one) === variantId(other)).toBe(same);
      }),
      { numRuns: 2000 },
    );
  });

  test("a request selects again the variant that was stored for it", () => {
    const request = fc.array(fc.tuple(fc.constantFrom("Accept", "cookie", "X-A"), fieldValues));
    fc.assert(
      fc.property(request, (pairs) => {
        const names = ["x-a", "accept", "cookie"];
        const selecting = selectFrom(names, pairs.flat());
        expect(variantMatches(selecting, pairs.flat())).toBe(true);
        expect(variantId(selecting)).toBe(variantId(selectFrom(names.toReversed(), pairs.flat())));
      }),
      { numRuns: 500 },
    );
  });
});
