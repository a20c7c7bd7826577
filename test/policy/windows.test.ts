import { describe, expect, it } from "vitest";
import { windowsOf } from "../../src/policy/windows.ts";
import { aStored, dateAt, type Fields, later, NOW } from "./builders.ts";

const SETTINGS = { defaultTtl: 0, maxTtl: 100_000 };

const of = (fields: Fields, changes: Parameters<typeof aStored>[0] = {}, purged = false) =>
  windowsOf(aStored({ fields, ...changes }), SETTINGS, purged);

describe("who says how long a stored response is fresh (RFC 9111 §4.2.1)", () => {
  it.each<[string, Fields, Parameters<typeof aStored>[0]?]>([
    ["Cache-Control: s-maxage=60", { "Cache-Control": "max-age=5, s-maxage=60" }],
    ["Cache-Control: max-age=60", { "Cache-Control": "max-age=60", Expires: dateAt(5) }],
    ["CDN-Cache-Control: max-age=60", { "Cache-Control": "max-age=5", "CDN-Cache-Control": "max-age=60" }],
    ["Surrogate-Control: max-age=60", { "Surrogate-Control": "max-age=60" }],
    ["X-Accel-Expires: max-age=60", { "X-Accel-Expires": "60" }],
    [`Expires: ${dateAt(60)}`, { Expires: dateAt(60) }],
    ["CACHE_DEFAULT_TTL", {}],
    [
      "a tenth of the time since Last-Modified, since nobody states a lifetime",
      { "Last-Modified": dateAt(-600) },
      { lastModified: dateAt(-600) },
    ],
    ["CACHE_DEFAULT_TTL", { "Last-Modified": dateAt(-6000) }, { lastModified: dateAt(-6000) }],
    ["nobody states a lifetime", {}, { freshnessLifetime: 0 }],
    [
      "Cache-Control: max-age=999999, at most CACHE_MAX_TTL",
      { "Cache-Control": "max-age=999999" },
      { freshnessLifetime: 100_000 },
    ],
    [
      "Cache-Control: max-age=60; it was 20 s old when it came",
      { "Cache-Control": "max-age=60" },
      { initialAge: 20 },
    ],
  ])("%s", (because, fields, changes) => {
    expect(of(fields, changes).fresh.because).toBe(because);
  });
});

describe("the ends of the windows", () => {
  it("follow one another from the end of the lifetime on", () => {
    const windows = of(
      { "Cache-Control": "max-age=60, stale-while-revalidate=30" },
      { staleWhileRevalidate: 30, staleIfError: 90, keep: 690, etag: '"1"' },
    );
    expect(windows).toEqual({
      fresh: { at: later(60), because: "Cache-Control: max-age=60" },
      refreshing: { at: later(90), because: "Cache-Control: stale-while-revalidate=30" },
      onError: { at: later(150), because: "CACHE_DEFAULT_STALE_IF_ERROR" },
      kept: { at: later(750), because: "CACHE_KEEP, for its validator, after its last window" },
    });
  });

  it("come sooner for what was old when it came", () => {
    const windows = of({ "Cache-Control": "max-age=60" }, { initialAge: 20 });
    expect([windows.fresh.at, windows.kept.at]).toEqual([later(40), later(40)]);
  });

  it("are none where the response closes them, and say so", () => {
    expect(of({ "Cache-Control": "max-age=60, must-revalidate" }).refreshing).toEqual({
      at: null,
      because: "never: must-revalidate",
    });
    expect(of({ "Cache-Control": "max-age=60" }).onError.because).toMatch(/^never: neither stale-if-error/);
    expect(of({ "Cache-Control": "no-cache" }, { noCache: true }).fresh.at).toBeNull();
  });

  it("tell of a purge that has ended the lifetime", () => {
    expect(of({ "Cache-Control": "max-age=60" }, { freshnessLifetime: 10 }, true).fresh).toEqual({
      at: NOW + 10_000,
      because: "a purge",
    });
  });
});
