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
  type Row = readonly [id: string, vary: Fields, first: Fields, second: Fields, matches: boolean];
  const rows: readonly Row[] = [
    ["no Vary", {}, { Accept: "a" }, { Accept: "b" }, true],
    ["the same", { Vary: "Accept" }, { Accept: "a" }, { accept: "a" }, true],
    ["another", { Vary: "Accept" }, { Accept: "a" }, { Accept: "b" }, false],
    ["another case", { Vary: "X-Choice" }, { "X-Choice": "a" }, { "X-Choice": "A" }, false],
    ["another order", { Vary: "X-Choice" }, { "X-Choice": "a, b" }, { "X-Choice": "b, a" }, false],
    ["absent in both", { Vary: "Accept" }, {}, {}, true],
    ["absent in the second", { Vary: "Accept" }, { Accept: "a" }, {}, false],
    ["absent in the first", { Vary: "Accept" }, {}, { Accept: "a" }, false],
    ["absent is not empty", { Vary: "Accept" }, {}, { Accept: "" }, false],
    ...["Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language"].map(
      (name): Row => [
        `${name} in another case, order and weight that mean the same`,
        { Vary: name },
        { [name]: "a, b;q=0.5, C;q=0" },
        { [name]: ["B;q=0.9", "c;q=0.0 , A"] },
        true,
      ],
    ),
    [
      "preferences that mean something else",
      { Vary: "Accept-Language" },
      { "Accept-Language": "de, en;q=0.5" },
      { "Accept-Language": "en, de;q=0.5" },
      false,
    ],
    [
      "a field that only begins like a preference, in another order",
      { Vary: "Accept-Ranges" },
      { "Accept-Ranges": "a, b" },
      { "Accept-Ranges": "b, a" },
      false,
    ],
    ["whitespace around members", { Vary: "accept" }, { Accept: "a,b" }, { Accept: " a ,\t b " }, true],
    [
      "whitespace within a member",
      { Vary: "X-Choice" },
      { "X-Choice": "a;q=1" },
      { "X-Choice": "a; q=1" },
      false,
    ],
    ["empty members of a preference", { Vary: "Accept" }, { Accept: "a,,b" }, { Accept: "a,b" }, true],
    ["empty members of another", { Vary: "X-User" }, { "X-User": "a,,b" }, { "X-User": "a,b" }, false],
    ["an empty member at the end", { Vary: "X-User" }, { "X-User": "a," }, { "X-User": "a" }, false],
    ["one line or two", { Vary: "Accept" }, { Accept: "a, b" }, { Accept: ["a", "b"] }, true],
    [
      "all that are named, on all lines",
      { Vary: ["Accept", "X-A, X-B"] },
      { Accept: "a", "X-A": "1", "X-B": "2" },
      { Accept: "a", "X-A": "1", "X-B": "3" },
      false,
    ],
    ["Vary: *", { Vary: "*" }, {}, {}, false],
    [
      "a name that objects have",
      { Vary: "__proto__" },
      { ["__proto__"]: "1" },
      { ["__proto__"]: "2" },
      false,
    ],
  ];
  for (const [id, vary, first, second, matches] of rows) {
    test(`${id}: ${matches ? "matches" : "does not match"}`, () => {
      const selecting = selectingFields(lines(vary), lines(first));
      expect(variantMatches(selecting, lines(second))).toBe(matches);
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

describe("a long value", () => {
  const codings = (last: string) => [...Array.from({ length: 2000 }, (_, i) => `c${i}`), last].join(", ");

  test("that many variants are compared with is read once for all of them", () => {
    const variants = Array.from({ length: 32 }, (_, i) => ({ "accept-encoding": `=[[true,"v${i}"]]` }));
    const matchAll = (request: (variant: number) => readonly string[]) => {
      const before = process.cpuUsage();
      for (const [i, variant] of variants.entries()) expect(variantMatches(variant, request(i))).toBe(false);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const requests = variants.map(() => lines({ "accept-encoding": codings("x") }));
    const one = lines({ "accept-encoding": codings("x") });
    const each = matchAll((i) => requests[i] as readonly string[]);
    const same = matchAll(() => one);
    // A thirtieth, were nothing else done.
    expect(same).toBeLessThan(each / 3);
  });

  test("is told from another of the same request, and from the same field's of another request", () => {
    const request = lines({ "accept-encoding": codings("x"), accept: codings("y") });
    const selecting = selectFrom(["accept-encoding", "accept"], request);
    expect(selecting["accept"]).not.toBe(selecting["accept-encoding"]);
    expect(variantMatches(selecting, request)).toBe(true);
    const other = lines({ "accept-encoding": codings("z"), accept: codings("y") });
    expect(variantMatches(selecting, other)).toBe(false);
    const again = [...request];
    expect(variantMatches(selecting, again)).toBe(true);
    again[1] = codings("z");
    expect(variantMatches(selecting, again)).toBe(false);
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
