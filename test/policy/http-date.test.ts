import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatHttpDate, parseHttpDate, withOneDate } from "../../src/policy/http-date.ts";
import { fieldValues, NOW, recased } from "./builders.ts";

const NOVEMBER_6 = Date.UTC(1994, 10, 6, 8, 49, 37);

const ROWS: readonly { id: string; clause: string; text: string; expect: number | undefined }[] = [
  {
    id: "IMF-fixdate",
    clause: "RFC 9110 §5.6.7",
    text: "Sun, 06 Nov 1994 08:49:37 GMT",
    expect: NOVEMBER_6,
  },
  {
    id: "rfc850-date",
    clause: "RFC 9110 §5.6.7",
    text: "Sunday, 06-Nov-94 08:49:37 GMT",
    expect: NOVEMBER_6,
  },
  { id: "asctime-date", clause: "RFC 9110 §5.6.7", text: "Sun Nov  6 08:49:37 1994", expect: NOVEMBER_6 },
  {
    id: "asctime-date, two-digit day",
    clause: "RFC 9110 §5.6.7",
    text: "Wed Nov 16 08:49:37 1994",
    expect: Date.UTC(1994, 10, 16, 8, 49, 37),
  },
  {
    id: "two digits 50 years ahead",
    clause: "RFC 9110 §5.6.7",
    text: "Wednesday, 15-Jan-76 12:00:00 GMT",
    expect: Date.UTC(2076, 0, 15, 12),
  },
  {
    id: "two digits 51 years ahead are past",
    clause: "RFC 9110 §5.6.7",
    text: "Saturday, 15-Jan-77 12:00:00 GMT",
    expect: Date.UTC(1977, 0, 15, 12),
  },
  {
    id: "leap second",
    clause: "RFC 9110 §5.6.7",
    text: "Sat, 31 Dec 2016 23:59:60 GMT",
    expect: Date.UTC(2016, 11, 31, 23, 59, 59),
  },
  {
    id: "leap day",
    clause: "RFC 9110 §5.6.7",
    text: "Thu, 29 Feb 2024 00:00:00 GMT",
    expect: Date.UTC(2024, 1, 29),
  },
  {
    id: "year below 100",
    clause: "RFC 9110 §5.6.7",
    text: "Sat, 01 Jan 0050 00:00:00 GMT",
    expect: new Date(0).setUTCFullYear(50, 0, 1),
  },
  { id: "any case", clause: "§4.2", text: "SUN, 06 nOV 1994 08:49:37 gmt", expect: NOVEMBER_6 },
  { id: "no leap day", clause: "§5.3", text: "Wed, 29 Feb 2023 00:00:00 GMT", expect: undefined },
  { id: "day 31 of 30", clause: "§5.3", text: "Mon, 31 Nov 1994 08:49:37 GMT", expect: undefined },
  { id: "day 0", clause: "§5.3", text: "Mon, 00 Nov 1994 08:49:37 GMT", expect: undefined },
  { id: "hour 24", clause: "§5.3", text: "Sun, 06 Nov 1994 24:00:00 GMT", expect: undefined },
  { id: "minute 60", clause: "§5.3", text: "Sun, 06 Nov 1994 08:60:37 GMT", expect: undefined },
  { id: "second 61", clause: "§5.3", text: "Sun, 06 Nov 1994 08:49:61 GMT", expect: undefined },
  { id: "no such month", clause: "§5.3", text: "Sun, 06 Nox 1994 08:49:37 GMT", expect: undefined },
  { id: "another zone", clause: "§4.2", text: "Sun, 06 Nov 1994 08:49:37 EST", expect: undefined },
  { id: "an offset", clause: "§4.2", text: "Sun, 06 Nov 1994 08:49:37 +0000", expect: undefined },
  { id: "one-digit day", clause: "§5.3", text: "Sun, 6 Nov 1994 08:49:37 GMT", expect: undefined },
  { id: "more after it", clause: "§5.3", text: "Sun, 06 Nov 1994 08:49:37 GMT, x", expect: undefined },
  { id: "zero", clause: "§5.3", text: "0", expect: undefined },
  { id: "minus one", clause: "§5.3", text: "-1", expect: undefined },
  { id: "empty", clause: "§5.3", text: "", expect: undefined },
  { id: "ISO 8601", clause: "§5.3", text: "1994-11-06T08:49:37Z", expect: undefined },
];

for (const row of ROWS) {
  test(`${row.id} (${row.clause})`, () => {
    expect(parseHttpDate(row.text, NOW)).toBe(row.expect);
  });
}

test("only IMF-fixdate is generated, milliseconds cut off (RFC 9110 §5.6.7)", () => {
  expect(formatHttpDate(NOVEMBER_6 + 999)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
});

describe("for any input", () => {
  const YEAR_0 = -62_167_219_200;
  const YEAR_9999 = 253_402_300_799;
  const seconds = fc.integer({ min: YEAR_0, max: YEAR_9999 });

  test("what is formatted is parsed to the same second, in any case", () => {
    fc.assert(
      fc.property(seconds, fc.array(fc.boolean(), { minLength: 1 }), (second, flips) => {
        const text = formatHttpDate(second * 1000);
        expect(parseHttpDate(text, NOW)).toBe(second * 1000);
        expect(parseHttpDate(recased(text, flips), NOW)).toBe(second * 1000);
      }),
      { numRuns: 1000 },
    );
  });

  test("the platform's own formatter agrees", () => {
    fc.assert(
      fc.property(seconds, (second) => {
        const at = new Date(second * 1000);
        expect(formatHttpDate(second * 1000)).toBe(at.toUTCString());
      }),
      { numRuns: 500 },
    );
  });

  test("parsing never throws, and gives a whole second or nothing", () => {
    fc.assert(
      fc.property(fieldValues, (text) => {
        const at = parseHttpDate(text, NOW);
        expect(at === undefined || at % 1000 === 0).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a head has one Date (RFC 9110 §6.6.1)", () => {
  const [early, late] = [formatHttpDate(NOVEMBER_6), formatHttpDate(NOVEMBER_6 + 1000)];

  test("the recipient's, where the sender gave none", () => {
    expect(withOneDate(["A", "1"], NOVEMBER_6)).toEqual(["A", "1", "Date", early]);
  });

  test("the sender's, whatever its case and even when it is no date", () => {
    for (const lines of [
      ["dAtE", late, "A", "1"],
      ["Date", "0"],
    ])
      expect(withOneDate(lines, NOVEMBER_6)).toEqual(lines);
  });

  test("the first, where there are several", () => {
    expect(withOneDate(["A", "1", "Date", late, "B", "2", "date", early, "C", "3"], NOVEMBER_6)).toEqual([
      ...["A", "1", "Date", late, "B", "2", "C", "3"],
    ]);
  });
});
