import type { CacheEvent } from "../../src/cache/events.ts";
import type { Outcome } from "../../src/policy/outcome.ts";

export type Answered = CacheEvent & { type: "answered" };

export const HIT: Outcome = { word: "HIT", body: "cache", ttl: 42 };
export const MISS: Outcome = { word: "MISS", body: "origin", fwd: "uri-miss", fwdStatus: 200, stored: true };

/** A hit in memory, unless told otherwise. */
export const anAnswer = (overrides: Partial<Answered> = {}): Answered => ({
  type: "answered",
  requestId: "r-1",
  method: "GET",
  uri: "http://shop.example/data?id=1",
  status: 200,
  outcome: HIT,
  tier: "memory",
  bytes: 512,
  headMs: 0.1234567,
  durationMs: 1.2345678,
  aborted: false,
  ...overrides,
});
