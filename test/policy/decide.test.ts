import { describe, expect, test } from "vitest";
import { NOTHING_ASKED } from "../../src/policy/cache-control.ts";
import { type Decision, decide } from "../../src/policy/decide.ts";
import { isSafe } from "../../src/policy/invalidate.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { aRequest, aStored, later } from "./builders.ts";

/** The verdict, without the stored response that it is about. */
type Verdict = Omit<Decision<never>, "stored"> & Record<string, unknown>;

interface Row {
  readonly id: string;
  readonly clause: string;
  /** The request's Cache-Control. */
  readonly asks?: string;
  /** Fresh for 60 s, unless told otherwise; undefined: nothing is stored. */
  readonly stored?: Partial<Omit<StoredResponse, "fields">> | undefined;
  /** Seconds since the response was received. */
  readonly at?: number;
  readonly expect: Verdict;
}

const serve = (age: number): Verdict => ({ type: "serve", age });
const stale = (age: number, refresh: boolean): Verdict => ({ type: "serve-stale", age, refresh });
const validate = (age: number, fwd: "stale" | "request", fallback: boolean): Verdict => ({
  type: "revalidate",
  age,
  fwd,
  fallback,
});
const FETCH: Verdict = { type: "fetch" };
const REFUSE: Verdict = { type: "refuse" };

const SWR = { staleWhileRevalidate: 30 };
const SIE = { staleIfError: 40 };

const ROWS: readonly Row[] = [
  { id: "nothing stored", clause: "§4", stored: undefined, expect: FETCH },
  {
    id: "nothing stored, only-if-cached",
    clause: "§5.2.1.7",
    asks: "only-if-cached",
    stored: undefined,
    expect: REFUSE,
  },

  { id: "just received", clause: "§4.2", at: 0, expect: serve(0) },
  { id: "fresh to the last moment", clause: "§4.2", at: 59.999, expect: serve(59.999) },
  { id: "age == lifetime is stale", clause: "§4.2", at: 60, expect: validate(60, "stale", false) },
  { id: "it came with an age", clause: "§4.2.3", stored: { initialAge: 50 }, at: 9, expect: serve(59) },
  {
    id: "it came with an age, and is stale",
    clause: "§4.2.3",
    stored: { initialAge: 50 },
    at: 10,
    expect: validate(60, "stale", false),
  },
  { id: "another instance's clock is ahead", clause: "§4.2.3", at: -10, expect: serve(0) },
  { id: "the clock was set back", clause: "§4.2.3", at: -10.001, expect: validate(0, "stale", false) },
  {
    id: "the clock was set back, and a window is open",
    clause: "§4.2.3",
    stored: SWR,
    at: -3600,
    expect: stale(0, true),
  },
  {
    id: "no lifetime",
    clause: "§4.2",
    stored: { freshnessLifetime: 0 },
    expect: validate(0, "stale", false),
  },
  {
    id: "fresh, only-if-cached",
    clause: "§5.2.1.7",
    asks: "only-if-cached",
    at: 59,
    expect: serve(59),
  },
  { id: "stale, only-if-cached", clause: "§5.2.1.7", asks: "only-if-cached", at: 60, expect: REFUSE },

  { id: "the window opens at ==", clause: "RFC 5861 §3", stored: SWR, at: 60, expect: stale(60, true) },
  { id: "within the window", clause: "RFC 5861 §3", stored: SWR, at: 89.999, expect: stale(89.999, true) },
  {
    id: "the window is closed at ==",
    clause: "RFC 5861 §3",
    stored: SWR,
    at: 90,
    expect: validate(90, "stale", false),
  },
  {
    id: "within the window, only-if-cached",
    clause: "RFC 5861 §3",
    asks: "only-if-cached",
    stored: SWR,
    at: 60,
    expect: stale(60, true),
  },
  {
    // Windows are closed when the response is admitted; one that is open was meant: s-maxage with a window.
    id: "an open window beside mustRevalidate",
    clause: "ours, against §5.2.2.10",
    stored: { ...SWR, mustRevalidate: true },
    at: 60,
    expect: stale(60, true),
  },

  {
    id: "on error, fresh enough",
    clause: "RFC 5861 §4",
    stored: SIE,
    at: 60,
    expect: validate(60, "stale", true),
  },
  {
    id: "on error, just before the end",
    clause: "RFC 5861 §4",
    stored: SIE,
    at: 99.999,
    expect: validate(99.999, "stale", true),
  },
  {
    id: "on error, closed at ==",
    clause: "RFC 5861 §4",
    stored: SIE,
    at: 100,
    expect: validate(100, "stale", false),
  },
  {
    id: "while refreshing goes first",
    clause: "RFC 5861 §3, §4",
    stored: { ...SWR, ...SIE },
    at: 89,
    expect: stale(89, true),
  },
  {
    id: "then on error",
    clause: "RFC 5861 §3, §4",
    stored: { ...SWR, ...SIE },
    at: 90,
    expect: validate(90, "stale", true),
  },

  {
    id: "no-cache, fresh",
    clause: "§5.2.2.4",
    stored: { noCache: true },
    expect: validate(0, "stale", false),
  },
  {
    id: "no-cache, whatever its windows",
    clause: "§5.2.2.4",
    stored: { noCache: true, ...SWR, ...SIE },
    at: 60,
    expect: validate(60, "stale", false),
  },
  {
    id: "no-cache, max-stale",
    clause: "§5.2.2.4",
    asks: "max-stale",
    stored: { noCache: true },
    at: 60,
    expect: validate(60, "stale", false),
  },
  {
    id: "no-cache, only-if-cached",
    clause: "§5.2.2.4",
    asks: "only-if-cached",
    stored: { noCache: true },
    expect: REFUSE,
  },

  { id: "asked no-cache, fresh", clause: "§5.2.1.4", asks: "no-cache", expect: validate(0, "request", true) },
  {
    id: "asked no-cache, in the window",
    clause: "§5.2.1.4",
    asks: "no-cache",
    stored: SWR,
    at: 60,
    expect: validate(60, "stale", false),
  },
  {
    id: "asked no-cache and only-if-cached",
    clause: "§5.2.1.7",
    asks: "no-cache, only-if-cached",
    expect: REFUSE,
  },

  { id: "max-age == age", clause: "§5.2.1.1", asks: "max-age=10", at: 10, expect: serve(10) },
  {
    id: "max-age below age",
    clause: "§5.2.1.1",
    asks: "max-age=10",
    at: 10.001,
    expect: validate(10.001, "request", true),
  },
  {
    id: "max-age=0 validates",
    clause: "§5.2.1.1",
    asks: "max-age=0",
    at: 1,
    expect: validate(1, "request", true),
  },
  {
    id: "max-age beyond the lifetime makes nothing fresh",
    clause: "§5.2.1.1",
    asks: "max-age=1000",
    at: 60,
    expect: validate(60, "stale", false),
  },
  {
    id: "max-age, too old for it in the window",
    clause: "§5.2.1.1",
    asks: "max-age=70",
    stored: SWR,
    at: 71,
    expect: validate(71, "stale", false),
  },

  { id: "min-fresh == what is left", clause: "§5.2.1.3", asks: "min-fresh=10", at: 50, expect: serve(50) },
  {
    id: "min-fresh above what is left",
    clause: "§5.2.1.3",
    asks: "min-fresh=10",
    at: 50.001,
    expect: validate(50.001, "request", true),
  },
  {
    id: "min-fresh in the window",
    clause: "§5.2.1.3",
    asks: "min-fresh=1",
    stored: SWR,
    at: 60,
    expect: validate(60, "stale", false),
  },

  {
    id: "max-stale == staleness",
    clause: "§5.2.1.2",
    asks: "max-stale=10",
    at: 70,
    expect: stale(70, false),
  },
  {
    id: "max-stale below staleness",
    clause: "§5.2.1.2",
    asks: "max-stale=10",
    at: 70.001,
    expect: validate(70.001, "stale", false),
  },
  {
    id: "max-stale without limit",
    clause: "§5.2.1.2",
    asks: "max-stale",
    at: 9999,
    expect: stale(9999, false),
  },
  { id: "max-stale, still fresh", clause: "§5.2.1.2", asks: "max-stale", at: 59, expect: serve(59) },
  {
    id: "max-stale against must-revalidate",
    clause: "§5.2.2.2",
    asks: "max-stale",
    stored: { mustRevalidate: true },
    at: 60,
    expect: validate(60, "stale", false),
  },
  {
    id: "the origin's window before max-stale",
    clause: "RFC 5861 §3",
    asks: "max-stale",
    stored: SWR,
    at: 89,
    expect: stale(89, true),
  },
  {
    id: "max-stale after the origin's window",
    clause: "§5.2.1.2",
    asks: "max-stale",
    stored: SWR,
    at: 90,
    expect: stale(90, false),
  },
  {
    id: "max-age with max-stale: too old",
    clause: "§5.2.1.1",
    asks: "max-age=60, max-stale=60",
    at: 61,
    expect: validate(61, "stale", false),
  },
];

describe("decide", () => {
  for (const row of ROWS) {
    test(`${row.id} (${row.clause})`, () => {
      const request = aRequest({ fields: { "Cache-Control": row.asks } });
      const stored = "stored" in row && row.stored === undefined ? undefined : aStored(row.stored);
      const { age, ...verdict } = row.expect;
      const decision = decide(request, stored, later(row.at ?? 0));
      const about = "age" in row.expect ? { stored, age: expect.closeTo(Number(age), 6) } : {};
      expect(decision).toEqual({ ...verdict, ...about });
    });
  }

  test("ignored client directives ask for nothing (§5.2.1)", () => {
    const fields = { "Cache-Control": "no-cache, no-store, only-if-cached" };
    expect(decide(aRequest({ fields, directives: NOTHING_ASKED }), aStored(), later(1)).type).toBe("serve");
  });

  test("HEAD is answered by what a GET has stored (RFC 9110 §9.3.2)", () => {
    expect(decide(aRequest({ method: "HEAD" }), aStored(), later(1)).type).toBe("serve");
  });
});

describe("pass", () => {
  const passed = [
    { id: "POST", clause: "§4", request: aRequest({ method: "POST" }), expect: "method" },
    { id: "OPTIONS", clause: "§4", request: aRequest({ method: "OPTIONS" }), expect: "method" },
    { id: "unknown method", clause: "§4", request: aRequest({ method: "PURGE" }), expect: "method" },
    {
      id: "GET with content",
      clause: "RFC 9110 §9.3.1",
      request: aRequest({ hasBody: true }),
      expect: "request-body",
    },
    {
      id: "no-store",
      clause: "§5.2.1.5",
      request: aRequest({ fields: { "Cache-Control": "no-store" } }),
      expect: "client-no-store",
    },
    {
      id: "If-Match",
      clause: "RFC 9110 §13.1.1",
      request: aRequest({ fields: { "if-match": "*" } }),
      expect: "precondition",
    },
    {
      id: "If-Unmodified-Since",
      clause: "RFC 9110 §13.1.4",
      request: aRequest({ fields: { "If-Unmodified-Since": "x" } }),
      expect: "precondition",
    },
  ];
  for (const row of passed) {
    test(`${row.id}: ${row.expect} (${row.clause})`, () => {
      const verdict = { type: "pass", reason: row.expect };
      expect(decide(row.request, aStored(), later(1))).toEqual(verdict);
      expect(decide(row.request, undefined, later(1))).toEqual(verdict);
    });

    test(`${row.id} with only-if-cached, honoured: ${isSafe(row.request.method) ? "refused" : "written through"} (§5.2.1.7, §4)`, () => {
      const directives = { ...row.request.directives, onlyIfCached: true };
      const verdict = isSafe(row.request.method) ? REFUSE : { type: "pass", reason: row.expect };
      expect(decide({ ...row.request, directives }, undefined, later(1))).toEqual(verdict);
    });
  }
});
