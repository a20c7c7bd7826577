import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ByteRange, hasBytesFor, type RangeVerdict, rangeOf } from "../../src/policy/range.ts";
import { aRequest, aStored, dateAt, type Fields, fieldValues, NOW } from "./builders.ts";

interface Row {
  readonly id: string;
  readonly clause: string;
  readonly range: string | readonly string[];
  readonly asked?: Fields;
  readonly fields?: Fields;
  readonly method?: string;
  readonly status?: number;
  readonly length?: number;
  readonly expect: RangeVerdict;
}

const WHOLE: RangeVerdict = { type: "whole" };
const NONE: RangeVerdict = { type: "unsatisfiable" };
const part = (first: number, last: number): RangeVerdict => ({ type: "part", first, last });
const parts = (...ranges: readonly (readonly [number, number])[]): RangeVerdict => ({
  type: "parts",
  parts: ranges.map(([first, last]) => ({ first, last })),
});

const ETAG = { ETag: '"a"' };
const WEAK = { ETag: 'W/"a"' };
const MODIFIED = { "Last-Modified": dateAt(-100) };
const ifRange = (value: string): Fields => ({ "If-Range": value });

const ROWS: readonly Row[] = [
  { id: "first-last", clause: "RFC 9110 §14.1.2", range: "bytes=2-5", expect: part(2, 5) },
  { id: "one byte", clause: "RFC 9110 §14.1.2", range: "bytes=0-0", expect: part(0, 0) },
  { id: "all of it", clause: "RFC 9110 §14.1.2", range: "bytes=0-9", expect: part(0, 9) },
  { id: "open", clause: "RFC 9110 §14.1.2", range: "bytes=4-", expect: part(4, 9) },
  { id: "suffix", clause: "RFC 9110 §14.1.2", range: "bytes=-3", expect: part(7, 9) },
  { id: "suffix beyond the start", clause: "RFC 9110 §14.1.2", range: "bytes=-30", expect: part(0, 9) },
  { id: "last beyond the end", clause: "RFC 9110 §14.1.2", range: "bytes=8-99", expect: part(8, 9) },
  { id: "first is the last byte", clause: "RFC 9110 §14.1.2", range: "bytes=9-", expect: part(9, 9) },
  { id: "any case", clause: "RFC 9110 §14.1.2", range: "BYTES=2-5", expect: part(2, 5) },
  { id: "whitespace", clause: "RFC 9110 §14.1.2", range: "bytes= 2-5 ", expect: part(2, 5) },
  { id: "huge last", clause: "RFC 9110 §14.1.2", range: `bytes=2-${"9".repeat(400)}`, expect: part(2, 9) },
  { id: "huge suffix", clause: "RFC 9110 §14.1.2", range: `bytes=-${"9".repeat(400)}`, expect: part(0, 9) },
  { id: "first at the end", clause: "RFC 9110 §14.1.2", range: "bytes=10-", expect: NONE },
  { id: "first beyond the end", clause: "RFC 9110 §14.1.2", range: "bytes=10-12", expect: NONE },
  { id: "huge first", clause: "RFC 9110 §14.1.2", range: `bytes=${"9".repeat(400)}-`, expect: NONE },
  { id: "empty suffix", clause: "RFC 9110 §14.1.2", range: "bytes=-0", expect: NONE },
  { id: "first after last", clause: "RFC 9110 §14.1.2", range: "bytes=5-2", expect: WHOLE },
  { id: "neither", clause: "RFC 9110 §14.1.2", range: "bytes=-", expect: WHOLE },
  { id: "negative", clause: "RFC 9110 §14.1.2", range: "bytes=-2-5", expect: WHOLE },
  { id: "hexadecimal", clause: "RFC 9110 §14.1.2", range: "bytes=0x1-5", expect: WHOLE },
  { id: "another unit", clause: "RFC 9110 §14.1.2", range: "items=2-5", expect: WHOLE },
  { id: "no unit", clause: "RFC 9110 §14.1.2", range: "2-5", expect: WHOLE },
  { id: "two ranges", clause: "RFC 9110 §14.1.2", range: "bytes=0-1,3-4", expect: parts([0, 1], [3, 4]) },
  {
    id: "any order",
    clause: "RFC 9110 §15.3.7.2",
    range: "bytes=-1 , 4-5,\t0-0",
    expect: parts([9, 9], [4, 5], [0, 0]),
  },
  { id: "empty members", clause: "RFC 9110 §5.6.1.2", range: "bytes=,2-5, ,", expect: part(2, 5) },
  { id: "only empty members", clause: "RFC 9110 §14.1.2", range: "bytes= , ", expect: WHOLE },
  {
    id: "one of several beyond the end",
    clause: "RFC 9110 §15.3.7.2",
    range: "bytes=20-30,2-5",
    expect: part(2, 5),
  },
  { id: "all of several beyond the end", clause: "RFC 9110 §15.5.17", range: "bytes=20-30,-0", expect: NONE },
  { id: "one of several malformed", clause: "RFC 9110 §14.2", range: "bytes=0-1,x", expect: WHOLE },
  { id: "one of several backwards", clause: "RFC 9110 §14.2", range: "bytes=0-1,5-4", expect: WHOLE },
  {
    id: "two that overlap",
    clause: "RFC 9110 §14.2",
    range: "bytes=0-3,3-5",
    expect: parts([0, 3], [3, 5]),
  },
  { id: "more than two that overlap", clause: "RFC 9110 §14.2", range: "bytes=0-1,1-2,2-3", expect: WHOLE },
  {
    id: "as long as the whole together",
    clause: "RFC 9110 §17.15",
    range: "bytes=5-,0-4",
    expect: parts([5, 9], [0, 4]),
  },
  { id: "longer than the whole together", clause: "RFC 9110 §17.15", range: "bytes=5-,0-5", expect: WHOLE },
  {
    id: "sixteen",
    clause: "RFC 9110 §17.15",
    range: `bytes=${Array.from({ length: 16 }, (_, i) => `${2 * i}-${2 * i}`).join()}`,
    length: 100,
    expect: parts(...Array.from({ length: 16 }, (_, i) => [2 * i, 2 * i] as const)),
  },
  {
    id: "seventeen",
    clause: "RFC 9110 §17.15",
    range: `bytes=${Array.from({ length: 17 }, (_, i) => `${2 * i}-${2 * i}`).join()}`,
    length: 100,
    expect: WHOLE,
  },
  { id: "two lines", clause: "RFC 9110 §5.3", range: ["bytes=0-1", "bytes=3-4"], expect: WHOLE },
  {
    id: "two lines of one list",
    clause: "RFC 9110 §5.3",
    range: ["bytes=0-1", "3-4"],
    expect: parts([0, 1], [3, 4]),
  },
  { id: "HEAD", clause: "RFC 9110 §14.2", range: "bytes=2-5", method: "HEAD", expect: WHOLE },
  { id: "404", clause: "RFC 9110 §14.2", range: "bytes=2-5", status: 404, expect: WHOLE },
  { id: "empty: from its start", clause: "RFC 9110 §14.1.2", range: "bytes=0-", length: 0, expect: NONE },
  { id: "empty: suffix", clause: "RFC 9110 §14.1.2", range: "bytes=-5", length: 0, expect: WHOLE },
  ...[
    { id: "the same tag", asked: ifRange('"a"'), fields: ETAG, expect: part(2, 5) },
    { id: "another tag", asked: ifRange('"b"'), fields: ETAG, expect: WHOLE },
    { id: "a weak tag", asked: ifRange('W/"a"'), fields: WEAK, expect: WHOLE },
    { id: "a strong tag for a weak one", asked: ifRange('"a"'), fields: WEAK, expect: WHOLE },
    { id: "a tag, and none stored", asked: ifRange('"a"'), fields: MODIFIED, expect: WHOLE },
    { id: "the same date", asked: ifRange(dateAt(-100)), fields: MODIFIED, expect: part(2, 5) },
    { id: "a later date", asked: ifRange(dateAt(-99)), fields: MODIFIED, expect: WHOLE },
    { id: "an earlier date", asked: ifRange(dateAt(-101)), fields: MODIFIED, expect: WHOLE },
    { id: "a date, and none stored", asked: ifRange(dateAt(-100)), fields: ETAG, expect: WHOLE },
    {
      id: "a date one second before the answer is strong",
      asked: ifRange(dateAt(-1)),
      fields: { "Last-Modified": dateAt(-1) },
      expect: part(2, 5),
    },
    {
      id: "a date in the answer's own second is weak",
      asked: ifRange(dateAt(0)),
      fields: { "Last-Modified": dateAt(0) },
      expect: WHOLE,
    },
    { id: "neither tag nor date", asked: ifRange("a"), fields: { ETag: "a", ...MODIFIED }, expect: WHOLE },
    {
      id: "unsatisfiable, and If-Range fails",
      range: "bytes=99-",
      asked: ifRange('"b"'),
      fields: ETAG,
      expect: WHOLE,
    },
  ].map((row) => ({ range: "bytes=2-5", clause: "RFC 9110 §13.1.5", ...row, id: `If-Range: ${row.id}` })),
];

const verdict = ({ range, asked, fields, method, status, length }: Omit<Row, "id" | "clause" | "expect">) =>
  rangeOf(
    aRequest({ method: method ?? "GET", fields: { Range: range, ...asked } }),
    aStored({ status: status ?? 200, fields: fields ?? {} }),
    length ?? 10,
    NOW,
  );

describe("rangeOf", () => {
  for (const row of ROWS) {
    test(`${row.id} (${row.clause})`, () => {
      expect(verdict(row)).toEqual(row.expect);
    });
  }

  test("without a Range, If-Range means nothing (RFC 9110 §13.1.5)", () => {
    expect(rangeOf(aRequest({ fields: ifRange('"a"') }), aStored({ fields: ETAG }), 10, NOW)).toEqual(WHOLE);
  });

  const position = fc.oneof(fc.constant(""), fc.nat(12).map(String), fc.bigInt({ min: 0n }).map(String));
  const spec = fc.tuple(position, position).map(([first, last]) => `${first}-${last}`);
  const ranges = fc.oneof(
    fc.array(spec, { minLength: 1, maxLength: 4 }).map((specs) => `bytes=${specs.join(", ")}`),
    fieldValues.map((value) => `bytes=${value}`),
    fieldValues,
  );
  const wanted = (answer: RangeVerdict): readonly ByteRange[] =>
    answer.type === "part" ? [answer] : answer.type === "parts" ? answer.parts : [];

  test("parts lie within the representation and are not longer than it together, whatever is asked", () => {
    fc.assert(
      fc.property(ranges, fc.nat(12), (range, length) => {
        const answer = verdict({ range, length });
        let bytes = 0;
        for (const { first, last } of wanted(answer)) {
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeGreaterThanOrEqual(first);
          expect(last).toBeLessThan(length);
          bytes += last - first + 1;
        }
        expect(bytes).toBeLessThanOrEqual(length);
        if (answer.type === "parts") expect(answer.parts.length).toBeGreaterThan(1);
      }),
      { numRuns: 2000 },
    );
  });

  test("each of several ranges selects the bytes that it selects alone (RFC 9110 §14.1.2)", () => {
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 12 }),
        (specs, length) => {
          const answer = verdict({ range: `bytes=${specs.join()}`, length });
          if (answer.type === "whole") return;
          const alone = specs.map((one) => verdict({ range: `bytes=${one}`, length }));
          expect(wanted(answer).map(({ first, last }) => [first, last])).toEqual(
            alone.flatMap(wanted).map(({ first, last }) => [first, last]),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("a stored part is asked the same as the whole (RFC 9111 §3.3)", () => {
    const stored = aStored({ status: 206, part: { first: 2, last: 5, length: 10 }, bodyLength: 4 });
    fc.assert(
      fc.property(ranges, (range) => {
        const request = aRequest({ fields: { Range: range } });
        expect(rangeOf(request, stored, 10, NOW)).toEqual(verdict({ range }));
      }),
    );
  });
});

describe("hasBytesFor (RFC 9111 §3.3)", () => {
  const PART = { first: 4, last: 7, length: 10 };
  const END = { first: 4, last: 9, length: 10 };
  const START = { first: 0, last: 4, length: 10 };
  const rows = [
    { id: "exactly it", part: PART, range: "bytes=4-7", expect: true },
    { id: "inside it", part: PART, range: "bytes=5-6", expect: true },
    { id: "its first byte", part: PART, range: "bytes=4-4", expect: true },
    { id: "its last byte", part: PART, range: "bytes=7-7", expect: true },
    { id: "one byte before", part: PART, range: "bytes=3-7", expect: false },
    { id: "one byte after", part: PART, range: "bytes=4-8", expect: false },
    { id: "beside it", part: PART, range: "bytes=0-1", expect: false },
    { id: "open, and it does not reach the end", part: PART, range: "bytes=5-", expect: false },
    { id: "open, and it reaches the end", part: END, range: "bytes=5-", expect: true },
    { id: "open from before it", part: END, range: "bytes=3-", expect: false },
    { id: "a suffix, and it does not reach the end", part: PART, range: "bytes=-2", expect: false },
    { id: "a suffix, and it reaches the end", part: END, range: "bytes=-6", expect: true },
    { id: "a longer suffix", part: END, range: "bytes=-7", expect: false },
    { id: "several inside it", part: PART, range: "bytes=4-5,7-7", expect: true },
    { id: "several, one outside", part: PART, range: "bytes=4-5,8-8", expect: false },
    { id: "beyond the whole", part: PART, range: "bytes=10-", expect: true },
    { id: "no range", part: START, range: undefined, expect: false },
    { id: "a range that is ignored", part: START, range: "lines=1-2", expect: false },
    { id: "all", part: START, range: "bytes=0-", expect: false },
    { id: "If-Range that holds", part: PART, range: "bytes=4-7", asked: ifRange('"a"'), expect: true },
    { id: "If-Range that fails", part: PART, range: "bytes=4-7", asked: ifRange('"b"'), expect: false },
  ];
  for (const { id, part: stored, range, asked, expect: expected } of rows) {
    test(id, () => {
      const request = aRequest({ fields: { Range: range, ...asked } });
      const response = aStored({ status: 206, fields: ETAG, part: stored });
      expect(hasBytesFor(request, response, NOW)).toBe(expected);
    });
  }

  test("HEAD wants none, and a complete response has all", () => {
    const response = aStored({ status: 206, part: START });
    expect(hasBytesFor(aRequest({ method: "HEAD" }), response, NOW)).toBe(true);
    expect(hasBytesFor(aRequest(), aStored(), NOW)).toBe(true);
  });

  test("never a part without Range, or for more than it holds", () => {
    const range = fc.option(fc.tuple(fc.nat(12), fc.nat(12)), { nil: undefined });
    fc.assert(
      fc.property(range, fc.nat(9), fc.nat(9), (asked, a, b) => {
        const stored = { first: Math.min(a, b), last: Math.max(a, b), length: 10 };
        const fields = asked === undefined ? {} : { Range: `bytes=${asked[0]}-${asked[1]}` };
        if (!hasBytesFor(aRequest({ fields }), aStored({ status: 206, part: stored }), NOW)) return;
        const [first, last] = asked as [number, number];
        const bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((byte) => first <= byte && byte <= last);
        expect(bytes.every((byte) => stored.first <= byte && byte <= stored.last)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
