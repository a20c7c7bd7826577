import { expect, test } from "vitest";
import { type AdmissionSettings, admit, type StoredHead } from "../../src/policy/admit.ts";
import { keepUntil } from "../../src/policy/freshness.ts";
import { aRequest, aResponse, type Fields, later, NOW, someSettings } from "./builders.ts";

interface Row {
  readonly id: string;
  readonly clause: string;
  readonly cacheControl: string;
  readonly fields?: Fields;
  readonly settings?: Partial<AdmissionSettings>;
  readonly expect: Partial<StoredHead>;
}

const DEFAULTS = { defaultStaleWhileRevalidate: 11, defaultStaleIfError: 22 };
const ETAG = { ETag: '"a"' };

const none = { staleWhileRevalidate: 0, staleIfError: 0 };
const byDefault = { staleWhileRevalidate: 11, staleIfError: 22 };

const ROWS: readonly Row[] = [
  { id: "none stated", clause: "RFC 5861", cacheControl: "max-age=60", expect: { ...none, keep: 0 } },
  {
    id: "stated",
    clause: "RFC 5861 §3, §4",
    cacheControl: "max-age=60, stale-while-revalidate=30, stale-if-error=20",
    settings: DEFAULTS,
    expect: { staleWhileRevalidate: 30, staleIfError: 20, keep: 30, mustRevalidate: false },
  },
  {
    id: "defaults",
    clause: "ours",
    cacheControl: "max-age=60",
    settings: DEFAULTS,
    expect: { ...byDefault, keep: 22 },
  },
  {
    id: "a stated 0 beats the default",
    clause: "RFC 5861 §3",
    cacheControl: "max-age=60, stale-while-revalidate=0",
    settings: DEFAULTS,
    expect: { staleWhileRevalidate: 0, staleIfError: 22 },
  },
  {
    id: "an invalid one is none",
    clause: "§4.2.1",
    cacheControl: "max-age=60, stale-while-revalidate=-5, stale-if-error=soon",
    settings: DEFAULTS,
    expect: none,
  },
  {
    id: "a window after no lifetime",
    clause: "RFC 5861 §3",
    cacheControl: "max-age=0, stale-while-revalidate=30",
    expect: { freshnessLifetime: 0, staleWhileRevalidate: 30, keep: 30 },
  },
  ...["must-revalidate", "proxy-revalidate"].map((directive) => ({
    id: `${directive} closes all`,
    clause: "§5.2.2.2, §5.2.2.8",
    cacheControl: `max-age=60, ${directive}, stale-while-revalidate=30, stale-if-error=20`,
    settings: DEFAULTS,
    expect: { ...none, keep: 0, mustRevalidate: true, noCache: false },
  })),
  {
    id: "no-cache closes all",
    clause: "§5.2.2.4",
    cacheControl: "no-cache, stale-while-revalidate=30, stale-if-error=20",
    fields: ETAG,
    settings: DEFAULTS,
    expect: { ...none, keep: 600, mustRevalidate: false, noCache: true },
  },
  {
    id: "qualified no-cache closes none",
    clause: "§5.2.2.4",
    cacheControl: 'max-age=60, no-cache="x"',
    settings: DEFAULTS,
    expect: { ...byDefault, noCache: false },
  },
  {
    id: "s-maxage closes the defaults",
    clause: "§5.2.2.10",
    cacheControl: "s-maxage=60",
    settings: DEFAULTS,
    expect: { ...none, mustRevalidate: true },
  },
  {
    id: "s-maxage leaves the stated windows open",
    clause: "ours, against §5.2.2.10",
    cacheControl: "s-maxage=60, stale-while-revalidate=30",
    settings: DEFAULTS,
    expect: { staleWhileRevalidate: 30, staleIfError: 0, keep: 30, mustRevalidate: true },
  },
  {
    id: "kept for validation after the windows",
    clause: "§4.3",
    cacheControl: "max-age=60, stale-if-error=20",
    fields: { "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT" },
    expect: { keep: 620 },
  },
  {
    id: "the lifetime is capped",
    clause: "ours",
    cacheControl: "max-age=5000, stale-if-error=20",
    settings: { maxTtl: 1000 },
    expect: { freshnessLifetime: 1000, keep: 0 },
  },
  {
    id: "lifetime and windows together are capped",
    clause: "ours",
    cacheControl: "max-age=60, stale-if-error=5000",
    fields: ETAG,
    settings: { maxTtl: 1000 },
    expect: { freshnessLifetime: 60, keep: 940 },
  },
];

for (const row of ROWS) {
  test(`${row.id} (${row.clause})`, () => {
    const times = { requestTime: NOW, responseTime: NOW };
    const response = aResponse(row.cacheControl, { fields: row.fields ?? {} });
    const admission = admit(aRequest(), response, times, 1, someSettings(row.settings));
    expect(admission).toMatchObject({ type: "store", head: row.expect });
  });
}

test("nothing is kept longer than the cap, whatever an origin states", () => {
  const response = aResponse("max-age=99999999999, stale-while-revalidate=99999999999", { fields: ETAG });
  const times = { requestTime: NOW, responseTime: NOW };
  const admission = admit(aRequest(), response, times, 1, someSettings({ maxTtl: 1000 }));
  if (admission.type !== "store") throw new Error(admission.reason);
  expect(keepUntil({ ...admission.head, bodyLength: 0 })).toBe(later(1000));
});
