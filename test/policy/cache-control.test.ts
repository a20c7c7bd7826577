import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  deltaSeconds,
  NOTHING_ASKED,
  parseDirectives,
  type RequestDirectives,
  type ResponseDirectives,
  requestDirectives,
  responseDirectives,
} from "../../src/policy/cache-control.ts";
import { type Fields, fieldValues, lines, recased } from "./builders.ts";

interface ResponseRow {
  readonly id: string;
  readonly clause: string;
  readonly field: string | readonly string[];
  readonly expect: Partial<ResponseDirectives>;
}

const RESPONSES: readonly ResponseRow[] = [
  { id: "max-age", clause: "§5.2.2.1", field: "max-age=60", expect: { maxAge: 60, sMaxage: undefined } },
  { id: "zero is stated", clause: "§4.2.1", field: "max-age=0", expect: { maxAge: 0 } },
  { id: "leading zeros", clause: "§1.2.2", field: "max-age=0060", expect: { maxAge: 60 } },
  { id: "any case", clause: "§5.2", field: "MAX-Age=60, No-STORE", expect: { maxAge: 60, noStore: true } },
  { id: "quoted number", clause: "§5.2", field: 'max-age="60"', expect: { maxAge: 60 } },
  { id: "single-quoted number", clause: "§5.2", field: "max-age='60'", expect: { maxAge: 0 } },
  { id: "first of two", clause: "§4.2.1", field: "max-age=60, max-age=5", expect: { maxAge: 60 } },
  { id: "first of two lines", clause: "§4.2.1", field: ["max-age=5", "max-age=60"], expect: { maxAge: 5 } },
  {
    id: "both lines count",
    clause: "§5.2",
    field: ["max-age=5", "no-store"],
    expect: { maxAge: 5, noStore: true },
  },
  {
    id: "whitespace around members",
    clause: "§5.2",
    field: " max-age=60\t,\t no-store ",
    expect: { maxAge: 60, noStore: true },
  },
  { id: "no space before =", clause: "§4.2.1", field: "max-age =60", expect: { maxAge: 0 } },
  {
    id: "a space before = does not lift a restriction",
    clause: "§5.2",
    field: 'no-store =1, private ="X-User", no-cache\t="X-User"',
    expect: { noStore: true, private: true, noCache: true, withheldFields: [] },
  },
  {
    id: "a quotation mark that is never closed hides no restriction",
    clause: "§5.2",
    field: 'max-age=60, ext="a, No-Store, must-revalidate, s-maxage=90, public',
    expect: { maxAge: 60, noStore: true, mustRevalidate: true, sMaxage: undefined, public: false },
  },
  ...[
    's-maxage=60, foo=a", private',
    'max-age=60, "x, private',
    'max-age=60, "private',
    'max-age=60, a", private, b"',
    'max-age=60, foo="a", "b, private',
    'max-age=60, foo="a" "b, PRIVATE="x-user", c',
  ].map((field) => ({
    id: `a stray quotation mark hides no restriction: ${field}`,
    clause: "§5.2, RFC 9110 §5.6.4",
    field,
    expect: { private: true, withheldFields: [] },
  })),
  {
    id: "nor does it give what it would have hidden",
    clause: "§5.2",
    field: 'public, foo=a", max-age=60, must-understand',
    expect: { public: true, maxAge: undefined, mustUnderstand: false },
  },
  {
    id: "one that is closed hides all",
    clause: "§5.2",
    field: 'max-age=60, ext="a \\", no-store", b="private, c"',
    expect: { maxAge: 60, noStore: false, private: false },
  },
  { id: "no space after =", clause: "§4.2.1", field: "max-age= 60", expect: { maxAge: 0 } },
  { id: "negative", clause: "§4.2.1", field: "max-age=-60", expect: { maxAge: 0 } },
  { id: "plus sign", clause: "§4.2.1", field: "max-age=+60", expect: { maxAge: 0 } },
  { id: "decimal", clause: "§4.2.1", field: "max-age=60.0", expect: { maxAge: 0 } },
  { id: "exponent", clause: "§4.2.1", field: "max-age=6e1", expect: { maxAge: 0 } },
  { id: "trailing letters", clause: "§4.2.1", field: "max-age=60s", expect: { maxAge: 0 } },
  { id: "no argument", clause: "§4.2.1", field: "max-age", expect: { maxAge: 0 } },
  { id: "empty argument", clause: "§4.2.1", field: "max-age=", expect: { maxAge: 0 } },
  { id: "huge", clause: "§1.2.2", field: "max-age=99999999999", expect: { maxAge: 2 ** 31 } },
  { id: "huger", clause: "§1.2.2", field: `s-maxage=${"9".repeat(400)}`, expect: { sMaxage: 2 ** 31 } },
  {
    id: "empty members",
    clause: "RFC 9110 §5.6.1",
    field: ",, ,max-age=60,",
    expect: { maxAge: 60, noStore: false },
  },
  {
    id: "comma in quotes",
    clause: "§5.2",
    field: 'ext="no-store, max-age=1", max-age=60',
    expect: { maxAge: 60, noStore: false },
  },
  {
    id: "escaped quote in quotes",
    clause: "RFC 9110 §5.6.4",
    field: 'ext="a\\", no-store", max-age=60',
    expect: { maxAge: 60, noStore: false },
  },
  {
    id: "stale windows",
    clause: "RFC 5861 §3, §4",
    field: "stale-while-revalidate=30, stale-if-error=40",
    expect: { staleWhileRevalidate: 30, staleIfError: 40 },
  },
  {
    id: "a window without argument is none",
    clause: "RFC 5861 §3",
    field: "stale-while-revalidate",
    expect: { staleWhileRevalidate: 0, staleIfError: undefined },
  },
  {
    id: "flags",
    clause: "§5.2.2",
    field: "public, must-revalidate, proxy-revalidate, must-understand",
    expect: { public: true, mustRevalidate: true, proxyRevalidate: true, mustUnderstand: true },
  },
  { id: "flag with an argument", clause: "§5.2.2.5", field: "no-store=1", expect: { noStore: true } },
  { id: "unknown", clause: "§5.2.3", field: "no-storage, xmax-age=1", expect: { noStore: false } },
  { id: "private", clause: "§5.2.2.7", field: "private", expect: { private: true, withheldFields: [] } },
  {
    id: "qualified private",
    clause: "§5.2.2.7",
    field: 'private="X-User, Set-Cookie"',
    expect: { private: false, withheldFields: ["x-user", "set-cookie"] },
  },
  {
    id: "qualified no-cache as a token",
    clause: "§5.2.2.4",
    field: "no-cache=X-User",
    expect: { noCache: false, withheldFields: ["x-user"] },
  },
  {
    id: "empty qualification",
    clause: "§5.2.2.4",
    field: 'no-cache="", private=" , "',
    expect: { noCache: true, private: true, withheldFields: [] },
  },
  {
    id: "unclosed qualification",
    clause: "§5.2.2.7",
    field: 'private="X-User',
    expect: { private: true, withheldFields: [] },
  },
  {
    id: "unqualified after qualified",
    clause: "§4.2.1",
    field: ['private="X-User"', "private"],
    expect: { private: true, withheldFields: [] },
  },
  {
    id: "qualified after unqualified",
    clause: "§4.2.1",
    field: 'no-cache, no-cache="X-User"',
    expect: { noCache: true },
  },
  {
    id: "qualified twice",
    clause: "§4.2.1",
    field: 'no-cache="X-User", no-cache="X-Mail"',
    expect: { noCache: false, withheldFields: ["x-user", "x-mail"] },
  },
];

describe("a response's directives", () => {
  for (const row of RESPONSES) {
    test(`${row.id} (${row.clause})`, () => {
      expect(responseDirectives(parseDirectives(lines({ "Cache-Control": row.field })))).toMatchObject(
        row.expect,
      );
    });
  }
});

interface RequestRow {
  readonly id: string;
  readonly clause: string;
  readonly fields: Fields;
  readonly expect: Partial<RequestDirectives>;
}

const asked = (cacheControl: string): Fields => ({ "cache-control": cacheControl });

const REQUESTS: readonly RequestRow[] = [
  { id: "nothing", clause: "§5.2.1", fields: {}, expect: {} },
  { id: "max-age", clause: "§5.2.1.1", fields: asked("max-age=5"), expect: { maxAge: 5 } },
  { id: "invalid max-age", clause: "§5.2.1.1", fields: asked("max-age=x"), expect: { maxAge: 0 } },
  { id: "max-stale", clause: "§5.2.1.2", fields: asked("max-stale=5"), expect: { maxStale: 5 } },
  {
    id: "max-stale without argument",
    clause: "§5.2.1.2",
    fields: asked("max-stale"),
    expect: { maxStale: Number.POSITIVE_INFINITY },
  },
  { id: "invalid max-stale", clause: "§5.2.1.2", fields: asked("max-stale=x"), expect: { maxStale: 0 } },
  { id: "min-fresh", clause: "§5.2.1.3", fields: asked('min-fresh="5"'), expect: { minFresh: 5 } },
  { id: "no-cache", clause: "§5.2.1.4", fields: asked("No-Cache"), expect: { noCache: true } },
  { id: "no-store", clause: "§5.2.1.5", fields: asked("no-store"), expect: { noStore: true } },
  {
    id: "only-if-cached",
    clause: "§5.2.1.7",
    fields: asked("only-if-cached"),
    expect: { onlyIfCached: true },
  },
  { id: "Pragma alone", clause: "§5.4", fields: { PRAGMA: "x, No-Cache" }, expect: { noCache: true } },
  { id: "another Pragma", clause: "§5.4", fields: { Pragma: "no-cachet" }, expect: {} },
  {
    id: "Pragma beside Cache-Control",
    clause: "§5.4",
    fields: { Pragma: "no-cache", ...asked("max-age=5") },
    expect: { maxAge: 5 },
  },
];

describe("a request's directives", () => {
  for (const row of REQUESTS) {
    test(`${row.id} (${row.clause})`, () => {
      expect(requestDirectives(lines(row.fields))).toEqual({ ...NOTHING_ASKED, ...row.expect });
    });
  }
});

describe("for any bytes", () => {
  const field = (value: string) => ["Cache-Control", value];

  test("reading them never throws, and delta-seconds stay within their bounds", () => {
    fc.assert(
      fc.property(fieldValues, (value) => {
        responseDirectives(parseDirectives(field(value)));
        requestDirectives(field(value));
        const directives = parseDirectives(field(value));
        for (const name of directives.keys()) {
          const seconds = deltaSeconds(directives, name);
          expect(Number.isSafeInteger(seconds) && seconds! >= 0 && seconds! <= 2 ** 31).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("the case of directive names means nothing", () => {
    fc.assert(
      fc.property(fieldValues, fc.array(fc.boolean(), { minLength: 1 }), (value, flips) => {
        expect(responseDirectives(parseDirectives(field(recased(value, flips))))).toEqual(
          responseDirectives(parseDirectives(field(value))),
        );
        expect(requestDirectives(field(recased(value, flips)))).toEqual(requestDirectives(field(value)));
      }),
      { numRuns: 1000 },
    );
  });
});
