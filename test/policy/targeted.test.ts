import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResponseDirectives } from "../../src/policy/cache-control.ts";
import { instructionsOf } from "../../src/policy/targeted.ts";
import { type Fields, fieldValues, lines, NOW, recased } from "./builders.ts";

const asked = (fields: Fields) => instructionsOf(lines(fields), NOW);
const SECONDS = NOW / 1000;

type Row = readonly [id: string, clause: string, fields: Fields, expected: Partial<ResponseDirectives>];

const CC = { "Cache-Control": "max-age=10" };
const cdn = (value: string | string[]): Fields => ({ "CDN-Cache-Control": value });
const surrogate = (value: string): Fields => ({ "Surrogate-Control": value });
const accel = (value: string | string[]): Fields => ({ "X-Accel-Expires": value });

/** A targeted field decides; Cache-Control and Expires do not count. */
const DECIDES: readonly Row[] = [
  [
    "CDN-Cache-Control before Cache-Control",
    "RFC 9213 §2.2",
    { ...CC, "CDN-Cache-Control": "max-age=60" },
    { maxAge: 60 },
  ],
  [
    "our own field before CDN-Cache-Control, whatever their order",
    "RFC 9213 §2.2",
    { ...CC, "CDN-Cache-Control": "max-age=60", "Freshline-Cache-Control": "max-age=90" },
    { maxAge: 90 },
  ],
  [
    "the most specific alone: nothing is merged",
    "RFC 9213 §2.2",
    { "Freshline-Cache-Control": "max-age=90", "CDN-Cache-Control": "no-store", "Cache-Control": "private" },
    { maxAge: 90, noStore: false, private: false },
  ],
  [
    "the next one where the first is malformed",
    "RFC 9213 §2.1",
    { "Freshline-Cache-Control": "max-age=", "CDN-Cache-Control": "max-age=60" },
    { maxAge: 60 },
  ],
  [
    "no-store aside Cache-Control that permits",
    "RFC 9213 §3.1",
    { ...CC, "CDN-Cache-Control": "no-store" },
    { noStore: true, maxAge: undefined },
  ],
  [
    "a directive that nobody knows, to set Cache-Control aside",
    "RFC 9213 §3.1",
    { "Cache-Control": "no-store", "CDN-Cache-Control": "none" },
    { noStore: false, maxAge: undefined },
  ],
  [
    "directives that are off",
    "RFC 9213 §2.2",
    { ...CC, "CDN-Cache-Control": "no-store=?0, private=?0, public=?0, must-understand=?0" },
    { noStore: false, private: false, public: false, mustUnderstand: false, maxAge: undefined },
  ],
  [
    "all directives that Cache-Control has",
    "RFC 9213 §2.2",
    cdn(
      "public, must-revalidate, proxy-revalidate, must-understand, s-maxage=7, stale-while-revalidate=8, stale-if-error=9",
    ),
    {
      public: true,
      mustRevalidate: true,
      proxyRevalidate: true,
      mustUnderstand: true,
      sMaxage: 7,
      staleWhileRevalidate: 8,
      staleIfError: 9,
    },
  ],
  [
    "parameters are ignored",
    "RFC 9213 §2.1",
    cdn('max-age=60;x=1;no-store, private;y="z"'),
    { maxAge: 60, private: true, noStore: false },
  ],
  ["the last of a repeated directive", "RFC 9651 §3.2", cdn("max-age=60, max-age=5"), { maxAge: 5 }],
  [
    "several lines are one dictionary",
    "RFC 9651 §4.2",
    cdn(["max-age=60", "must-revalidate"]),
    { maxAge: 60, mustRevalidate: true },
  ],
  [
    "a list of fields as a string",
    "RFC 9213 §2.1",
    cdn('private="X-User, x-mail", no-cache="Set-Cookie"'),
    { private: false, noCache: false, withheldFields: ["x-user", "x-mail", "set-cookie"] },
  ],
  ["max-age beyond what is held", "§1.2.2", cdn("max-age=999999999999999"), { maxAge: 2 ** 31 }],
  ...['"60"', "60.5", "60.0", "60.000", "sixty", "-60", ":YQ==:", "(60)", "@60", '%"60"', "?1"].map(
    (value): Row => [
      `max-age=${value} is no lifetime, and no other field's either`,
      "RFC 9213 §2.1, RFC 9111 §4.2.1",
      { ...CC, "CDN-Cache-Control": `max-age=${value}` },
      { maxAge: 0 },
    ],
  ),
  ...["X-User", "5", "5.5", "()", '("x-user")', '""', '"not a, name at all"'].map(
    (value): Row => [
      `private=${value} and no-cache=${value} hold for the whole response`,
      "RFC 9213 §2.1",
      cdn(`max-age=60, private=${value}, no-cache=${value}`),
      { private: true, noCache: true, withheldFields: [] },
    ],
  ),
  [
    "restrictions hold with whatever value",
    "RFC 9213 §2.1",
    cdn('no-store=1, must-revalidate="x", proxy-revalidate=(a)'),
    { noStore: true, mustRevalidate: true, proxyRevalidate: true },
  ],
  [
    "permissions do not hold with a wrong value",
    "RFC 9213 §2.1",
    cdn('public=1, must-understand="x", stale-while-revalidate="9", no-store'),
    { public: false, mustUnderstand: false, staleWhileRevalidate: 0, noStore: true },
  ],
  [
    "Surrogate-Control before Cache-Control",
    "Edge Architecture 1.0 §2.2",
    { "Cache-Control": "no-store", "Surrogate-Control": 'Max-Age=60, content="ESI/1.0"' },
    { maxAge: 60, noStore: false },
  ],
  [
    "Surrogate-Control: no-store",
    "Edge Architecture 1.0 §2.2",
    { ...CC, "Surrogate-Control": "no-store" },
    { noStore: true, maxAge: undefined },
  ],
  [
    "a stale window on top",
    "Edge Architecture 1.0 §2.2",
    surrogate("max-age=60+30"),
    { maxAge: 60, staleWhileRevalidate: 30 },
  ],
  [
    "no stale window that is no number",
    "Edge Architecture 1.0 §2.2",
    surrogate("max-age=60+"),
    { maxAge: 0, staleWhileRevalidate: undefined },
  ],
  [
    "no lifetime with a space in it",
    "Edge Architecture 1.0 §2.2",
    { ...CC, "Surrogate-Control": "max-age =60" },
    { maxAge: 0 },
  ],
  [
    "what is for another surrogate is not for us",
    "Edge Architecture 1.0 §2.2",
    surrogate('max-age=3600;other, max-age=60, no-store;other, content="a;b"'),
    { maxAge: 60, noStore: false },
  ],
  [
    "a semicolon in quotes names no surrogate",
    "Edge Architecture 1.0 §2.2",
    surrogate('max-age=60, private="a;b"'),
    { maxAge: 60, private: true },
  ],
  [
    "a stray quotation mark in Surrogate-Control hides no restriction",
    "ours",
    surrogate('max-age=60, "x;y, no-store'),
    { noStore: true },
  ],
  [
    "CDN-Cache-Control before Surrogate-Control",
    "RFC 9213 §2.2",
    { "Surrogate-Control": "no-store", "CDN-Cache-Control": "max-age=60" },
    { maxAge: 60, noStore: false },
  ],
  [
    "Surrogate-Control before X-Accel-Expires",
    "ours",
    { "X-Accel-Expires": "5", "Surrogate-Control": "max-age=60" },
    { maxAge: 60 },
  ],
  ["X-Accel-Expires in seconds", "nginx", { ...CC, "X-Accel-Expires": "60" }, { maxAge: 60 }],
  ...["0", "off", "@0", `@${SECONDS}`, `@${SECONDS - 1}`].map(
    (value): Row => [
      `X-Accel-Expires: ${value} stores nothing`,
      "nginx",
      { ...CC, "X-Accel-Expires": value },
      { noStore: true, maxAge: undefined },
    ],
  ),
  ["X-Accel-Expires at an instant", "nginx", accel(` @${SECONDS + 60}\t`), { maxAge: 60, noStore: false }],
  ...["9".repeat(25), `@${"9".repeat(400)}`].map(
    (value): Row => [
      `X-Accel-Expires of ${value.length} characters is a very long time`,
      "nginx",
      accel(value),
      { maxAge: 2 ** 31 },
    ],
  ),
];

describe("decides alone (RFC 9213 §2.2)", () => {
  for (const [id, clause, fields, expected] of DECIDES) {
    test(`${id} (${clause})`, () => {
      const { directives, expiresCounts } = asked({ Expires: "0", ...fields });
      expect(directives).toMatchObject(expected);
      expect(expiresCounts).toBe(false);
    });
  }
});

type IgnoredRow = readonly [id: string, clause: string, fields: Fields];

const IGNORED: readonly IgnoredRow[] = [
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
  ].map((value): IgnoredRow => [`CDN-Cache-Control: ${JSON.stringify(value)}`, "RFC 9213 §2.1", cdn(value)]),
  [
    "a targeted field that is not on our list",
    "RFC 9213 §2.2",
    { "ExampleCDN-Cache-Control": "no-store", "Cloudflare-CDN-Cache-Control": "no-store" },
  ],
  ...["", " , ", 'content="ESI/1.0"', "max-age=60;other", "no-store;other", "no-store-remote"].map(
    (value): IgnoredRow => [
      `Surrogate-Control: ${JSON.stringify(value)}`,
      "Edge Architecture 1.0 §2.2",
      surrogate(value),
    ],
  ),
  ...["", "-1", "1.5", "soon", "@", "@-1", "OFF", "60s", "\xa060", ["5", "6"]].map(
    (value): IgnoredRow => [`X-Accel-Expires: ${JSON.stringify(value)}`, "nginx", accel(value)],
  ),
];

describe("leaves the decision to Cache-Control and Expires", () => {
  for (const [id, clause, fields] of IGNORED) {
    test(`${id} (${clause})`, () => {
      const cacheControl = { "Cache-Control": 'max-age=10, private="X-User"' };
      expect(asked({ ...cacheControl, ...fields })).toEqual(asked(cacheControl));
      expect(asked(fields).expiresCounts).toBe(true);
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
