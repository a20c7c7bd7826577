import { describe, expect, test } from "vitest";
import { fieldLineValues, withoutFields } from "../../src/policy/fields.ts";
import {
  correctedInitialAge,
  currentAge,
  freshnessLifetime,
  hasExplicitFreshness,
  keepUntil,
  withOneAge,
} from "../../src/policy/freshness.ts";
import { instructionsOf } from "../../src/policy/targeted.ts";
import { aResponse, aStored, dateAt, type Fields, later, lines, NOW } from "./builders.ts";

const DAY = 86_400;

interface LifetimeRow {
  readonly id: string;
  readonly clause: string;
  readonly cacheControl?: string;
  readonly fields?: Fields;
  readonly status?: number;
  readonly defaultTtl?: number;
  readonly expect: number;
}

const LIFETIMES: readonly LifetimeRow[] = [
  { id: "s-maxage first", clause: "§4.2.1", cacheControl: "max-age=60, s-maxage=30", expect: 30 },
  { id: "s-maxage=0 first", clause: "§4.2.1", cacheControl: "max-age=60, s-maxage=0", expect: 0 },
  {
    id: "max-age before Expires",
    clause: "§5.3",
    cacheControl: "max-age=60",
    fields: { Expires: dateAt(5) },
    expect: 60,
  },
  {
    id: "invalid max-age before Expires",
    clause: "§4.2.1",
    cacheControl: "max-age=x",
    fields: { Expires: dateAt(5) },
    expect: 0,
  },
  { id: "Expires − Date", clause: "§4.2.1", fields: { Date: dateAt(-20), Expires: dateAt(40) }, expect: 60 },
  {
    id: "Expires without Date",
    clause: "§4.2.1",
    fields: { Date: undefined, Expires: dateAt(40) },
    expect: 40,
  },
  { id: "Expires with a bad Date", clause: "§4.2.1", fields: { Date: "x", Expires: dateAt(40) }, expect: 40 },
  { id: "Expires == Date", clause: "§4.2.1", fields: { Expires: dateAt(0) }, expect: 0 },
  { id: "Expires before Date", clause: "§5.3", fields: { Expires: dateAt(-9) }, defaultTtl: 60, expect: 0 },
  { id: "Expires: 0", clause: "§5.3", fields: { Expires: "0" }, defaultTtl: 60, expect: 0 },
  { id: "first Expires", clause: "§4.2.1", fields: { Expires: [dateAt(5), dateAt(50)] }, expect: 5 },
  { id: "default for a success", clause: "ours", defaultTtl: 60, expect: 60 },
  {
    id: "default before the heuristic",
    clause: "ours",
    fields: { "Last-Modified": dateAt(-1000) },
    defaultTtl: 60,
    expect: 60,
  },
  { id: "no default over a stated 0", clause: "ours", cacheControl: "max-age=0", defaultTtl: 60, expect: 0 },
  { id: "no default for an error", clause: "ours", status: 404, defaultTtl: 60, expect: 0 },
  { id: "no default for 302", clause: "RFC 9110 §15.1", status: 302, defaultTtl: 60, expect: 0 },
  {
    id: "heuristic: a tenth",
    clause: "§4.2.2",
    fields: { "Last-Modified": dateAt(-1000) },
    expect: 100,
  },
  {
    id: "heuristic for 404",
    clause: "§4.2.2",
    status: 404,
    fields: { "Last-Modified": dateAt(-1000) },
    expect: 100,
  },
  {
    id: "heuristic: counted from Date",
    clause: "§4.2.2",
    fields: { Date: dateAt(-500), "Last-Modified": dateAt(-1000) },
    expect: 50,
  },
  {
    id: "heuristic: capped at a day",
    clause: "§4.2.2",
    fields: { "Last-Modified": dateAt(-10 * DAY - 10) },
    expect: DAY,
  },
  { id: "heuristic: future", clause: "§4.2.2", fields: { "Last-Modified": dateAt(1000) }, expect: 0 },
  { id: "heuristic: malformed", clause: "§4.2.2", fields: { "Last-Modified": "yesterday" }, expect: 0 },
  {
    id: "heuristic: not for 302",
    clause: "§4.2.2",
    status: 302,
    fields: { "Last-Modified": dateAt(-1000) },
    expect: 0,
  },
  {
    id: "heuristic: for 302 that is public",
    clause: "§4.2.2",
    status: 302,
    cacheControl: "public",
    fields: { "Last-Modified": dateAt(-1000) },
    expect: 100,
  },
  {
    id: "default for 302 that is public",
    clause: "ours",
    status: 302,
    cacheControl: "public",
    defaultTtl: 60,
    expect: 60,
  },
  {
    id: "no default for an error that is public",
    clause: "ours",
    status: 500,
    cacheControl: "public",
    defaultTtl: 60,
    expect: 0,
  },
  {
    id: "a targeted lifetime before Cache-Control and Expires",
    clause: "RFC 9213 §2.2",
    cacheControl: "s-maxage=30, max-age=20",
    fields: { Expires: dateAt(5), "CDN-Cache-Control": "max-age=60" },
    expect: 60,
  },
  {
    id: "no Expires beside a targeted field without lifetime",
    clause: "RFC 9213 §2.2",
    cacheControl: "max-age=20",
    fields: { Expires: dateAt(5), "CDN-Cache-Control": "must-revalidate" },
    expect: 0,
  },
  {
    id: "the heuristic beside a targeted field without lifetime",
    clause: "§4.2.2",
    fields: { Expires: dateAt(5), "Last-Modified": dateAt(-1000), "CDN-Cache-Control": "must-revalidate" },
    expect: 100,
  },
  { id: "nothing stated", clause: "§4.2.1", expect: 0 },
];

describe("freshness_lifetime", () => {
  for (const row of LIFETIMES) {
    test(`${row.id} (${row.clause})`, () => {
      const { fields } = aResponse(row.cacheControl, { fields: row.fields ?? {} });
      const response = { status: row.status ?? 200, fields, instructions: instructionsOf(fields, NOW) };
      const times = { requestTime: NOW, responseTime: NOW };
      expect(freshnessLifetime(response, times, row.defaultTtl ?? 0)).toBe(row.expect);
    });
  }

  test("is explicit with s-maxage, max-age or Expires, valid or not (§4.2.1)", () => {
    const explicit = (cacheControl: string | undefined, fields: Fields = {}) => {
      const response = aResponse(cacheControl, { fields });
      return hasExplicitFreshness(instructionsOf(response.fields, NOW), response.fields);
    };
    expect(explicit("s-maxage=1")).toBe(true);
    expect(explicit("max-age=x")).toBe(true);
    expect(explicit(undefined, { Expires: "0" })).toBe(true);
    expect(explicit("public", { "Last-Modified": dateAt(-10) })).toBe(false);
    expect(explicit("public", { "CDN-Cache-Control": "max-age=1" })).toBe(true);
    expect(explicit("max-age=1", { "CDN-Cache-Control": "public", Expires: dateAt(5) })).toBe(false);
  });
});

interface AgeRow {
  readonly id: string;
  readonly clause: string;
  readonly fields: Fields;
  /** Seconds that the origin took to answer. */
  readonly delay?: number;
  readonly expect: number;
}

const AGES: readonly AgeRow[] = [
  { id: "none", clause: "§4.2.3", fields: {}, expect: 0 },
  { id: "Age", clause: "§4.2.3", fields: { Age: "30" }, expect: 30 },
  { id: "Age and the delay", clause: "§4.2.3", fields: { Age: "30" }, delay: 1.5, expect: 31.5 },
  { id: "the delay alone", clause: "§4.2.3", fields: {}, delay: 2, expect: 2 },
  { id: "first member of Age", clause: "§5.1", fields: { Age: "30, 7" }, expect: 30 },
  { id: "first line of Age", clause: "§5.1", fields: { Age: ["7", "30"] }, expect: 7 },
  { id: "negative Age", clause: "§5.1", fields: { Age: "-30" }, expect: 0 },
  { id: "decimal Age", clause: "§5.1", fields: { Age: "30.5" }, expect: 0 },
  { id: "no number at all", clause: "§5.1", fields: { Age: "old" }, expect: 0 },
  { id: "huge Age", clause: "§1.2.2", fields: { Age: "9".repeat(400) }, expect: 2 ** 31 },
  // Date names a second that lasts until the next one, so that the first second is no age.
  { id: "apparent age", clause: "§4.2.3", fields: { Date: dateAt(-61) }, expect: 60 },
  { id: "within the Date's second", clause: "§4.2.3", fields: { Date: dateAt(-1) }, expect: 0 },
  { id: "apparent age over Age", clause: "§4.2.3", fields: { Date: dateAt(-61), Age: "5" }, expect: 60 },
  { id: "Age over apparent age", clause: "§4.2.3", fields: { Date: dateAt(-61), Age: "90" }, expect: 90 },
  { id: "Date ahead", clause: "§4.2.3", fields: { Date: dateAt(600) }, expect: 0 },
  { id: "malformed Date", clause: "§4.2.3", fields: { Date: "x", Age: "3" }, expect: 3 },
];

describe("corrected_initial_age", () => {
  for (const row of AGES) {
    test(`${row.id} (${row.clause})`, () => {
      const times = { requestTime: later(-(row.delay ?? 0)), responseTime: NOW };
      expect(correctedInitialAge(lines({ Date: dateAt(0), ...row.fields }), times)).toBe(row.expect);
    });
  }
});

test("current_age grows from the initial age, and a clock set back does not make it less (§4.2.3)", () => {
  const stored = aStored({ initialAge: 10 });
  expect(currentAge(stored, NOW)).toBe(10);
  expect(currentAge(stored, later(5.5))).toBe(15.5);
  expect(currentAge(stored, later(-100))).toBe(10);
});

test("keepUntil is the end of the last window, less the age that the response came with", () => {
  expect(keepUntil(aStored({ freshnessLifetime: 60 }))).toBe(later(60));
  expect(keepUntil(aStored({ freshnessLifetime: 60, keep: 30 }))).toBe(later(90));
  expect(keepUntil(aStored({ freshnessLifetime: 60, keep: 30, initialAge: 70 }))).toBe(later(20));
  expect(keepUntil(aStored({ freshnessLifetime: 60, keep: 30, initialAge: 500 }))).toBe(NOW);
});

test.each([
  ["5", ["5"]],
  ["5, 7", ["5"]],
  ["abc", []],
  ["-1", []],
  ["1.5, 2", []],
  ["", []],
])("Age: %s is sent on as %j (§5.1)", (age, expected) => {
  const sent = withOneAge(["X-A", "1", "Age", age, "X-B", "2"]);
  expect(fieldLineValues(sent, "age")).toEqual(expected);
  expect(withoutFields(sent, new Set(["age"]))).toEqual(["X-A", "1", "X-B", "2"]);
});
