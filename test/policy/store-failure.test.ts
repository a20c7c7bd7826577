import { expect, test } from "vitest";
import type { Decision } from "../../src/policy/decide.ts";
import { type OnStoreFailure, withoutStore } from "../../src/policy/store-failure.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { aStored } from "./builders.ts";

type Made = Decision<StoredResponse>;

const stored = aStored();
const validate = (more: Partial<StoredResponse> = {}, fallback = false): Made => ({
  type: "revalidate",
  stored: { ...stored, ...more },
  age: 70,
  fwd: "stale",
  fallback,
});
const FETCH: Made = { type: "fetch" };
const REFUSED: Made = { type: "refuse", because: "store-failed" };
const stale = (refresh: boolean): Made => ({
  type: "serve-stale",
  stored,
  age: 70,
  refresh,
  because: "store-failed",
});

test.each<[what: string, on: OnStoreFailure, made: Made, becomes: Made]>([
  ["a fetch goes on", "origin", FETCH, FETCH],
  ["a validation goes on", "origin", validate(), validate()],
  ["nothing stale is there, so it is fetched", "stale", FETCH, FETCH],
  ["what is stale is served, and refreshed", "stale", validate(), stale(true)],
  [
    "not where it has to be validated (§5.2.2.2)",
    "stale",
    validate({ mustRevalidate: true }),
    validate({ mustRevalidate: true }),
  ],
  ["nor before every reuse (§5.2.2.4)", "stale", validate({ noCache: true }), validate({ noCache: true })],
  ["a fetch is refused", "503", FETCH, REFUSED],
  ["a validation is refused", "503", validate(), REFUSED],
  ["unless it may be served on errors; the origin hears nothing", "503", validate({}, true), stale(false)],
])("%s (%s)", (_, on, made, becomes) => {
  expect(withoutStore(made, on)).toEqual(
    becomes.type === "serve-stale" && made.type === "revalidate"
      ? { ...becomes, stored: made.stored }
      : becomes,
  );
});

test.each<OnStoreFailure>(["stale", "503"])(
  "a client that wants a validation is not served stale (%s)",
  (on) => {
    const asked: Made = { type: "revalidate", stored, age: 10, fwd: "request", fallback: false };
    expect(withoutStore(asked, on)).toEqual(on === "503" ? REFUSED : asked);
  },
);

test.each<OnStoreFailure>(["origin", "stale", "503"])("what needs no store stays as it is (%s)", (on) => {
  const made: Made[] = [
    { type: "pass", reason: "method" },
    { type: "serve", stored, age: 1 },
    { type: "serve-stale", stored, age: 61, refresh: true },
    { type: "refuse" },
  ];
  for (const decision of made) expect(withoutStore(decision, on)).toBe(decision);
});
