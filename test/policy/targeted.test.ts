import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResponseDirectives } from "../../src/policy/cache-control.ts";
import { instructionsOf } from "../../src/policy/targeted.ts";
import { type Fields, fieldValues, lines, NOW, recased } from "./builders.ts";

const asked = (fields: Fields) => instructionsOf(lines(fields), NOW);
const SECONDS = NOW / 1000;

interface Row {
  readonly id: string;
  readonly clause: string;
  readonly fields: Fields;
  readonly expect: Partial<ResponseDirectives>;
}

const CC = { "Cache-Control": "max-age=10" };

/** A targeted field decides; Cache-Control and Expires do not count. */
const DECIDES: readonly Row[] = [
  {
    id: "CDN-Cache-Control before Cache-Control",
    clause: "RFC 9213 §2.2",
    fields: { ...CC, "CDN-Cache-Control": "max-age=60" },
    expect: { maxAge: 60 },
  },
  {
    id: "our own field before CDN-Cache-Control, whatever their order",
    clause: "RFC 9213 §2.2",
    fields: { ...CC, "CDN-Cache-Control": "max-age=60", "Freshline-Cache-Control": "max-age=90" },
    expect: { maxAge: 90 },
  },
  {
    id: "the most specific alone: nothing is merged",
    clause: "RFC 9213 §2.2",
    fields: {
      "Freshline-Cache-Control": "max-age=90",
      "CDN-Cache-Control": "no-store",
      "Cache-Control": "private",
    },
    expect: { maxAge: 90, noStore: false, private: false },
  },
  {
    id: "the next one where the first is malformed",
    clause: "RFC 9213 §2.1",
    fields: { "Freshline-Cache-Control": "max-age=", "CDN-Cache-Control": "max-age=60" },
    expect: { maxAge: 60 },
  },
  {
    id: "no-store aside Cache-Control that permits",
    clause: "RFC 9213 §3.1",
    fields: { ...CC, "CDN-Cache-Control": "no-store" },
    expect: { noStore: true, maxAge: undefined },
  },
  {
    id: "a directive that nobody knows, to set Cache-Control aside",
    clause: "RFC 9213 §3.1",
    fields: { "Cache-Control": "no-store", "CDN-Cache-Control": "none" },
    expect: { noStore: false, maxAge: undefined },
  },
  {
    id: "directives that are off",
    clause: "RFC 9213 §2.2",
    fields: { ...CC, "CDN-Cache-Control": "no-store=?0, private=?0, public=?0, must-understand=?0" },
    expect: { noStore: false, private: false, public: false, mustUnderstand: false, maxAge: undefined },
  },
  {
    id: "all directives that Cache-Control has",
    clause: "RFC 9213 §2.2",
    fields: {
      "CDN-Cache-Control":
        "public, must-revalidate, proxy-revalidate, must-understand, s-maxage=7, stale-while-revalidate=8, stale-if-error=9",
    },
    expect: {
      public: true,
      mustRevalidate: true,
      proxyRevalidate: true,
      mustUnderstand: true,
      sMaxage: 7,
      staleWhileRevalidate: 8,
      staleIfError: 9,
    },
  },
  {
    id: "parameters are ignored",
    clause: "RFC 9213 §2.1",
    fields: { "CDN-Cache-Control": 'max-age=60;x=1;no-store, private;y="z"' },
    expect: { maxAge: 60, private: true, noStore: false },
  },
  {
    id: "the last of a repeated directive",
    clause: "RFC 9651 §3.2",
    fields: { "CDN-Cache-Control": "max-age=60, max-age=5" },
    expect: { maxAge: 5 },
  },
  {
    id: "several lines are one dictionary",
    clause: "RFC 9651 §4.2",
    fields: { "CDN-Cache-Control": ["max-age=60", "must-revalidate"] },
    expect: { maxAge: 60, mustRevalidate: true },
  },
  {
    id: "a list of fields as a string",
    clause: "RFC 9213 §2.1",
    fields: { "CDN-Cache-Control": 'private="X-User, x-mail", no-cache="Set-Cookie"' },
    expect: { private: false, noCache: false, withheldFields: ["x-user", "x-mail", "set-cookie"] },
  },
  {
    id: "max-age beyond what is held",
    clause: "§1.2.2",
    fields: { "CDN-Cache-Control": "max-age=999999999999999" },
    expect: { maxAge: 2 ** 31 },
  },
  ...['"60"', "60.5", "60.0", "60.000", "sixty", "-60", ":YQ==:", "(60)", "@60", '%"60"', "?1"].map(
    (value): Row => ({
      id: `max-age=${value} is no lifetime, and no other field's either`,
      clause: "RFC 9213 §2.1, RFC 9111 §4.2.1",
      fields: { ...CC, "CDN-Cache-Control": `max-age=${value}` },
      expect: { maxAge: 0 },
    }),
  ),
  ...["X-User", "5", "5.5", "()", '("x-user")', '""', '"not a, name at all"'].map(
    (value): Row => ({
      id: `private=${value} and no-cache=${value} hold for the whole response`,
      clause: "RFC 9213 §2.1",
      fields: { "CDN-Cache-Control": `max-age=60, private=${value}, no-cache=${value}` },
      expect: { private: true, noCache: true, withheldFields: [] },
    }),
  ),
  {
    id: "restrictions hold with whatever value",
    clause: "RFC 9213 §2.1",
    fields: { "CDN-Cache-Control": 'no-store=1, must-revalidate="x", proxy-revalidate=(a)' },
    expect: { noStore: true, mustRevalidate: true, proxyRevalidate: true },
  },
  {
    id: "permissions do not",
    clause: "RFC 9213 §2.1",
    fields: { "CDN-Cache-Control": 'public=1, must-understand="x", stale-while-revalidate="9", no-store' },
    expect: { public: false, mustUnderstand: false, staleWhileRevalidate: 0, noStore: true },
  },
  {
    id: "Surrogate-Control before Cache-Control",
    clause: "Edge Architecture 1.0 §2.2",
    fields: { "Cache-Control": "no-store", "Surrogate-Control": 'Max-Age=60, content="ESI/1.0"' },
    expect: { maxAge: 60, noStore: false },
  },
  {
    id: "Surrogate-Control: no-store",
    clause: "Edge Architecture 1.0 §2.2",
    fields: { ...CC, "Surrogate-Control": "no-store" },
    expect: { noStore: true, maxAge: undefined },
  },
  {
    id: "a stale window on top",
    clause: "Edge Architecture 1.0 §2.2",
    fields: { "Surrogate-Control": "max-age=60+30" },
    expect: { maxAge: 60, staleWhileRevalidate: 30 },
  },
  {
    id: "no stale window that is no number",
    clause: "Edge Architecture 1.0 §2.2",
    fields: { "Surrogate-Control": "max-age=60+" },
    expect: { maxAge: 0, staleWhileRevalidate: undefined },
  },
  {
    id: "what is for another surrogate is not for us",
    clause: "Edge Architecture 1.0 §2.2",
    fields: { "Surrogate-Control": 'max-age=3600;other, max-age=60, no-store;other, content="a;b"' },
    expect: { maxAge: 60, noStore: false },
  },
  {
    id: "a semicolon in quotes names no surrogate",
    clause: "Edge Architecture 1.0 §2.2",
    fields: { "Surrogate-Control": 'max-age=60, private="a;b"' },
    expect: { maxAge: 60, private: true },
  },
  {
    id: "CDN-Cache-Control before Surrogate-Control",
    clause: "RFC 9213 §2.2",
    fields: { "Surrogate-Control": "no-store", "CDN-Cache-Control": "max-age=60" },
    expect: { maxAge: 60, noStore: false },
  },
  {
    id: "Surrogate-Control before X-Accel-Expires",
    clause: "ours",
    fields: { "X-Accel-Expires": "5", "Surrogate-Control": "max-age=60" },
    expect: { maxAge: 60 },
  },
  {
    id: "X-Accel-Expires in seconds",
    clause: "nginx",
    fields: { ...CC, "X-Accel-Expires": "60" },
    expect: { maxAge: 60 },
  },
  ...["0", "off", "@0", `@${SECONDS}`, `@${SECONDS - 1}`].map(
    (value): Row => ({
      id: `X-Accel-Expires: ${value} stores nothing`,
      clause: "nginx",
      fields: { ...CC, "X-Accel-Expires": value },
      expect: { noStore: true, maxAge: undefined },
    }),
  ),
  {
    id: "X-Accel-Expires at an instant",
    clause: "nginx",
    fields: { "X-Accel-Expires": ` @${SECONDS + 60}\t` },
    expect: { maxAge: 60, noStore: false },
  },
  ...["9".repeat(25), `@${"9".repeat(400)}`].map(
    (value): Row => ({
      id: `X-Accel-Expires of ${value.length} characters is a very long time`,
      clause: "nginx",
      fields: { "X-Accel-Expires": value },
      expect: { maxAge: 2 ** 31 },
    }),
  ),
];

describe("decides alone (RFC 9213 §2.2)", () => {
  for (const row of DECIDES) {
    test(`${row.id} (${row.clause})`, () => {
      const { directives, expiresCounts } = asked({ Expires: "0", ...row.fields });
      expect(directives).toMatchObject(row.expect);
      expect(expiresCounts).toBe(false);
    });
  }
});

const IGNORED: readonly { readonly id: string; readonly clause: string; readonly fields: Fields }[] = [
  ...[
    "",
    " ",
    "max-age=60,",
    ",max-age=60",
    "max-age=60, &&&",
    "max-age = 60",
    "Max-Age=60",
    'max-age="60',
    "max-age=1.0000",
    "max-age=1234567890123456",
    "max-age=60; private=",
    "no-store\xe9",
    "max-age:60",
  ].map((value) => ({
    id: `CDN-Cache-Control: ${JSON.stringify(value)}`,
    clause: "RFC 9213 §2.1",
    fields: { "CDN-Cache-Control": value },
  })),
  {
    id: "a targeted field that is not on our list",
    clause: "RFC 9213 §2.2",
    fields: { "ExampleCDN-Cache-Control": "no-store", "Cloudflare-CDN-Cache-Control": "no-store" },
  },
  ...[
    "",
    " , ",
    'content="ESI/1.0"',
    "max-age=60;other",
    "no-store;other",
    "no-store-remote",
    "max-age =60",
  ].map((value) => ({
    id: `Surrogate-Control: ${JSON.stringify(value)}`,
    clause: "Edge Architecture 1.0 §2.2",
    fields: { "Surrogate-Control": value },
  })),
  ...["", "-1", "1.5", "soon", "@", "@-1", "OFF", "60s", "\xa060", ["5", "6"]].map((value) => ({
    id: `X-Accel-Expires: ${JSON.stringify(value)}`,
    clause: "nginx",
    fields: { "X-Accel-Expires": value },
  })),
];

describe("leaves the decision to Cache-Control and Expires", () => {
  for (const row of IGNORED) {
    test(`${row.id} (${row.clause})`, () => {
      const cacheControl = { "Cache-Control": 'max-age=10, private="X-User"' };
      expect(asked({ ...cacheControl, ...row.fields })).toEqual(asked(cacheControl));
      expect(asked(row.fields).expiresCounts).toBe(true);
    });
  }
});

const NAMES = [
  "freshline-cache-control",
  "cdn-cache-control",
  "surrogate-control",
  "x-accel-expires",
  "cache-control",
];

describe("whatever comes", () => {
  test("never throws, and gives lifetimes that are numbers from 0 on", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...NAMES), fieldValues)), (pairs) => {
        const { directives } = instructionsOf(pairs.flat(), NOW);
        for (const name of ["maxAge", "sMaxage", "staleWhileRevalidate", "staleIfError"] as const) {
          const seconds = directives[name] ?? 0;
          expect(seconds >= 0 && seconds <= 2 ** 31).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("field names count in any case", () => {
    const value = fc.oneof(fieldValues, fc.constantFrom("max-age=60", "no-store", "60", "@1"));
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), value, fc.array(fc.boolean()), (name, field, flips) => {
        expect(instructionsOf([recased(name, flips), field], NOW)).toEqual(
          instructionsOf([name, field], NOW),
        );
      }),
    );
  });

  test("a targeted field that restricts is never outvoted by a lesser one", () => {
    const lesser = fc.array(fc.tuple(fc.constantFrom(...NAMES.slice(1)), fieldValues));
    fc.assert(
      fc.property(lesser, fc.constantFrom("no-store", "private", "no-cache"), (pairs, directive) => {
        const fields = [...pairs.flat(), "Freshline-Cache-Control", `max-age=60, ${directive}`];
        const { noStore, private: isPrivate, noCache } = instructionsOf(fields, NOW).directives;
        expect([noStore, isPrivate, noCache].filter(Boolean)).toHaveLength(1);
      }),
    );
  });
});
