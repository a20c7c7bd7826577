import fc from "fast-check";
import { describe, expect } from "vitest";
import { entityTags, stronglyEqual, weaklyEqual } from "../../../src/policy/entity-tag.ts";
import { partOf } from "../../../src/policy/partial.ts";
import { rangeOf } from "../../../src/policy/range.ts";
import { aRequest, aStored, dateAt, NOW } from "../../policy/builders.ts";
import { fuzz } from "./harness.ts";

const NUMBERS = [
  "0",
  "1",
  "2",
  "5",
  "9",
  "10",
  "007",
  "9007199254740992",
  "9007199254740993",
  "9".repeat(400),
];
const number = fc.constantFrom("", ...NUMBERS);
const spec = fc
  .tuple(number, fc.constantFrom("-", "-", "-", " - ", "--", ""), number)
  .map((all) => all.join(""));
const rangeSet = fc
  .tuple(fc.array(spec, { maxLength: 20 }), fc.constantFrom(",", ", ", " ,\t", ",,"))
  .map(([specs, comma]) => specs.join(comma));
const few = fc.array(spec, { minLength: 1, maxLength: 3 }).map((specs) => specs.join(", "));
const ranges = fc
  .tuple(
    fc.constantFrom("bytes=", "bytes=", "bytes=", "Bytes=", "bytes =", "lines=", "bytes"),
    fc.oneof(few, few, rangeSet),
  )
  .map((all) => all.join(""));

/** Which bytes each range-spec selects (RFC 9110 §14.1.2), by looking at every one; undefined where the field is ignored. */
function selected(range: string, length: number): number[][] | undefined {
  const set = /^bytes=(.*)$/i.exec(range)?.[1];
  const specs = set
    ?.split(",")
    .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((each) => each !== "");
  if (specs === undefined || specs.length === 0) return undefined;
  const all: number[][] = [];
  for (const each of specs) {
    const [, first = "", last = ""] = /^([0-9]*)-([0-9]*)$/.exec(each) ?? [];
    if (first === "" && last === "") return undefined;
    if (first !== "" && last !== "" && BigInt(last) < BigInt(first)) return undefined;
    const from = first === "" ? BigInt(length) - BigInt(last) : BigInt(first);
    const to = first === "" || last === "" ? BigInt(length) : BigInt(last);
    all.push(Array.from({ length }, (_, at) => at).filter((at) => from <= at && at <= to));
  }
  return all;
}

fuzz("Range selects the bytes that RFC 9110 says, or means nothing", {
  corpus: "ranges",
  inputs: fc.tuple(ranges, fc.nat(12)),
  runs: 8000,
  holds: ([range, length]) => {
    const verdict = rangeOf(aRequest({ fields: { Range: range } }), aStored(), length, NOW);
    const specs = selected(range, length);
    const parts = (specs ?? []).filter((bytes) => bytes.length > 0);
    const bytesOf = ({ first, last }: { readonly first: number; readonly last: number }) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const overlapping = parts.filter((a) => parts.some((b) => a !== b && a.some((byte) => b.includes(byte))));
    // §14.2, §17.15: too much of it is no range at all; nor can a part of nothing be named (§14.4).
    const isExcessive =
      (parts.length > 1 && (overlapping.length > 2 || parts.flat().length > length)) ||
      (specs?.length ?? 0) > 16;
    const ofNothing = length === 0 && /(?:[=,]|^)[ \t]*-0*[1-9]/.test(range);
    switch (verdict.type) {
      case "whole":
        return expect(specs === undefined || isExcessive || ofNothing).toBe(true);
      case "unsatisfiable":
        return expect([specs !== undefined, parts, ofNothing]).toEqual([true, [], false]);
      case "part":
        return expect([bytesOf(verdict)]).toEqual(parts);
      case "parts":
        expect(isExcessive).toBe(false);
        return expect(verdict.parts.map(bytesOf)).toEqual(parts);
    }
  },
});

const TAGS = ['"a"', 'W/"a"', '"b"', '"W/"', '"a,b"', '"\\"', '""', "a", 'w/"a"', '"a', "*", "W/", '"\xff"'];
const dates = fc.constantFrom(dateAt(-60), dateAt(-1), dateAt(0), dateAt(-60).replace("GMT", "UTC"), "0", "");
const validators = fc.oneof(fc.constantFrom(...TAGS), dates);

fuzz("If-Range holds for the same bytes alone", {
  corpus: "if-ranges",
  inputs: fc.tuple(validators, fc.option(fc.constantFrom(...TAGS)), fc.option(dates), fc.boolean()),
  runs: 3000,
  holds: ([condition, etag, modified, dated]) => {
    const fields = {
      Date: dated ? dateAt(0) : undefined,
      ETag: etag ?? undefined,
      "Last-Modified": modified ?? undefined,
    };
    const request = aRequest({ fields: { Range: "bytes=0-0", "If-Range": condition } });
    const verdict = rangeOf(request, aStored({ fields }), 10, NOW);
    // §13.1.5: a strong tag, byte for byte, or the very date, where it is a second older than the answer (§8.8.2.2).
    const isTag = /^(?:W\/)?"/.test(condition);
    const isDate = /GMT$/.test(condition);
    const holds = isTag
      ? condition === etag && condition.startsWith('"')
      : isDate && condition === modified && dated && condition !== dateAt(0);
    expect(verdict.type).toBe(holds ? "part" : "whole");
  },
});

fuzz("If-None-Match names the tags that its grammar says", {
  corpus: "entity-tags",
  inputs: fc.tuple(
    fc.array(fc.constantFrom('"a"', 'W/"a"', '"b"', '"W/"', '"a,b"', '"\\"', '""', '"\xff"'), {
      maxLength: 4,
    }),
    fc.constantFrom(",", ", ", " ,\t", ",, "),
  ),
  runs: 1000,
  holds: ([tags, comma]) => {
    expect(entityTags(tags.join(comma))).toEqual(tags);
    for (const one of tags) {
      for (const other of tags) {
        const opaque = (tag: string) => tag.slice(tag.indexOf('"'));
        expect(weaklyEqual(one, other)).toBe(opaque(one) === opaque(other));
        expect(stronglyEqual(one, other)).toBe(one === other && !one.startsWith("W"));
      }
    }
  },
});

const NUMBERS_OF_PARTS = ["0", "1", "4", "9", "10", "1000000000000000", "*", "-1", "", "0x1", "1.0"];
const one = fc.constantFrom(...NUMBERS_OF_PARTS);

describe("a part", () => {
  fuzz("is what its Content-Range says, unless that contradicts itself or Content-Length", {
    corpus: "content-ranges",
    inputs: fc.record({
      unit: fc.constantFrom("bytes ", "bytes ", "bytes ", "Bytes ", "bytes", "bytes=", "lines "),
      first: one,
      last: one,
      length: one,
      times: fc.constantFrom(1, 1, 1, 2),
      contentLengths: fc.array(fc.constantFrom("1", "4", "5", "10", "a"), { maxLength: 2 }),
      multipart: fc.constantFrom(false, false, true),
    }),
    runs: 4000,
    holds: ({ unit, first, last, length, times, contentLengths, multipart }) => {
      const range = `${unit}${first}-${last}/${length}`;
      const fields = [
        ...Array.from({ length: times }, () => ["Content-Range", range]).flat(),
        ...contentLengths.flatMap((value) => ["Content-Length", value]),
        ...(multipart ? ["Content-Type", " Multipart/Byteranges; boundary=a"] : []),
      ];
      const numbers = [first, last, length].map((digits) =>
        /^[0-9]{1,15}$/.test(digits) ? Number(digits) : Number.NaN,
      );
      const [from, to, of] = numbers as [number, number, number];
      const right =
        /^bytes $/i.test(unit) &&
        times === 1 &&
        !multipart &&
        from <= to &&
        to < of &&
        contentLengths.every((value) => Number(value) === to - from + 1);
      expect(partOf(fields)).toEqual(right ? { first: from, last: to, length: of } : undefined);
    },
  });
});
