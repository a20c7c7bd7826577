import { expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { LastAnswers } from "../../src/cache/last-answers.ts";
import type { Outcome } from "../../src/policy/outcome.ts";

const HIT: Outcome = { word: "HIT", body: "cache", ttl: 1 };
const PRIVATE: Outcome = { word: "MISS", body: "origin", fwd: "uri-miss", fwdStatus: 200, reason: "private" };
const STORED: Outcome = { word: "MISS", body: "origin", fwd: "uri-miss", fwdStatus: 200, stored: true };

const answered = (
  uri: string,
  outcome: Outcome,
  more: { method?: string; durationMs?: number } = {},
): CacheEvent => ({
  type: "answered",
  requestId: "1",
  method: "GET",
  uri,
  status: 200,
  outcome,
  bytes: 0,
  headMs: 0,
  durationMs: 0,
  aborted: false,
  ...more,
});
const stored = (key: string, tags: readonly string[] = []): CacheEvent => ({
  type: "stored",
  key,
  bytes: 1,
  until: 5,
  epoch: 2,
  tags,
});

it("remembers the last answer of each URL that was no plain hit", () => {
  const answers = new LastAnswers(() => 7);
  answers.listen(answered("a", PRIVATE));
  answers.listen(answered("a", HIT));
  expect(answers.of("GET", "a")).toEqual({ at: 7, status: 200, code: "private" });
  expect(answers.of("HEAD", "a")).toEqual(answers.of("GET", "a"));
  expect(answers.of("POST", "a")).toBeUndefined();
});

it("remembers what came of a body after its head was answered as stored", () => {
  let now = 0;
  const answers = new LastAnswers(() => now);
  answers.listen({ type: "not-stored", key: "a", reason: "cut-off" });
  now = 10;
  answers.listen(answered("a", STORED, { durationMs: 50 }));
  expect(answers.of("GET", "a")?.code).toBe("cut-off");
  now = 100;
  answers.listen(answered("a", STORED, { durationMs: 50 }));
  expect(answers.of("GET", "a")?.code).toBe("stored");
});

it("is bounded, by number and by length, and forgets what was told longest ago", () => {
  const answers = new LastAnswers(() => 0, 100);
  for (let i = 0; i < 1000; i++) {
    answers.listen(answered(`answered ${i}`, PRIVATE));
    answers.listen(stored(`stored ${i}`));
  }
  expect(answers.size).toBeLessThanOrEqual(200);
  expect(answers.of("GET", "answered 0")).toBeUndefined();
  expect(answers.of("GET", "answered 960")?.code).toBe("private");
  expect(answers.storedUnder("stored 999")).toEqual({ until: 5, epoch: 2, tags: [] });
  for (let i = 0; i < 20; i++) answers.listen(answered(`${i}${"x".repeat(10_000)}`, PRIVATE));
  expect(answers.size).toBeLessThan(110);
});

it("keeps no long list of tags", () => {
  const answers = new LastAnswers(() => 0);
  answers.listen(stored("a", ["x".repeat(300)]));
  expect(answers.storedUnder("a")?.tags).toBeUndefined();
});
