import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admit } from "../../src/policy/admit.ts";
import { stronglyEqual, weaklyEqual } from "../../src/policy/entity-tag.ts";
import { fieldValue } from "../../src/policy/fields.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import {
  freshen,
  identifies,
  isConditional,
  notModified,
  notModifiedFields,
  updatedFields,
  validationFields,
} from "../../src/policy/validate.ts";
import {
  aRequest,
  aResponse,
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
    test(`${a} and ${b}: strong ${strong}, weak ${weak}`, () => {
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

type ConditionRow = readonly [id: string, clause: string, asked: Fields, fields: Fields, expected: boolean];

const A = { ETag: '"a"' };
const MODIFIED = { "Last-Modified": dateAt(-100) };
const inm = (value: string | string[]): Fields => ({ "If-None-Match": value });
const ims = (value: string): Fields => ({ "If-Modified-Since": value });

const CONDITIONS: readonly ConditionRow[] = [
  ["no condition", "RFC 9110 §13.2.2", {}, { ...A, ...MODIFIED }, false],
  ["the same tag", "RFC 9110 §13.1.2", inm('"a"'), A, true],
  ["another tag", "RFC 9110 §13.1.2", inm('"b"'), A, false],
  ["weak in the request", "RFC 9110 §13.1.2", inm('W/"a"'), A, true],
  ["weak in the response", "RFC 9110 §13.1.2", inm('"a"'), { ETag: 'W/"a"' }, true],
  ["in a list", "RFC 9110 §13.1.2", inm('"x", W/"a","y"'), A, true],
  ["on the second line", "RFC 9110 §13.1.2", inm(['"x"', '"a"']), A, true],
  ["not in a list", "RFC 9110 §13.1.2", inm('"x", "y"'), A, false],
  ["a comma within a tag", "RFC 9110 §8.8.3", inm('"x,a", "b"'), { ETag: '"x,a"' }, true],
  ["a backslash in a tag", "RFC 9110 §8.8.3", inm('"x\\\\", "a"'), A, true],
  ["a part of a tag", "RFC 9110 §13.1.2", inm('"x,a"'), A, false],
  ["*", "RFC 9110 §13.1.2", inm(" * "), {}, true],
  ["a tag, and none stored", "RFC 9110 §13.1.2", inm('"a"'), {}, false],
  ["tags are case-sensitive", "RFC 9110 §8.8.3", inm('"A"'), A, false],
  ["modified then", "RFC 9110 §13.1.3", ims(dateAt(-100)), MODIFIED, true],
  ["modified before", "RFC 9110 §13.1.3", ims(dateAt(-99)), MODIFIED, true],
  ["modified after", "RFC 9110 §13.1.3", ims(dateAt(-101)), MODIFIED, false],
  ["another form of date", "RFC 9110 §5.6.7", ims("Thursday, 15-Jan-26 12:00:00 GMT"), MODIFIED, true],
  ["not a date", "RFC 9110 §13.1.3", ims("yesterday"), MODIFIED, false],
  [
    "Last-Modified is not a date",
    "RFC 9110 §13.1.3",
    ims(dateAt(0)),
    { "Last-Modified": "yesterday" },
    false,
  ],
  ["no Last-Modified: Date then", "§4.3.2", ims(dateAt(0)), {}, true],
  ["no Last-Modified: Date after", "§4.3.2", ims(dateAt(-1)), {}, false],
  [
    "another tag outweighs the date",
    "RFC 9110 §13.2.2",
    { ...inm('"b"'), ...ims(dateAt(0)) },
    { ...A, ...MODIFIED },
    false,
  ],
  [
    "the same tag outweighs the date",
    "RFC 9110 §13.2.2",
    { ...inm('"a"'), ...ims(dateAt(-500)) },
    { ...A, ...MODIFIED },
    true,
  ],
];

describe("notModified", () => {
  test("the Date of a response that has just arrived is no modification date (RFC 9111 §4.3.2)", () => {
    const { status, fields } = aStored();
    const asked = lines(ims(dateAt(30)));
    expect(notModified(asked, { status, fields }, NOW, "origin")).toBe(false);
    expect(notModified(asked, { status, fields }, NOW, "stored")).toBe(true);
    const dated = aStored({ fields: MODIFIED });
    expect(notModified(asked, dated, NOW, "origin")).toBe(true);
  });

  for (const [id, clause, asked, storedFields, expected] of CONDITIONS) {
    test(`${id}: ${expected ? "304" : "the whole response"} (${clause})`, () => {
      const { status, fields } = aStored({ fields: storedFields });
      expect(notModified(lines(asked), { status, fields }, NOW, "stored")).toBe(expected);
    });
  }

  test("a stored 404: the whole response (RFC 9110 §13.2.1)", () => {
    const { status, fields } = aStored({ fields: A, status: 404 });
    expect(notModified(lines(inm('"a"')), { status, fields }, NOW, "stored")).toBe(false);
  });

  test("never throws, whatever the conditions are", () => {
    const name = fc.constantFrom("If-None-Match", "If-Modified-Since");
    const { status, fields } = aStored({ fields: { ...A, ...MODIFIED } });
    fc.assert(
      fc.property(name, fieldValues, (condition, value) => {
        expect(notModified([condition, value], { status, fields }, NOW, "stored")).toBeTypeOf("boolean");
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

  test("leaves what describes the stored bytes", () => {
    const update = { "content-length": "0", "Content-Encoding": "gzip", "Content-Range": "x" };
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

  test("a 304's cookie neither reaches the store nor ends it (ours)", () => {
    for (const how of [{}, { allowSetCookie: true }, { profile: "rfc" as const }]) {
      const admission = freshened(
        { Date: dateAt(100), "Set-Cookie": "session=1", "Cache-Control": "public, max-age=60" },
        someSettings(how),
      );
      expect(JSON.stringify(admission)).not.toContain("session=1");
      expect(admission.type).toBe("store");
    }
  });

  test("in the profile rfc it replaces the stored one (§3.2)", () => {
    const rfc = someSettings({ profile: "rfc", allowSetCookie: true });
    const admission = freshened({ Date: dateAt(100), "Set-Cookie": "session=1" }, rfc);
    expect(admission.type === "store" && fieldValue(admission.head.fields, "set-cookie")).toBe("session=1");
  });

  test("goes on belonging to whom its fields selected (RFC 9111 §4.1)", () => {
    const alice = aRequest({ fields: { "X-User": "alice", "X-Kind": "a" } });
    const first = (fields: Fields, cacheControl = "max-age=60") => {
      const admission = admit(
        alice,
        aResponse(cacheControl, { fields: { ETag: '"a"', ...fields } }),
        times,
        1,
        someSettings(),
      );
      if (admission.type !== "store") throw new Error(admission.reason);
      return { ...admission.head, bodyLength: 0 };
    };
    const again = (stored: StoredResponse, notModified: Fields) => {
      const admission = freshen(
        stored,
        alice,
        lines({ ETag: '"a"', ...notModified }),
        times,
        9,
        someSettings(),
      );
      return admission.type === "store" && admission.head.selectingFields;
    };
    const vary = { Vary: "X-User" };
    for (const stored of [
      first(vary, 'max-age=60, private="vary"'),
      first(vary, 'max-age=60, no-cache="Vary"'),
      first({ ...vary, Connection: "Vary" }),
    ])
      expect(fieldValue(stored.fields, "vary")).toBe("X-User");
    const hers = { "x-user": "alice" };
    expect(again(first(vary), {})).toEqual(hers);
    expect(again(first(vary, 'max-age=60, private="vary"'), {})).toEqual(hers);
    expect(again(first({ ...vary, Connection: "Vary" }), {})).toEqual(hers);
    expect(again(first(vary), { ...vary, Connection: "Vary" })).toEqual(hers);
    expect(again(first(vary), { Vary: "X-Kind" })).toEqual({ ...hers, "x-kind": "a" });
    expect(again(first(vary), { Vary: "" })).toEqual(hers);
  });

  test("a lifetime that was for this cache alone outlives a 304 that does not repeat it (§3.2)", () => {
    for (const control of [{ "Surrogate-Control": "max-age=90" }, { "X-Accel-Expires": "90" }]) {
      const response = aResponse("max-age=5", { fields: { ETag: '"a"', ...control } });
      const first = admit(aRequest(), response, { requestTime: NOW, responseTime: NOW }, 1, someSettings());
      if (first.type !== "store") throw new Error(first.reason);
      const again = freshen(
        { ...first.head, bodyLength: 0 },
        aRequest(),
        lines({ ETag: '"a"', "Cache-Control": "max-age=5" }),
        times,
        9,
        someSettings(),
      );
      expect(again).toMatchObject({ type: "store", head: { freshnessLifetime: 90 } });
    }
  });
});

describe("identifies (§4.3.4)", () => {
  const LM = dateAt(-100);
  const rows: readonly [id: string, stored: Fields, notModified: Fields, expected: boolean][] = [
    ["the same strong tag", { ETag: '"a"' }, { ETag: '"a"' }, true],
    ["another strong tag", { ETag: '"a"' }, { ETag: '"b"' }, false],
    [
      "another strong tag and the same date",
      { ETag: '"a"', "Last-Modified": LM },
      { ETag: '"b"', "Last-Modified": LM },
      false,
    ],
    [
      "the same strong tag and another date",
      { ETag: '"a"', "Last-Modified": LM },
      { ETag: '"a"', "Last-Modified": dateAt(-50) },
      true,
    ],
    ["a strong tag, where a weak one is stored", { ETag: 'W/"a"' }, { ETag: '"a"' }, false],
    ["a strong tag, where none is stored", {}, { ETag: '"a"' }, false],
    [
      "a strong tag, where a date is stored that the 304 does not have",
      { "Last-Modified": LM },
      { ETag: '"a"' },
      false,
    ],
    [
      "a strong tag and the same strong date",
      { "Last-Modified": LM },
      { ETag: '"a"', "Last-Modified": LM },
      true,
    ],
    [
      "a strong tag and the same weak date",
      { "Last-Modified": dateAt(0) },
      { ETag: '"a"', "Last-Modified": dateAt(0) },
      false,
    ],
    ["a weak tag that is stored as a strong one", { ETag: '"a"' }, { ETag: 'W/"a"' }, true],
    ["the same weak tag", { ETag: 'W/"a"' }, { ETag: 'W/"a"' }, true],
    ["another weak tag", { ETag: 'W/"a"' }, { ETag: 'W/"b"' }, false],
    ["a weak tag, where none is stored", { "Last-Modified": LM }, { ETag: 'W/"a"' }, false],
    ["a weak tag and the same date", { "Last-Modified": LM }, { ETag: 'W/"a"', "Last-Modified": LM }, true],
    ["the same date alone", { ETag: '"a"', "Last-Modified": LM }, { "Last-Modified": LM }, true],
    ["another date alone", { "Last-Modified": LM }, { "Last-Modified": dateAt(-50) }, false],
    ["a date, where none is stored", { ETag: '"a"' }, { "Last-Modified": LM }, false],
    ["no validator, where one was sent (ours)", { ETag: '"a"' }, {}, true],
    ["no validator, where none is stored", {}, {}, true],
  ];
  for (const [id, fields, notModified, expected] of rows) {
    test(`${id}: ${expected ? "about this" : "about another"}`, () => {
      const stored = aStored({
        fields: { Date: dateAt(0), ...fields },
        ...(fields["ETag"] === undefined ? {} : { etag: String(fields["ETag"]) }),
        ...(fields["Last-Modified"] === undefined ? {} : { lastModified: String(fields["Last-Modified"]) }),
      });
      expect(identifies(lines(notModified), stored, NOW)).toBe(expected);
    });
  }
});
