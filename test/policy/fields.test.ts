import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  endToEnd,
  fieldLineValues,
  fieldValue,
  HOP_BY_HOP,
  hasField,
  listedNames,
  listMembers,
  trimOws,
  withoutFields,
} from "../../src/policy/fields.ts";
import { fieldValues } from "./builders.ts";

const LISTS: readonly (readonly [id: string, clause: string, value: string, members: string[]])[] = [
  ["members", "RFC 9110 §5.6.1", "a, b,c", ["a", "b", "c"]],
  ["empty members", "RFC 9110 §5.6.1.2", ", a,, ,b ,", ["a", "b"]],
  ["nothing", "RFC 9110 §5.6.1.2", "", []],
  ["spaces and tabs", "RFC 9110 §5.6.3", "\t a \t,\tb", ["a", "b"]],
  ["other blanks stay", "RFC 9110 §5.6.3", "\xa0a,b\v", ["\xa0a", "b\v"]],
  ["comma in quotes", "RFC 9110 §5.6.4", '"a, b", c', ['"a, b"', "c"]],
  ["quote in the middle", "RFC 9110 §5.6.4", 'x="a,b";y, c', ['x="a,b";y', "c"]],
  ["escaped quote", "RFC 9110 §5.6.4", '"a\\", b", c', ['"a\\", b"', "c"]],
  ["escaped backslash", "RFC 9110 §5.6.4", '"a\\\\", b', ['"a\\\\"', "b"]],
  ["backslash outside quotes", "RFC 9110 §5.6.4", 'a\\, "b, c"', ["a\\", '"b, c"']],
  ["unclosed quote takes the rest", "RFC 9110 §5.6.4", 'a, "b, c', ["a", '"b, c']],
];

describe("listMembers", () => {
  for (const [id, clause, value, members] of LISTS) {
    test(`${id} (${clause})`, () => {
      expect(listMembers(value)).toEqual(members);
    });
  }

  test("gives the same members when they are joined again", () => {
    fc.assert(
      fc.property(fieldValues, (value) => {
        const members = listMembers(value);
        expect(listMembers(members.join(", "))).toEqual(members);
        for (const member of members) expect(trimOws(member)).toBe(member);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("field lines", () => {
  const all = ["Accept", "a", "X-One", "1", "ACCEPT", "b", "accept", "a"];

  test("fieldLineValues keeps every line, in order, whatever its case (RFC 9110 §5.2)", () => {
    expect(fieldLineValues(all, "accept")).toEqual(["a", "b", "a"]);
    expect(fieldLineValues(all, "accep")).toEqual([]);
  });

  test("fieldValue combines lines with a comma (RFC 9110 §5.3)", () => {
    expect(fieldValue(all, "accept")).toBe("a, b, a");
    expect(fieldValue(all, "x-one")).toBe("1");
    expect(fieldValue(all, "one")).toBeUndefined();
    expect(fieldValue(["X", ""], "x")).toBe("");
  });

  test("hasField looks at names, never at values", () => {
    expect(hasField(all, "x-one")).toBe(true);
    expect(hasField(["X", "accept", "Y", "z"], "accept")).toBe(false);
  });

  test("withoutFields takes out every line of a name and leaves case and order", () => {
    expect(withoutFields(all, new Set(["accept"]))).toEqual(["X-One", "1"]);
    expect(withoutFields(all, new Set(["x-one"]))).toEqual(["Accept", "a", "ACCEPT", "b", "accept", "a"]);
  });

  test("listedNames are lower-case, from all lines", () => {
    expect(listedNames(["Vary", "Accept, X-A", "vary", "COOKIE"], "vary")).toEqual([
      "accept",
      "x-a",
      "cookie",
    ]);
    expect(listedNames([], "vary")).toEqual([]);
  });
});

describe("endToEnd (RFC 9110 §7.6.1)", () => {
  const names = [
    ...["connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"],
    ...["proxy-authentication-info", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"],
  ];
  for (const name of names) {
    test(`takes out ${name}, in any case`, () => {
      expect(endToEnd([name.toUpperCase(), "x", "X-Kept", "1", name, "y"])).toEqual(["X-Kept", "1"]);
    });
  }

  test("takes out what Connection names, on any of its lines", () => {
    const response = ["X-A", "1", "Connection", "close, x-a", "X-B", "2", "connection", "X-B", "X-C", "3"];
    expect(endToEnd(response)).toEqual(["X-C", "3"]);
  });

  test("is idempotent, and what is left is neither hop-by-hop nor named", () => {
    const name = fc.constantFrom("Connection", "X-A", "x-b", "TE", "Upgrade", "Date", "Keep-Alive");
    const value = fc.oneof(name, fc.constantFrom("close, X-A", '"x-b"', "date,,te"), fieldValues);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
        const response = pairs.flat();
        const kept = endToEnd(response);
        expect(endToEnd(kept)).toEqual(kept);
        const named = listedNames(response, "connection");
        for (let i = 0; i < kept.length; i += 2) {
          const left = kept[i]!.toLowerCase();
          expect(HOP_BY_HOP.has(left) || named.includes(left)).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });
});
