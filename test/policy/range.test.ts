import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RangeVerdict, rangeOf } from "../../src/policy/range.ts";
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
  { id: "several ranges", clause: "RFC 9110 §14.1.2", range: "bytes=0-1,3-4", expect: WHOLE },
  { id: "two lines", clause: "RFC 9110 §14.2", range: ["bytes=0-1", "bytes=3-4"], expect: WHOLE },
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

  test("a part lies within the representation, whatever is asked", () => {
    const position = fc.oneof(fc.constant(""), fc.nat(12).map(String), fc.bigInt({ min: 0n }).map(String));
    const range = fc.oneof(
      fc.tuple(position, position).map(([first, last]) => `bytes=${first}-${last}`),
      fieldValues.map((value) => `bytes=${value}`),
      fieldValues,
    );
    fc.assert(
      fc.property(range, fc.nat(12), (asked, length) => {
        const answer = verdict({ range: asked, length });
        if (answer.type !== "part") return;
        expect(answer.first).toBeGreaterThanOrEqual(0);
        expect(answer.last).toBeGreaterThanOrEqual(answer.first);
        expect(answer.last).toBeLessThan(length);
      }),
      { numRuns: 2000 },
    );
  });
});
