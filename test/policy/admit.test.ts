import { describe, expect, test } from "vitest";
import { type Admission, type AdmissionSettings, admit, type StoredHead } from "../../src/policy/admit.ts";
import { fieldLineValues } from "../../src/policy/fields.ts";
import type { NotStoredReason } from "../../src/policy/outcome.ts";
import {
  aRequest,
  aResponse,
  dateAt,
  type Fields,
  later,
  lines,
  NOW,
  someSettings,
  URI,
} from "./builders.ts";

interface Exchange {
  readonly cacheControl?: string;
  readonly status?: number;
  /** Of the response. */
  readonly fields?: Fields;
  readonly method?: string;
  /** Of the request. */
  readonly asked?: Fields;
  readonly settings?: Partial<AdmissionSettings>;
}

const TIMES = { requestTime: later(-1), responseTime: NOW };

const admission = ({ cacheControl, status, fields, method, asked, settings }: Exchange): Admission =>
  admit(
    aRequest({ method: method ?? "GET", fields: asked ?? {} }),
    aResponse(cacheControl, { fields: fields ?? {}, status: status ?? 200 }),
    TIMES,
    7,
    someSettings(settings),
  );

function stored(exchange: Exchange): StoredHead {
  const admitted = admission(exchange);
  if (admitted.type !== "store") throw new Error(`not stored: ${admitted.reason}`);
  return admitted.head;
}

const AUTHORIZED = { Authorization: "Basic eA==" };
const COOKIE = { "Set-Cookie": "id=1" };
const ETAG = { ETag: '"a"' };
const MODIFIED = { "Last-Modified": dateAt(-1000) };
const AN_HOUR = "max-age=3600";

const DISCARDED: readonly (Exchange & { id: string; clause: string; expect: NotStoredReason })[] = [
  { id: "POST", clause: "§3", method: "POST", cacheControl: AN_HOUR, expect: "method" },
  { id: "a method in lower case", clause: "§3", method: "get", cacheControl: AN_HOUR, expect: "method" },
  { id: "HEAD", clause: "§3", method: "HEAD", cacheControl: AN_HOUR, expect: "head-request" },
  { id: "206", clause: "§3.3", status: 206, cacheControl: AN_HOUR, expect: "partial" },
  { id: "304", clause: "§3", status: 304, cacheControl: AN_HOUR, expect: "status" },
  { id: "103", clause: "§3", status: 103, cacheControl: AN_HOUR, expect: "status" },
  { id: "416", clause: "RFC 9110 §15.5.17", status: 416, cacheControl: AN_HOUR, expect: "range-request" },
  { id: "302 without lifetime", clause: "§3", status: 302, fields: MODIFIED, expect: "status" },
  { id: "500 without lifetime", clause: "§3", status: 500, fields: MODIFIED, expect: "status" },
  {
    id: "500 with a default",
    clause: "§3",
    status: 500,
    settings: { defaultTtl: 60 },
    expect: "status",
  },
  { id: "no-store", clause: "§5.2.2.5", cacheControl: `${AN_HOUR}, no-store`, expect: "no-store" },
  {
    id: "must-understand, not understood",
    clause: "§5.2.2.3",
    status: 499,
    cacheControl: `${AN_HOUR}, must-understand`,
    expect: "status",
  },
  {
    id: "must-understand with no-store, not understood",
    clause: "§5.2.2.3",
    status: 499,
    cacheControl: `${AN_HOUR}, must-understand, no-store`,
    expect: "status",
  },
  { id: "private", clause: "§5.2.2.7", cacheControl: `private, ${AN_HOUR}`, expect: "private" },
  {
    id: "private, also qualified",
    clause: "§5.2.2.7",
    cacheControl: `private="X-User", private, ${AN_HOUR}`,
    expect: "private",
  },
  {
    id: "Authorization",
    clause: "§3.5",
    asked: AUTHORIZED,
    cacheControl: AN_HOUR,
    expect: "authorization",
  },
  {
    id: "Authorization, proxy-revalidate",
    clause: "§3.5",
    asked: AUTHORIZED,
    cacheControl: `${AN_HOUR}, proxy-revalidate`,
    expect: "authorization",
  },
  { id: "Vary: *", clause: "§4.1", cacheControl: AN_HOUR, fields: { Vary: "*" }, expect: "vary-star" },
  {
    id: "* among others",
    clause: "§4.1",
    cacheControl: AN_HOUR,
    fields: { Vary: ["Accept", "Cookie, *"] },
    expect: "vary-star",
  },
  {
    id: "Vary by what is no name",
    clause: "§4.1",
    cacheControl: AN_HOUR,
    fields: { Vary: "Accept Language" },
    expect: "vary-star",
  },
  {
    id: "Vary by client address",
    clause: "§4.1",
    cacheControl: AN_HOUR,
    fields: { Vary: "X-Forwarded-For" },
    expect: "vary-star",
  },
  { id: "Set-Cookie", clause: "ours", cacheControl: AN_HOUR, fields: COOKIE, expect: "set-cookie" },
  {
    id: "Set-Cookie, public, not allowed",
    clause: "ours",
    cacheControl: `public, ${AN_HOUR}`,
    fields: COOKIE,
    expect: "set-cookie",
  },
  {
    id: "Set-Cookie, allowed, not shareable",
    clause: "ours",
    cacheControl: AN_HOUR,
    fields: COOKIE,
    settings: { allowSetCookie: true },
    expect: "set-cookie",
  },
  {
    id: "event stream",
    clause: "ours",
    cacheControl: AN_HOUR,
    fields: { "Content-Type": " Text/Event-Stream ; charset=utf-8" },
    expect: "event-stream",
  },
  {
    id: "Set-Cookie, public, in the profile rfc, and no-store",
    clause: "§5.2.2.5",
    cacheControl: "public, no-store",
    fields: COOKIE,
    settings: { profile: "rfc", allowSetCookie: true },
    expect: "no-store",
  },
  {
    id: "Set-Cookie in the profile rfc, where the operator wants none",
    clause: "ours",
    cacheControl: `public, ${AN_HOUR}`,
    fields: COOKIE,
    settings: { profile: "rfc", allowSetCookie: false },
    expect: "set-cookie",
  },
  {
    id: "no-store for us alone",
    clause: "RFC 9213 §2.2",
    cacheControl: `public, ${AN_HOUR}`,
    fields: { "CDN-Cache-Control": "no-store" },
    expect: "no-store",
  },
  {
    id: "private for us alone",
    clause: "RFC 9213 §2.2",
    cacheControl: `public, ${AN_HOUR}`,
    fields: { "CDN-Cache-Control": "private" },
    expect: "private",
  },
  {
    id: "Authorization, public for others",
    clause: "RFC 9213 §2.2",
    asked: AUTHORIZED,
    cacheControl: `public, ${AN_HOUR}`,
    fields: { "CDN-Cache-Control": AN_HOUR },
    expect: "authorization",
  },
  {
    id: "a lifetime for others alone",
    clause: "RFC 9213 §2.2",
    cacheControl: AN_HOUR,
    fields: { "CDN-Cache-Control": "none", Expires: dateAt(60) },
    expect: "no-freshness",
  },
  {
    id: "X-Accel-Expires: 0",
    clause: "nginx",
    cacheControl: AN_HOUR,
    fields: { "X-Accel-Expires": "0" },
    expect: "no-store",
  },
  {
    id: "302, public, and nothing to reckon from",
    clause: "§4.2.2",
    status: 302,
    cacheControl: "public",
    expect: "no-freshness",
  },
  { id: "nothing stated", clause: "§3", expect: "no-freshness" },
  { id: "max-age=0 alone", clause: "§4.2", cacheControl: "max-age=0", expect: "no-freshness" },
  { id: "public alone", clause: "§5.2.2.9", cacheControl: "public", expect: "no-freshness" },
  {
    id: "came as old as its lifetime",
    clause: "§4.2.3",
    cacheControl: "max-age=60",
    fields: { Age: "59" },
    expect: "no-freshness",
  },
  {
    id: "no-cache without validator",
    clause: "§5.2.2.4",
    cacheControl: `no-cache, ${AN_HOUR}`,
    expect: "no-freshness",
  },
  {
    id: "one byte too many",
    clause: "ours",
    cacheControl: AN_HOUR,
    fields: { "Content-Length": "1001" },
    expect: "too-large",
  },
];

describe("not stored", () => {
  for (const row of DISCARDED) {
    test(`${row.id}: ${row.expect} (${row.clause})`, () => {
      expect(admission(row)).toEqual({ type: "discard", reason: row.expect });
    });
  }
});

const STORED: readonly (Exchange & { id: string; clause: string; expect: Partial<StoredHead> })[] = [
  { id: "max-age", clause: "§3", cacheControl: "max-age=60", expect: { freshnessLifetime: 60, keep: 0 } },
  { id: "Expires", clause: "§3", fields: { Expires: dateAt(60) }, expect: { freshnessLifetime: 60 } },
  { id: "heuristic", clause: "§4.2.2", fields: MODIFIED, expect: { freshnessLifetime: 100, keep: 600 } },
  { id: "204", clause: "§3", status: 204, cacheControl: AN_HOUR, expect: { status: 204 } },
  {
    id: "301 heuristic",
    clause: "§4.2.2",
    status: 301,
    fields: MODIFIED,
    expect: { freshnessLifetime: 100 },
  },
  {
    id: "404 heuristic",
    clause: "§4.2.2",
    status: 404,
    fields: MODIFIED,
    expect: { freshnessLifetime: 100 },
  },
  { id: "302 with a lifetime", clause: "§3", status: 302, cacheControl: AN_HOUR, expect: { status: 302 } },
  { id: "500 with a lifetime", clause: "§3", status: 500, cacheControl: AN_HOUR, expect: { status: 500 } },
  { id: "unknown status", clause: "§3", status: 499, cacheControl: AN_HOUR, expect: { status: 499 } },
  {
    id: "must-understand sets no-store aside",
    clause: "§5.2.2.3",
    cacheControl: `${AN_HOUR}, must-understand, no-store`,
    expect: { freshnessLifetime: 3600 },
  },
  ...[302, 307].map((status) => ({
    id: `must-understand, and ${status} is understood`,
    clause: "§5.2.2.3",
    status,
    cacheControl: `${AN_HOUR}, must-understand, no-store`,
    expect: { status },
  })),
  {
    id: "Authorization, public",
    clause: "§3.5",
    asked: AUTHORIZED,
    cacheControl: `public, ${AN_HOUR}`,
    expect: {},
  },
  {
    id: "Authorization, s-maxage",
    clause: "§3.5",
    asked: AUTHORIZED,
    cacheControl: "s-maxage=60",
    expect: { mustRevalidate: true },
  },
  {
    id: "Authorization, must-revalidate",
    clause: "§3.5",
    asked: AUTHORIZED,
    cacheControl: `${AN_HOUR}, must-revalidate`,
    expect: { mustRevalidate: true },
  },
  {
    id: "Set-Cookie, allowed and public",
    clause: "ours",
    cacheControl: `public, ${AN_HOUR}`,
    fields: COOKIE,
    settings: { allowSetCookie: true },
    expect: {
      fields: lines({
        Date: dateAt(0),
        "Content-Type": "text/plain",
        "Cache-Control": `public, ${AN_HOUR}`,
        ...COOKIE,
      }),
    },
  },
  {
    id: "only to be validated",
    clause: "§4.3",
    cacheControl: "max-age=0",
    fields: ETAG,
    expect: { freshnessLifetime: 0, keep: 600, etag: '"a"' },
  },
  {
    id: "no-cache with a validator",
    clause: "§5.2.2.4",
    cacheControl: "no-cache",
    fields: ETAG,
    expect: { noCache: true, keep: 600 },
  },
  {
    id: "the operator's default",
    clause: "ours",
    settings: { defaultTtl: 60 },
    expect: { freshnessLifetime: 60 },
  },
  {
    id: "as many bytes as may be",
    clause: "ours",
    cacheControl: AN_HOUR,
    fields: { "Content-Length": "1000" },
    expect: {},
  },
  {
    id: "a Content-Length that is none",
    clause: "ours",
    cacheControl: AN_HOUR,
    fields: { "Content-Length": "many" },
    expect: {},
  },
  {
    id: "public, with a status that is otherwise given no lifetime",
    clause: "§4.2.2",
    status: 302,
    cacheControl: "public",
    fields: MODIFIED,
    expect: { freshnessLifetime: 100 },
  },
  {
    id: "Set-Cookie in the profile rfc",
    clause: "§7.3",
    cacheControl: AN_HOUR,
    fields: COOKIE,
    settings: { profile: "rfc", allowSetCookie: true },
    expect: { freshnessLifetime: 3600 },
  },
  {
    id: "for us, whatever others may not",
    clause: "RFC 9213 §2.2",
    cacheControl: "no-store, private",
    fields: { "CDN-Cache-Control": "max-age=60, stale-while-revalidate=5", Expires: "0" },
    expect: { freshnessLifetime: 60, staleWhileRevalidate: 5 },
  },
  {
    id: "with the stale window of Surrogate-Control",
    clause: "Edge Architecture 1.0 §2.2",
    cacheControl: "no-store",
    fields: { "Surrogate-Control": "max-age=60+30" },
    expect: { freshnessLifetime: 60, staleWhileRevalidate: 30, staleIfError: 0 },
  },
  {
    id: "for as long as X-Accel-Expires says",
    clause: "nginx",
    cacheControl: AN_HOUR,
    fields: { "X-Accel-Expires": "60" },
    expect: { freshnessLifetime: 60 },
  },
  {
    id: "Authorization, public for us",
    clause: "RFC 9213 §2.2",
    asked: AUTHORIZED,
    cacheControl: AN_HOUR,
    fields: { "CDN-Cache-Control": "public, max-age=60" },
    expect: { freshnessLifetime: 60 },
  },
  {
    id: "its groups as tags",
    clause: "RFC 9875 §2",
    cacheControl: AN_HOUR,
    fields: { "Cache-Groups": '"a", "b";x' },
    expect: { tags: ["a", "b"] },
  },
  {
    id: "no tags from a field that is malformed",
    clause: "RFC 9875 §2",
    cacheControl: AN_HOUR,
    fields: { "Cache-Groups": '"a", b' },
    expect: { tags: [] },
  },
  {
    id: "no tags from a field that Connection names",
    clause: "RFC 9110 §7.6.1",
    cacheControl: AN_HOUR,
    fields: { "Cache-Groups": '"a"', Connection: "cache-groups" },
    expect: { tags: [] },
  },
];

describe("stored", () => {
  for (const row of STORED) {
    test(`${row.id} (${row.clause})`, () => {
      expect(stored(row)).toMatchObject(row.expect);
    });
  }

  test("the whole record", () => {
    const head = stored({
      cacheControl: "max-age=60, stale-while-revalidate=10",
      fields: { ...ETAG, ...MODIFIED, Age: "5", Vary: "Accept-Language, X-None" },
      asked: { "accept-LANGUAGE": "de ,  en" },
    });
    expect(head).toEqual({
      uri: URI,
      selectingFields: { "accept-language": '=[[true,"de","en"]]', "x-none": null },
      status: 200,
      statusMessage: "OK",
      fields: lines({
        Date: dateAt(0),
        "Content-Type": "text/plain",
        "Cache-Control": "max-age=60, stale-while-revalidate=10",
        ...ETAG,
        ...MODIFIED,
        Vary: "Accept-Language, X-None",
      }),
      etag: '"a"',
      lastModified: dateAt(-1000),
      responseTime: NOW,
      // Age and the second that the exchange took.
      initialAge: 6,
      freshnessLifetime: 60,
      staleWhileRevalidate: 10,
      staleIfError: 0,
      keep: 610,
      mustRevalidate: false,
      noCache: false,
      tags: [],
      epoch: 7,
    });
  });

  test("a field that Connection keeps from the origin selects as absent (RFC 9110 §7.6.1)", () => {
    const asked = { "Accept-Language": "de", Connection: "accept-language" };
    const head = stored({ cacheControl: AN_HOUR, fields: { Vary: "Accept-Language" }, asked });
    expect(head.selectingFields).toEqual({ "accept-language": null });
  });
});

describe("the stale windows, when s-maxage is there", () => {
  const windows = (exchange: Exchange) => {
    const { staleWhileRevalidate, staleIfError } = stored(exchange);
    return [staleWhileRevalidate, staleIfError];
  };
  const named = "s-maxage=60, stale-while-revalidate=5, stale-if-error=7";
  const defaults = { defaultStaleWhileRevalidate: 50, defaultStaleIfError: 70 };

  test("are those that the response names itself, and not the operator's (ours)", () => {
    expect(windows({ cacheControl: named })).toEqual([5, 7]);
    expect(windows({ cacheControl: "s-maxage=60", settings: defaults })).toEqual([0, 0]);
  });

  test("are closed in the profile rfc (§5.2.2.10)", () => {
    expect(windows({ cacheControl: named, settings: { profile: "rfc", ...defaults } })).toEqual([0, 0]);
  });

  test("without it, the profile rfc leaves them open (RFC 5861)", () => {
    const settings = { profile: "rfc", ...defaults } as const;
    expect(windows({ cacheControl: "max-age=60, stale-if-error=7", settings })).toEqual([50, 7]);
  });
});

describe("the stored lines (§3.1)", () => {
  const namesOf = (exchange: Exchange) =>
    stored(exchange)
      .fields.filter((_, i) => i % 2 === 0)
      .map((name) => name.toLowerCase());

  test("leave out hop-by-hop fields and those that Connection names", () => {
    const fields = {
      Connection: "close, X-Hop",
      "X-Hop": "1",
      "Keep-Alive": "timeout=5",
      "Transfer-Encoding": "chunked",
      "Proxy-Authenticate": "Basic",
      Trailer: "X-Sum",
      Upgrade: "h2c",
      "X-Kept": "1",
    };
    expect(namesOf({ cacheControl: AN_HOUR, fields })).toEqual([
      "date",
      "content-type",
      "cache-control",
      "x-kept",
    ]);
  });

  test("leave out what this hop writes anew", () => {
    const fields = {
      Age: "1",
      "Content-Length": "3",
      "X-Cache": "x",
      "X-Cache-Status": "x",
      "X-Request-Id": "x",
      Warning: "110 - x",
    };
    expect(namesOf({ cacheControl: AN_HOUR, fields })).toEqual(["date", "content-type", "cache-control"]);
  });

  test("keep what decided the lifetime, for a 304 that does not repeat it (§3.2)", () => {
    const fields = {
      "Surrogate-Control": "max-age=60",
      "X-Accel-Expires": "60",
      "CDN-Cache-Control": "max-age=60",
      "Cache-Groups": '"a"',
    };
    expect(namesOf({ fields })).toEqual([
      "date",
      "content-type",
      "surrogate-control",
      "x-accel-expires",
      "cdn-cache-control",
      "cache-groups",
    ]);
  });

  test("leave out what the field that counts withholds, and nothing that another does (RFC 9213 §2.2)", () => {
    const fields = { "CDN-Cache-Control": 'max-age=60, private="X-Ours"', "X-Ours": "1", "X-Theirs": "1" };
    expect(namesOf({ cacheControl: 'private="X-Theirs"', fields })).toEqual([
      "date",
      "content-type",
      "cache-control",
      "cdn-cache-control",
      "x-theirs",
    ]);
  });

  test("leave out what qualified private and no-cache name (§5.2.2.4, §5.2.2.7)", () => {
    const cacheControl = `${AN_HOUR}, private="X-User", no-cache="x-mail, ETag"`;
    const head = stored({ cacheControl, fields: { "x-USER": "u", "X-Mail": "m", ...ETAG, "X-Kept": "1" } });
    expect(head.fields.slice(-2)).toEqual(["X-Kept", "1"]);
    expect(head.fields).toHaveLength(8);
    expect(head.etag).toBeUndefined();
    expect(head.noCache).toBe(false);
  });

  test("keep case, order and repetition", () => {
    const fields = { "x-B": ["2", "1"], "X-a": "3" };
    expect(stored({ cacheControl: AN_HOUR, fields }).fields.slice(-6)).toEqual([
      "x-B",
      "2",
      "x-B",
      "1",
      "X-a",
      "3",
    ]);
  });

  test("get a Date where the origin sent none (RFC 9110 §6.6.1)", () => {
    const dates = (fields: Fields) =>
      fieldLineValues(stored({ cacheControl: AN_HOUR, fields }).fields, "date");
    expect(dates({ Date: undefined })).toEqual([dateAt(0)]);
    expect(dates({ Date: dateAt(-5) })).toEqual([dateAt(-5)]);
  });
});
