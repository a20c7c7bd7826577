import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stronglyEqual, weaklyEqual } from "../../src/policy/entity-tag.ts";
import {
  freshen,
  isConditional,
  notModified,
  notModifiedFields,
  updatedFields,
  validationFields,
} from "../../src/policy/validate.ts";
import {
  aRequest,
  aStored,
  dateAt,
  type Fields,
  fieldValues,
  later,
  lines,
  NOW,
  someSettings,
} from "./builders.ts";

describe("comparing entity tags (RFC 9110 §8.8.3.2)", () => {
  for (const [a, b, strong, weak] of [
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
    ['"1"', '"2"', false, false],
    ['w/"1"', '"1"', false, false],
  ] as const) {
    test(`${a} and ${b}`, () => {
      expect([stronglyEqual(a, b), stronglyEqual(b, a)]).toEqual([strong, strong]);
      expect([weaklyEqual(a, b), weaklyEqual(b, a)]).toEqual([weak, weak]);
    });
  }
});

describe("validationFields (§4.3.1)", () => {
  test("send every validator there is, as it came", () => {
    expect(validationFields(aStored())).toEqual([]);
    expect(validationFields(aStored({ etag: 'W/"a"' }))).toEqual(["If-None-Match", 'W/"a"']);
    expect(validationFields(aStored({ etag: '"a"', lastModified: dateAt(-9) }))).toEqual([
      "If-None-Match",
      '"a"',
      "If-Modified-Since",
      dateAt(-9),
    ]);
  });
});

interface ConditionRow {
  readonly id: string;
  readonly clause: string;
  readonly asked: Fields;
  readonly fields: Fields;
  readonly status?: number;
  readonly expect: boolean;
}

const A = { ETag: '"a"' };
const MODIFIED = { "Last-Modified": dateAt(-100) };
const inm = (value: string | string[]): Fields => ({ "If-None-Match": value });
const ims = (value: string): Fields => ({ "If-Modified-Since": value });

const CONDITIONS: readonly ConditionRow[] = [
  { id: "no condition", clause: "RFC 9110 §13.2.2", asked: {}, fields: { ...A, ...MODIFIED }, expect: false },
  { id: "the same tag", clause: "RFC 9110 §13.1.2", asked: inm('"a"'), fields: A, expect: true },
  { id: "another tag", clause: "RFC 9110 §13.1.2", asked: inm('"b"'), fields: A, expect: false },
  { id: "weak in the request", clause: "RFC 9110 §13.1.2", asked: inm('W/"a"'), fields: A, expect: true },
  {
    id: "weak in the response",
    clause: "RFC 9110 §13.1.2",
    asked: inm('"a"'),
    fields: { ETag: 'W/"a"' },
    expect: true,
  },
  { id: "in a list", clause: "RFC 9110 §13.1.2", asked: inm('"x", W/"a","y"'), fields: A, expect: true },
  {
    id: "on the second line",
    clause: "RFC 9110 §13.1.2",
    asked: inm(['"x"', '"a"']),
    fields: A,
    expect: true,
  },
  { id: "not in a list", clause: "RFC 9110 §13.1.2", asked: inm('"x", "y"'), fields: A, expect: false },
  {
    id: "a comma within a tag",
    clause: "RFC 9110 §8.8.3",
    asked: inm('"x,a", "b"'),
    fields: { ETag: '"x,a"' },
    expect: true,
  },
  { id: "a part of a tag", clause: "RFC 9110 §13.1.2", asked: inm('"x,a"'), fields: A, expect: false },
  { id: "*", clause: "RFC 9110 §13.1.2", asked: inm(" * "), fields: {}, expect: true },
  { id: "a tag, and none stored", clause: "RFC 9110 §13.1.2", asked: inm('"a"'), fields: {}, expect: false },
  { id: "tags are case-sensitive", clause: "RFC 9110 §8.8.3", asked: inm('"A"'), fields: A, expect: false },
  {
    id: "modified then",
    clause: "RFC 9110 §13.1.3",
    asked: ims(dateAt(-100)),
    fields: MODIFIED,
    expect: true,
  },
  {
    id: "modified before",
    clause: "RFC 9110 §13.1.3",
    asked: ims(dateAt(-99)),
    fields: MODIFIED,
    expect: true,
  },
  {
    id: "modified after",
    clause: "RFC 9110 §13.1.3",
    asked: ims(dateAt(-101)),
    fields: MODIFIED,
    expect: false,
  },
  {
    id: "another form of date",
    clause: "RFC 9110 §5.6.7",
    asked: ims("Thursday, 15-Jan-26 12:00:00 GMT"),
    fields: MODIFIED,
    expect: true,
  },
  { id: "not a date", clause: "RFC 9110 §13.1.3", asked: ims("yesterday"), fields: MODIFIED, expect: false },
  {
    id: "Last-Modified is not a date",
    clause: "RFC 9110 §13.1.3",
    asked: ims(dateAt(0)),
    fields: { "Last-Modified": "yesterday" },
    expect: false,
  },
  { id: "no Last-Modified: Date then", clause: "§4.3.2", asked: ims(dateAt(0)), fields: {}, expect: true },
  { id: "no Last-Modified: Date after", clause: "§4.3.2", asked: ims(dateAt(-1)), fields: {}, expect: false },
  {
    id: "another tag outweighs the date",
    clause: "RFC 9110 §13.2.2",
    asked: { ...inm('"b"'), ...ims(dateAt(0)) },
    fields: { ...A, ...MODIFIED },
    expect: false,
  },
  {
    id: "the same tag outweighs the date",
    clause: "RFC 9110 §13.2.2",
    asked: { ...inm('"a"'), ...ims(dateAt(-500)) },
    fields: { ...A, ...MODIFIED },
    expect: true,
  },
  { id: "not for 404", clause: "RFC 9110 §13.2.1", asked: inm('"a"'), fields: A, status: 404, expect: false },
];

describe("notModified", () => {
  for (const row of CONDITIONS) {
    test(`${row.id} (${row.clause})`, () => {
      const { status, fields } = aStored({ fields: row.fields, status: row.status ?? 200 });
      expect(notModified(lines(row.asked), { status, fields }, NOW)).toBe(row.expect);
    });
  }

  test("never throws, whatever the conditions are", () => {
    const name = fc.constantFrom("If-None-Match", "If-Modified-Since");
    const { status, fields } = aStored({ fields: { ...A, ...MODIFIED } });
    fc.assert(
      fc.property(name, fieldValues, (condition, value) => {
        expect(notModified([condition, value], { status, fields }, NOW)).toBeTypeOf("boolean");
      }),
      { numRuns: 500 },
    );
  });

  test("isConditional: by what the client has", () => {
    expect(isConditional(lines({ "if-none-match": "*" }))).toBe(true);
    expect(isConditional(lines({ "IF-MODIFIED-SINCE": "x" }))).toBe(true);
    expect(isConditional(lines({ "If-Range": '"a"', Range: "bytes=0-1" }))).toBe(false);
  });
});

test("a 304 carries what guides caches, and no metadata of content (RFC 9110 §15.4.5)", () => {
  const guiding = {
    Date: "d",
    ETag: "e",
    "Cache-Control": "c",
    Expires: "x",
    Vary: "v",
    "Content-Location": "l",
  };
  const metadata = {
    "Content-Type": "t",
    "content-length": "1",
    "Content-Encoding": "gzip",
    "Content-Language": "de",
  };
  expect(notModifiedFields(lines({ ...metadata, ...guiding }))).toEqual(lines(guiding));
});

describe("updatedFields (§3.2)", () => {
  const stored = lines({ ETag: '"a"', "X-A": ["1", "2"], "Content-Length": "5", "x-b": "3" });

  test("replaces a field as a whole, in any case, and keeps the others", () => {
    expect(updatedFields(stored, ["x-a", "9", "X-New", "1"])).toEqual(
      lines({ ETag: '"a"', "Content-Length": "5", "x-b": "3", "x-a": "9", "X-New": "1" }),
    );
  });

  test("leaves what describes the stored bytes, and never takes a cookie", () => {
    const update = {
      "content-length": "0",
      "Content-Encoding": "gzip",
      "Content-Range": "x",
      "Set-Cookie": "a=b",
    };
    expect(updatedFields(stored, lines(update))).toEqual(stored);
  });

  test("ignores what was for one hop only (§3.1)", () => {
    const update = {
      Connection: "close, X-A",
      "X-A": "9",
      "Keep-Alive": "timeout=5",
      "Transfer-Encoding": "x",
    };
    expect(updatedFields(stored, lines(update))).toEqual(stored);
  });
});

describe("freshen (§4.3.4)", () => {
  const stored = aStored({
    etag: '"a"',
    fields: { "Cache-Control": "max-age=60", ETag: '"a"', "Content-Type": "text/plain" },
  });
  const times = { requestTime: later(100), responseTime: later(100) };
  const freshened = (notModifiedLines: Fields, settings = someSettings()) =>
    freshen(stored, aRequest(), lines(notModifiedLines), times, 9, settings);

  test("makes it new, with the time, epoch and age of now", () => {
    expect(freshened({ Date: dateAt(100), Age: "5" })).toMatchObject({
      type: "store",
      head: {
        responseTime: later(100),
        initialAge: 5,
        freshnessLifetime: 60,
        etag: '"a"',
        epoch: 9,
        status: 200,
      },
    });
  });

  test("without a Date it is as old as the 304, not as the stored response (RFC 9110 §6.6.1)", () => {
    const admission = freshened({ ETag: '"a"' });
    expect(admission).toMatchObject({ type: "store", head: { initialAge: 0 } });
    expect(admission.type === "store" && admission.head.fields).toEqual(
      lines({ "Content-Type": "text/plain", "Cache-Control": "max-age=60", ETag: '"a"', Date: dateAt(100) }),
    );
  });

  test("takes the 304's directives, and the windows that follow from them", () => {
    const cacheControl = "max-age=5, stale-if-error=7";
    expect(freshened({ Date: dateAt(100), "Cache-Control": cacheControl })).toMatchObject({
      type: "store",
      head: { freshnessLifetime: 5, staleIfError: 7, keep: 607 },
    });
  });

  test("a 304 that forbids storing ends it", () => {
    const forbidden = { Date: dateAt(100), "Cache-Control": "no-store" };
    expect(freshened(forbidden)).toEqual({ type: "discard", reason: "no-store" });
  });

  test("a 304's cookie neither reaches the store nor ends it", () => {
    const admission = freshened({ Date: dateAt(100), "Set-Cookie": "session=1" });
    expect(JSON.stringify(admission)).not.toContain("session=1");
    expect(admission.type).toBe("store");
  });
});
