import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admitCompleted, type Combination, combine } from "../../src/policy/combine.ts";
import { fieldValue } from "../../src/policy/fields.ts";
import type { Part, StoredResponse } from "../../src/policy/stored-response.ts";
import { aRequest, aStored, dateAt, type Fields, later, lines, NOW, someSettings } from "./builders.ts";

const LENGTH = 10;
const TAG = { ETag: '"a"' };

const aPart = (first: number, last: number, fields: Fields = TAG, more: Partial<StoredResponse> = {}) => {
  const { fields: _, ...others } = more;
  return aStored({
    status: 206,
    statusMessage: "Partial Content",
    part: { first, last, length: LENGTH },
    bodyLength: last - first + 1,
    fields,
    ...others,
  });
};

const outcome = (older: StoredResponse, newer: StoredResponse, at = NOW, max = 1000): string => {
  const combination = combine(older, newer, at, max);
  if (combination.type !== "combined") return combination.type;
  const { union } = combination;
  return `${union.first}-${union.last}/${union.length}`;
};

describe("combine (RFC 9111 §3.4, RFC 9110 §15.3.7.3)", () => {
  const OTHER = { ETag: '"b"' };
  const WEAK = { ETag: 'W/"a"' };
  const DATED = { "Last-Modified": dateAt(-60) };
  test.each<[string, StoredResponse, StoredResponse, string]>([
    ["what follows", aPart(0, 3), aPart(4, 6), "0-6/10"],
    ["what precedes", aPart(4, 6), aPart(0, 3), "0-6/10"],
    ["what overlaps", aPart(0, 5), aPart(3, 7), "0-7/10"],
    ["what is inside", aPart(0, 7), aPart(3, 4), "0-7/10"],
    ["all of it together", aPart(0, 5), aPart(6, 9), "0-9/10"],
    ["what contains it replaces it", aPart(3, 4), aPart(0, 7), "replaced"],
    ["the same replaces it", aPart(3, 4), aPart(3, 4), "replaced"],
    ["after a gap", aPart(0, 3), aPart(5, 6), "replaced"],
    ["before a gap", aPart(5, 6), aPart(0, 3), "replaced"],
    ["of another representation", aPart(0, 3), aPart(4, 6, OTHER), "replaced"],
    ["by a weak tag", aPart(0, 3, WEAK), aPart(4, 6, WEAK), "replaced"],
    ["without validators", aPart(0, 3, {}), aPart(4, 6, {}), "replaced"],
    ["by the same strong date", aPart(0, 3, DATED), aPart(4, 6, DATED), "0-6/10"],
    ["by a tag on one side only", aPart(0, 3, { ...TAG, ...DATED }), aPart(4, 6, DATED), "replaced"],
    [
      "of another length",
      aPart(0, 3),
      aPart(4, 6, TAG, { part: { first: 4, last: 6, length: 11 } }),
      "replaced",
    ],
  ])("%s", (_id, older, newer, expected) => {
    expect(outcome(older, newer)).toBe(expected);
  });

  test("not more than an object may have", () => {
    expect(outcome(aPart(0, 3), aPart(4, 6), NOW, 7)).toBe("0-6/10");
    expect(outcome(aPart(0, 3), aPart(4, 6), NOW, 6)).toBe("replaced");
  });

  test("a complete response stays while it is usable", () => {
    const whole = aStored({ fields: TAG });
    expect(outcome(whole, aPart(0, 3))).toBe("stays");
    expect(outcome(whole, aPart(0, 3, OTHER))).toBe("stays");
    expect(outcome(whole, aPart(0, 3), later(60))).toBe("stays");
    expect(outcome(whole, aPart(0, 3, OTHER), later(59.9))).toBe("stays");
    expect(outcome(whole, aPart(0, 3, OTHER), later(60))).toBe("replaced");
    // A clock was set back.
    expect(outcome(whole, aPart(0, 3, OTHER), later(-10))).toBe("stays");
    expect(outcome(whole, aPart(0, 3, OTHER), later(-11))).toBe("replaced");
  });

  describe("of a long representation", () => {
    const MIB = 2 ** 20;
    const ofMany = (first: number, last: number, more: Partial<StoredResponse> = {}) =>
      aPart(first, last, TAG, { part: { first, last, length: 16 * MIB }, ...more });
    test.each<[string, StoredResponse, StoredResponse, string]>([
      [
        "one byte more is not worth writing all again",
        ofMany(0, 15 * MIB - 1),
        ofMany(15 * MIB, 15 * MIB),
        "stays",
      ],
      ["nor one before", ofMany(1, 15 * MIB), ofMany(0, 0), "stays"],
      ["nor what is inside", ofMany(0, 15 * MIB), ofMany(5, MIB), "stays"],
      [
        "but the last byte is",
        ofMany(0, 16 * MIB - 2),
        ofMany(16 * MIB - 1, 16 * MIB - 1),
        "0-16777215/16777216",
      ],
      ["a sixteenth is", ofMany(0, 15 * 65_536 - 1), ofMany(15 * 65_536, MIB - 1), "0-1048575/16777216"],
      ["a byte less is not", ofMany(0, 15 * 65_536), ofMany(15 * 65_536 + 1, MIB - 1), "stays"],
      [
        "256 KiB are of anything",
        ofMany(0, 15 * MIB - 1),
        ofMany(15 * MIB, 15.25 * MIB - 1),
        "0-15990783/16777216",
      ],
      ["any byte is of little", ofMany(0, 262_142), ofMany(262_143, 262_143), "0-262143/16777216"],
      ["and of a little more not", ofMany(0, 262_143), ofMany(262_144, 262_144), "stays"],
    ])("%s", (_id, older, newer, expected) => {
      expect(outcome(older, newer, NOW, 16 * MIB)).toBe(expected);
    });

    test("what is stale is written again where the newer part makes it fresh", () => {
      const older = ofMany(0, 15 * MIB);
      const newer = ofMany(1, 2, { responseTime: later(60) });
      expect(outcome(older, newer, later(60), 16 * MIB)).toBe("0-15728640/16777216");
      // Where nothing is ever fresh, every part would be such a one.
      const never = { freshnessLifetime: 0 };
      expect(outcome(ofMany(0, 15 * MIB, never), ofMany(1, 2, never), NOW, 16 * MIB)).toBe("stays");
    });
  });

  test("the newer fields and lifetime count, and those that only the older has stay", () => {
    const older = aPart(0, 3, { ...TAG, "X-Old": "1", "X-Both": "old" }, { tags: ["g"] });
    const newer = aPart(
      4,
      6,
      { ...TAG, Date: dateAt(5), "X-Both": "new" },
      {
        responseTime: later(5),
        freshnessLifetime: 9,
        epoch: 3,
      },
    );
    const { head } = combine(older, newer, NOW, 1000) as Extract<Combination, { type: "combined" }>;
    expect(head).toMatchObject({ responseTime: later(5), freshnessLifetime: 9, epoch: 3, tags: ["g"] });
    expect(["x-old", "x-both", "date"].map((name) => fieldValue(head.fields, name))).toEqual([
      "1",
      "new",
      dateAt(5),
    ]);
    expect([head.status, head.part, head.etag]).toEqual([206, { first: 0, last: 6, length: LENGTH }, '"a"']);
  });

  test("the whole is a complete response", () => {
    const { head } = combine(aPart(0, 3), aPart(2, 9), NOW, 1000) as Extract<
      Combination,
      { type: "combined" }
    >;
    expect([head.status, head.statusMessage]).toEqual([200, "OK"]);
    expect(head).not.toHaveProperty("part");
  });

  test("the union has every byte of both and no other, and is contiguous", () => {
    const range = fc
      .tuple(fc.nat(LENGTH - 1), fc.nat(LENGTH - 1))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    const bytesOf = ({ first, last }: Pick<Part, "first" | "last">) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i);
    fc.assert(
      fc.property(range, range, (a, b) => {
        const [older, newer] = [a, b].map(([first, last]) => aPart(first as number, last as number));
        const combination = combine(older!, newer!, NOW, 1000);
        if (combination.type !== "combined") return;
        const both = new Set([...bytesOf(older!.part!), ...bytesOf(newer!.part!)]);
        expect(bytesOf(combination.union)).toEqual([...both].sort((x, y) => x - y));
      }),
    );
  });
});

describe("a completed response (RFC 9111 §3.4)", () => {
  const TIMES = { requestTime: later(90), responseTime: later(90) };
  const PART = { first: 0, last: 3, length: LENGTH };
  const stored = { ...aPart(0, 3, { ...TAG, "X-Old": "1" }), part: PART };
  const completedBy = (fields: Fields, status = 206) =>
    admitCompleted(
      stored,
      aRequest(),
      {
        status,
        statusMessage: "Partial Content",
        fields: lines({ "Content-Range": "bytes 4-9/10", ...fields }),
      },
      TIMES,
      9,
      someSettings(),
    );

  test("has the new answer's fields and lifetime, and the complete length", () => {
    const completed = completedBy({ ...TAG, "Cache-Control": "max-age=30", "Content-Length": "6" });
    expect(completed?.admission).toMatchObject({
      type: "store",
      head: { status: 200, statusMessage: "OK", freshnessLifetime: 30, epoch: 9, responseTime: later(90) },
    });
    const fields = completed?.fields ?? [];
    expect(
      ["x-old", "content-length", "content-range", "date"].map((name) => fieldValue(fields, name)),
    ).toEqual(["1", "10", undefined, dateAt(90)]);
  });

  test("may be forbidden by the new answer", () => {
    expect(completedBy({ ...TAG, "Cache-Control": "no-store" })?.admission).toEqual({
      type: "discard",
      reason: "no-store",
    });
  });

  test("is none when the answer is not the rest", () => {
    expect(completedBy({ ETag: '"b"', "Cache-Control": "max-age=30" })).toBeUndefined();
    expect(completedBy({ ...TAG, "Cache-Control": "max-age=30" }, 200)).toBeUndefined();
  });
});
