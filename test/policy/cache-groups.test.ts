import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cacheGroups, invalidatedGroups } from "../../src/policy/cache-groups.ts";
import { type Fields, fieldValues, lines, URI } from "./builders.ts";

interface Row {
  readonly id: string;
  readonly clause: string;
  readonly value: string | readonly string[];
  readonly expect: readonly string[];
}

const LISTS: readonly Row[] = [
  { id: "one", clause: "§2", value: '"a"', expect: ["a"] },
  { id: "several, in whatever order", clause: "§2", value: '"b", "a"', expect: ["b", "a"] },
  { id: "on several lines", clause: "RFC 9651 §4.2", value: ['"a"', '"b","c"'], expect: ["a", "b", "c"] },
  { id: "the same twice", clause: "§2", value: '"a", "b", "a"', expect: ["a", "b"] },
  { id: "character by character: case counts", clause: "§2.1", value: '"a", "A"', expect: ["a", "A"] },
  { id: "spaces count, too", clause: "§2.1", value: '"a", " a", "a "', expect: ["a", " a", "a "] },
  { id: "commas and semicolons in them", clause: "RFC 9651 §3.3.3", value: '"a,b;c"', expect: ["a,b;c"] },
  { id: "escapes", clause: "RFC 9651 §3.3.3", value: '"a\\"b\\\\"', expect: ['a"b\\'] },
  { id: "parameters are ignored", clause: "§2", value: '"a";x, "b";y="c";z=1', expect: ["a", "b"] },
  { id: "the empty string is a group like any other", clause: "§2", value: '""', expect: [""] },
  { id: "a name that objects have", clause: "§2", value: '"__proto__"', expect: ["__proto__"] },
  { id: "empty", clause: "RFC 9651 §4.2", value: "", expect: [] },
  { id: "a token", clause: "§2", value: "a", expect: [] },
  { id: "a token among strings", clause: "§2", value: '"a", b', expect: [] },
  { id: "an inner list", clause: "§2", value: '("a" "b")', expect: [] },
  { id: "a number", clause: "§2", value: '"a", 1', expect: [] },
  { id: "a boolean", clause: "§2", value: "?1", expect: [] },
  { id: "a display string", clause: "§2", value: '%"a"', expect: [] },
  { id: "no comma", clause: "RFC 9651 §4.2", value: '"a" "b"', expect: [] },
  { id: "a comma too many", clause: "RFC 9651 §4.2", value: '"a", ', expect: [] },
  { id: "an unterminated string", clause: "RFC 9651 §4.2", value: '"a", "b', expect: [] },
  { id: "a wrong escape", clause: "RFC 9651 §4.2", value: '"a\\b"', expect: [] },
  { id: "bytes beyond ASCII", clause: "RFC 9651 §4.2", value: '"a", "\xe9"', expect: [] },
];

describe("Cache-Groups and Cache-Group-Invalidation are lists of strings", () => {
  for (const row of LISTS) {
    test(`${row.id} (${row.clause})`, () => {
      expect(cacheGroups(lines({ "Cache-Groups": row.value }), URI)).toEqual(row.expect);
      const fields = lines({ "Cache-Group-Invalidation": row.value });
      expect(invalidatedGroups({ method: "PUT" }, { status: 200, fields })).toEqual(row.expect);
    });
  }

  test("absent is none", () => {
    expect(cacheGroups(lines({ "Cache-Group-Invalidation": '"a"', "Cache-Group": '"a"' }), URI)).toEqual([]);
  });

  test("a response that answers several queries is in the group of its path's searches, if it says so validly", () => {
    const groups = (value: string) =>
      cacheGroups(lines({ "Cache-Groups": '"a"', "No-Vary-Search": value }), URI);
    expect(groups('params=("utm")')).toEqual(["a", "?/data"]);
    expect(groups("key-order")).toEqual(["a", "?/data"]);
    expect(groups("utm")).toEqual(["a"]);
  });
});

describe("Cache-Group-Invalidation (§3)", () => {
  const given = (method: string, status: number, fields: Fields = { "cache-group-INVALIDATION": '"a"' }) =>
    invalidatedGroups({ method }, { status, fields: lines(fields) });

  test.each(["POST", "PUT", "PATCH", "DELETE", "FROB", "get"])("counts for %s", (method) => {
    expect(given(method, 200)).toEqual(["a"]);
  });

  test.each(["GET", "HEAD", "OPTIONS", "TRACE"])("is ignored for %s", (method) => {
    expect(given(method, 200)).toEqual([]);
  });

  test.each([
    [199, []],
    [200, ["a"]],
    [204, ["a"]],
    [303, ["a"]],
    [399, ["a"]],
    [400, []],
    [404, []],
    [500, []],
  ])("on an answer with status %i: %j (as in RFC 9111 §4.4)", (status, expected) => {
    expect(given("PUT", status)).toEqual(expected);
  });

  test("names groups to invalidate; those that the answer itself is in are not", () => {
    expect(given("PUT", 200, { "Cache-Groups": '"a"' })).toEqual([]);
  });
});

test("whatever comes: never throws, no group twice", () => {
  fc.assert(
    fc.property(fc.array(fieldValues, { maxLength: 3 }), (values) => {
      const groups = cacheGroups(lines({ "Cache-Groups": values }), URI);
      expect(new Set(groups).size).toBe(groups.length);
    }),
    { numRuns: 1000 },
  );
});

test("every list of printable strings is read back as it was written", () => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(
    fc.property(fc.uniqueArray(printable, { maxLength: 40 }), (groups) => {
      const written = groups.map((group) => `"${group.replace(/["\\]/g, "\\$&")}"`).join(", ");
      expect(cacheGroups(["Cache-Groups", written], URI)).toEqual(groups);
    }),
  );
});
