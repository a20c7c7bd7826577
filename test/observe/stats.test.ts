import { expect, test } from "vitest";
import { createStats } from "../../src/observe/stats.ts";
import { anAnswer, MISS } from "./an-event.ts";

const NO_MEMORY = { entries: 0, bytes: 0, evictions: 0 };

test("before the first request everything is zero, the hit rate too", () => {
  const { read } = createStats({ memory: () => NO_MEMORY, now: () => 0 });
  expect(read()).toEqual({
    uptime_seconds: 0,
    requests: 0,
    hits: 0,
    misses: 0,
    bypassed: 0,
    hit_rate: 0,
    by_cache: { HIT: 0, UPDATING: 0, STALE: 0, REVALIDATED: 0, EXPIRED: 0, MISS: 0, BYPASS: 0 },
    entries: 0,
    bytes: 0,
    evictions: 0,
    coalesced: 0,
    stale_served: 0,
    revalidated: 0,
    background_refreshes: 0,
    origin_requests: 0,
    origin_failures: 0,
    stored: 0,
    not_stored: {},
    errors: 0,
    store: { up: false, errors: 0 },
  });
});

test("the hit rate is hits by hits and misses, and a bypass is neither", () => {
  const { listen, read } = createStats({ memory: () => NO_MEMORY, now: () => 0 });
  listen(anAnswer());
  listen(anAnswer({ outcome: { word: "REVALIDATED", body: "cache", fwd: "stale", fwdStatus: 304 } }));
  listen(anAnswer({ outcome: { word: "UPDATING", body: "cache", reason: "stale-while-revalidate" } }));
  listen(anAnswer({ outcome: MISS }));
  listen(anAnswer({ outcome: { word: "BYPASS", body: "origin", fwd: "method", reason: "method" } }));
  listen(anAnswer({ outcome: { word: "BYPASS", body: "origin", fwd: "method", reason: "method" } }));

  expect(read()).toMatchObject({ requests: 6, hits: 3, misses: 1, bypassed: 2, hit_rate: 0.75 });
  expect(read().by_cache).toEqual({
    HIT: 1,
    UPDATING: 1,
    STALE: 0,
    REVALIDATED: 1,
    EXPIRED: 0,
    MISS: 1,
    BYPASS: 2,
  });
  expect(read()).toMatchObject({ stale_served: 1, revalidated: 1 });
});

test("every other event is counted under its own name", () => {
  let now = 0;
  const memory = { entries: 3, bytes: 300, evictions: 7 };
  const { listen, read } = createStats({ memory: () => memory, now: () => now });
  const origin = "http://127.0.0.1:4001";
  listen(anAnswer({ outcome: { ...MISS, collapsed: true } }));
  listen(anAnswer({ outcome: { word: "STALE", body: "cache", fwd: "stale", reason: "stale-if-error" } }));
  listen(anAnswer({ status: 502, outcome: { word: "MISS", body: "none", reason: "origin_unreachable" } }));
  listen(anAnswer({ status: 503, outcome: { word: "MISS", body: "origin", reason: "status" } }));
  listen({ type: "origin-answered", origin, status: 200, headMs: 1, conditional: false });
  listen({ type: "origin-failed", origin, code: "reset", message: "" });
  listen({ type: "origin-failed", origin: undefined, code: "no-healthy-origin", message: "" });
  for (const result of ["validated", "replaced", "failed", "dropped"] as const) {
    listen({ type: "refreshed", key: "k", result });
  }
  listen({ type: "stored", key: "k", bytes: 1, until: 0, epoch: 0, tags: [] });
  listen({ type: "not-stored", key: "k", reason: "no-store" });
  listen({ type: "not-stored", key: "k", reason: "no-store" });
  listen({ type: "not-stored", key: "k", reason: "private" });
  listen({ type: "store-state", up: true, detail: "" });
  listen({ type: "store-failed", tier: "redis", operation: "lookup", code: "timeout", message: "" });
  now = 12_400;

  expect(read()).toMatchObject({
    uptime_seconds: 12,
    coalesced: 1,
    stale_served: 1,
    errors: 1,
    origin_requests: 2,
    origin_failures: 1,
    background_refreshes: 3,
    stored: 1,
    not_stored: { "no-store": 2, private: 1 },
    store: { up: true, errors: 1 },
    entries: 3,
    bytes: 300,
    evictions: 7,
  });
});

test("a request to an origin whose body broke off is counted as one request and one failure", () => {
  const { listen, read } = createStats({ memory: () => NO_MEMORY, now: () => 0 });
  const origin = "http://127.0.0.1:4001";
  listen({ type: "origin-answered", origin, status: 200, headMs: 1, conditional: false });
  listen({ type: "origin-failed", origin, code: "reset", message: "", answered: true });
  expect(read()).toMatchObject({ origin_requests: 1, origin_failures: 1 });
});

test("what was read does not change afterwards", () => {
  const { listen, read } = createStats({ memory: () => NO_MEMORY, now: () => 0 });
  const before = read();
  listen(anAnswer());
  listen({ type: "not-stored", key: "k", reason: "private" });
  listen({ type: "store-state", up: true, detail: "" });
  expect(before).toMatchObject({ requests: 0, by_cache: { HIT: 0 }, store: { up: false } });
  expect(before.not_stored).toEqual({});
});
