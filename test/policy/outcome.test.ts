import { parseList, Token } from "structured-headers";
import { describe, expect, test } from "vitest";
import { CACHE_NAME } from "../../src/policy/forwarding.ts";
import {
  cacheStatusMember,
  type Forwarded,
  type Outcome,
  type Reason,
  sameOutcome,
  withValidCacheStatus,
  xCacheStatus,
} from "../../src/policy/outcome.ts";

interface Row {
  readonly id: string;
  readonly outcome: Outcome;
  readonly xCacheStatus: "HIT" | "MISS";
  readonly cacheStatus: string;
}

const ROWS: readonly Row[] = [
  {
    id: "fresh from the cache",
    outcome: { word: "HIT", body: "cache", ttl: 42 },
    xCacheStatus: "HIT",
    cacheStatus: "freshline; hit; ttl=42",
  },
  {
    id: "fresh for less than a second",
    outcome: { word: "HIT", body: "cache", ttl: 0 },
    xCacheStatus: "HIT",
    cacheStatus: "freshline; hit; ttl=0",
  },
  {
    id: "stale, refreshing in background",
    outcome: { word: "UPDATING", body: "cache", ttl: -7, reason: "stale-while-revalidate" },
    xCacheStatus: "HIT",
    cacheStatus: "freshline; hit; ttl=-7; detail=stale-while-revalidate",
  },
  {
    id: "stale at the client's wish",
    outcome: { word: "STALE", body: "cache", ttl: -7, reason: "client-max-stale" },
    xCacheStatus: "HIT",
    cacheStatus: "freshline; hit; ttl=-7; detail=client-max-stale",
  },
  {
    id: "origin failed, stale served",
    outcome: { word: "STALE", body: "cache", fwd: "stale", fwdStatus: 503, reason: "stale-if-error" },
    xCacheStatus: "HIT",
    cacheStatus: "freshline; fwd=stale; fwd-status=503; detail=stale-if-error",
  },
  {
    id: "origin said 304",
    outcome: { word: "REVALIDATED", body: "cache", fwd: "stale", fwdStatus: 304 },
    xCacheStatus: "HIT",
    cacheStatus: "freshline; fwd=stale; fwd-status=304",
  },
  {
    id: "stale, origin sent a new one",
    outcome: { word: "EXPIRED", body: "origin", fwd: "stale", fwdStatus: 200, stored: true },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; fwd=stale; fwd-status=200; stored",
  },
  {
    id: "was not there, now stored",
    outcome: { word: "MISS", body: "origin", fwd: "uri-miss", fwdStatus: 200, stored: true },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; fwd=uri-miss; fwd-status=200; stored",
  },
  {
    id: "was not there, and may not be stored",
    outcome: {
      word: "MISS",
      body: "origin",
      fwd: "vary-miss",
      fwdStatus: 200,
      stored: false,
      reason: "no-store",
    },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; fwd=vary-miss; fwd-status=200; detail=no-store",
  },
  {
    id: "waited for another request's fetch",
    outcome: { word: "MISS", body: "origin", fwd: "uri-miss", collapsed: true },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; fwd=uri-miss; collapsed",
  },
  {
    id: "not a cache's business: the method",
    outcome: { word: "BYPASS", body: "origin", fwd: "method", reason: "method" },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; fwd=method",
  },
  {
    id: "not a cache's business: something else",
    outcome: { word: "BYPASS", body: "origin", fwd: "bypass", reason: "request-body" },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; fwd=bypass; detail=request-body",
  },
  {
    id: "refused",
    outcome: { word: "MISS", body: "none", reason: "only_if_cached" },
    xCacheStatus: "MISS",
    cacheStatus: "freshline; detail=only_if_cached",
  },
];

describe("what the client sees (RFC 9211)", () => {
  for (const row of ROWS) {
    test(row.id, () => {
      expect(xCacheStatus(row.outcome)).toBe(row.xCacheStatus);
      const member = cacheStatusMember(CACHE_NAME, row.outcome);
      expect(member).toBe(row.cacheStatus);
      const [[name, parameters] = []] = parseList(member);
      expect(name).toEqual(new Token("freshline"));
      // One of the two says what happened, and none where there was neither an answer nor a request (RFC 9211 §2.1, §2.2).
      const said = ["hit", "fwd"].filter((word) => parameters?.has(word));
      expect(said).toHaveLength(row.outcome.body === "none" ? 0 : 1);
    });
  }
});

// Complete by type: a reason that is missing here, or is none, does not compile.
const REASONS = {
  method: 0,
  status: 0,
  "no-store": 0,
  private: 0,
  authorization: 0,
  "vary-star": 0,
  cookie: 0,
  "unkeyed-field": 0,
  "set-cookie": 0,
  "event-stream": 0,
  "too-many-tags": 0,
  "no-freshness": 0,
  "too-large": 0,
  "flights-full": 0,
  partial: 0,
  "close-delimited": 0,
  "cut-off": 0,
  purged: 0,
  "range-request": 0,
  "head-request": 0,
  "store-failed": 0,
  upgrade: 0,
  "client-no-store": 0,
  precondition: 0,
  "request-body": 0,
  "stale-while-revalidate": 0,
  "stale-if-error": 0,
  "client-max-stale": 0,
  no_healthy_origin: 0,
  origin_unreachable: 0,
  origin_certificate: 0,
  origin_error: 0,
  origin_timeout: 0,
  origin_overloaded: 0,
  only_if_cached: 0,
  bad_request: 0,
  purge_forbidden: 0,
  store_unavailable: 0,
  too_many_connections: 0,
  internal_error: 0,
} satisfies Record<Reason, 0>;

const FORWARDED = {
  bypass: 0,
  method: 0,
  "uri-miss": 0,
  "vary-miss": 0,
  partial: 0,
  request: 0,
  stale: 0,
} satisfies Record<Forwarded, 0>;

describe("as a structured field (RFC 9651)", () => {
  test("every reason is a token that reads back, beside what other caches said", () => {
    for (const reason of Object.keys(REASONS) as Reason[]) {
      const outcome: Outcome = { word: "MISS", body: "origin", fwd: "uri-miss", fwdStatus: 200, reason };
      const list = parseList(`"other cache"; hit, ${cacheStatusMember(CACHE_NAME, outcome)}`);
      expect(list).toHaveLength(2);
      expect(list[1]?.[1], reason).toEqual(
        new Map<string, unknown>([
          ["fwd", new Token("uri-miss")],
          ["fwd-status", 200],
          ["detail", new Token(reason)],
        ]),
      );
    }
  });

  test("so is every word for why a request went forward, with all parameters at once", () => {
    for (const fwd of Object.keys(FORWARDED) as Forwarded[]) {
      const outcome: Outcome = {
        word: "MISS",
        body: "origin",
        fwd,
        fwdStatus: 200,
        ttl: -1,
        stored: true,
        collapsed: true,
      };
      const [[, parameters] = []] = parseList(cacheStatusMember(CACHE_NAME, outcome));
      expect(parameters, fwd).toEqual(
        new Map<string, unknown>([
          ["fwd", new Token(fwd)],
          ["fwd-status", 200],
          ["ttl", -1],
          ["stored", true],
          ["collapsed", true],
        ]),
      );
    }
  });
});

test("a Cache-Status that is no list is not appended to (RFC 9651 §4.2)", () => {
  const good = ["cache-status", "a; hit", "Cache-Status", '"b c"; fwd=miss', "X-A", "1"];
  expect(withValidCacheStatus(good)).toEqual(good);
  expect(withValidCacheStatus([...good, "Cache-Status", ";;;"])).toEqual(["X-A", "1"]);
});

describe("two outcomes", () => {
  const ONE: Required<Outcome> = {
    word: "MISS",
    body: "origin",
    fwd: "uri-miss",
    fwdStatus: 200,
    ttl: 1,
    age: 2,
    stored: true,
    collapsed: true,
    reason: "no-store",
  };
  const OTHER: Required<Outcome> = {
    word: "HIT",
    body: "cache",
    fwd: "stale",
    fwdStatus: 404,
    ttl: 2,
    age: 3,
    stored: false,
    collapsed: false,
    reason: "private",
  };

  test("say the same where all that they say is equal", () => {
    expect(sameOutcome(ONE, { ...ONE })).toBe(true);
  });

  test.each(Object.keys(ONE) as (keyof Outcome)[])("do not where %s is another, or absent", (name) => {
    const { [name]: _, ...without } = ONE;
    expect(sameOutcome(ONE, { ...ONE, [name]: OTHER[name] })).toBe(false);
    expect(sameOutcome(ONE, without as Outcome)).toBe(false);
  });
});
