import { describe, expect, it, onTestFinished } from "vitest";
import { createLive } from "../../src/observe/live.ts";
import { histOf, seriesOf, topOf } from "../../src/observe/live-report.ts";
import { KEPT_STEPS } from "../../src/observe/series.ts";
import type { Outcome } from "../../src/policy/outcome.ts";
import { type Answered, anAnswer, HIT, MISS } from "./an-event.ts";

const START = Date.UTC(2026, 10, 21, 12);

/** Counters whose seconds a test ends; their own clock ticks too slowly to be noticed. */
function aLive(startedAt = START) {
  const clock = { now: startedAt };
  const gauges = { entries: 3, bytes: 4096, behindMs: 0 };
  const live = createLive({
    now: () => clock.now,
    memory: () => gauges,
    purgesBehindMs: () => gauges.behindMs,
  });
  live.close();
  const answer = (overrides: Partial<Answered> = {}) => live.listen(anAnswer(overrides));
  const originAnswer = (origin: string, headMs: number) =>
    live.listen({ type: "origin-answered", origin, status: 200, headMs, conditional: false });
  const endSecond = () => {
    clock.now += 1000;
    live.tick();
  };
  return { live, clock, gauges, answer, originAnswer, endSecond };
}

const COOKIE: Outcome = { ...MISS, reason: "set-cookie" };
const BYPASS: Outcome = { word: "BYPASS", body: "origin", fwd: "method", reason: "method" };

describe("GET /top", () => {
  it("tells what is hot, what misses and why, and how fast origins are", () => {
    const { live, answer, originAnswer } = aLive();
    for (let i = 0; i < 3; i++) answer({ uri: "http://a/hot" });
    answer({ uri: "http://a/cookie?token=geheim", outcome: COOKIE });
    answer({ uri: "http://a/cookie?token=geheim", outcome: COOKIE });
    answer({ uri: "http://a/new", outcome: MISS });
    answer({ uri: "http://a/post", outcome: BYPASS });
    originAnswer("http://o:1", 10);
    originAnswer("http://o:1", 100);
    expect(topOf([live.read()], 2)).toEqual({
      since: START,
      hot: [
        { url: "http://a/hot", count: 3 },
        { url: "http://a/cookie?token=***", count: 2 },
      ],
      missing: [
        { url: "http://a/cookie?token=***", count: 2, reason: "set-cookie" },
        { url: "http://a/new", count: 1, reason: "uri-miss" },
      ],
      reasons: [
        { reason: "set-cookie", count: 2 },
        { reason: "uri-miss", count: 1 },
        { reason: "method", count: 1 },
      ],
      origins: [{ origin: "http://o:1", count: 2, p50_ms: 10.239, p99_ms: 102.399 }],
    });
  });

  it("adds up what several processes have seen", () => {
    const [one, other] = [aLive(), aLive(START + 5000)];
    for (const { answer, originAnswer } of [one, one, other]) {
      answer({ uri: "http://a/both", outcome: MISS });
      originAnswer("http://o:1", 1);
    }
    expect(topOf([one.live.read(), other.live.read()], 5)).toMatchObject({
      since: START,
      hot: [{ url: "http://a/both", count: 3 }],
      missing: [{ url: "http://a/both", count: 3, reason: "uri-miss" }],
      reasons: [{ reason: "uri-miss", count: 3 }],
      origins: [{ origin: "http://o:1", count: 3 }],
    });
  });

  it("tells of the slowest origins first, however rarely they are asked", () => {
    const { live, originAnswer } = aLive();
    for (let i = 0; i < 3; i++) originAnswer("http://quick:1", 1);
    originAnswer("http://slow:1", 500);
    for (let i = 0; i < 2; i++) originAnswer("http://middling:1", 20);
    const { origins } = topOf([live.read()], 5);
    expect(origins.map(({ origin }) => origin)).toEqual([
      "http://slow:1",
      "http://middling:1",
      "http://quick:1",
    ]);
  });

  it("samples URLs in a busy second, and still says how often the hottest was asked for", () => {
    const { live, answer } = aLive();
    for (let i = 0; i < 200_000; i++) answer({ uri: i % 2 === 0 ? "http://a/hot" : `http://a/cold/${i}` });
    const { hot } = topOf([live.read()], 1);
    expect(hot[0]?.url).toBe("http://a/hot");
    expect(hot[0]?.count).toBeGreaterThan(90_000);
    expect(hot[0]?.count).toBeLessThan(110_000);
  });

  it("keeps no more URLs and origins than it has room for", () => {
    const { live, answer, originAnswer, endSecond } = aLive();
    for (let i = 0; i < 3000; i++) {
      if (i % 1000 === 0) endSecond();
      answer({ uri: `http://a/${i}`, outcome: MISS });
      originAnswer(`http://o:${i}`, 1);
    }
    answer({ uri: `http://a/${"x".repeat(3000)}`, outcome: MISS });
    const { hot, missing, origins } = live.read();
    expect([hot.length, missing.length, origins.length]).toEqual([512, 512, 100]);
    for (const { key } of [...hot, ...missing]) expect(key.length).toBeLessThan(100);
  });
});

describe("GET /hist", () => {
  it("tells hits from misses, and leaves out what is no cache's business", () => {
    const { live, answer, originAnswer, endSecond } = aLive();
    answer({ outcome: HIT, headMs: 0.05 });
    endSecond();
    answer({ outcome: HIT, headMs: 0.05 });
    answer({ outcome: MISS, headMs: 20 });
    answer({ outcome: BYPASS, headMs: 500 });
    originAnswer("http://o:1", 18);
    expect(histOf([live.read()])).toEqual({
      hits: { count: 2, p50_ms: 0.051, p90_ms: 0.051, p99_ms: 0.051, buckets: [[0.051, 2]] },
      misses: { count: 1, p50_ms: 20.479, p90_ms: 20.479, p99_ms: 20.479, buckets: [[20.479, 1]] },
      origins: { count: 1, p50_ms: 18.431, p90_ms: 18.431, p99_ms: 18.431, buckets: [[18.431, 1]] },
    });
    expect(histOf([live.read(), live.read()])).toMatchObject({ hits: { count: 4 }, misses: { count: 2 } });
  });
});

describe("GET /series", () => {
  it("has one value for each second and name, and null where nothing was measured", () => {
    const { live, gauges, answer, endSecond } = aLive();
    answer({ outcome: HIT, headMs: 0.05, bytes: 100 });
    answer({ outcome: MISS, headMs: 20, bytes: 1000 });
    endSecond();
    gauges.behindMs = Number.POSITIVE_INFINITY;
    endSecond();
    expect(seriesOf([live.read()], 10)).toEqual({
      step_ms: 1000,
      at: [START + 1000, START + 2000],
      requests: {
        HIT: [1, 0],
        UPDATING: [0, 0],
        STALE: [0, 0],
        REVALIDATED: [0, 0],
        EXPIRED: [0, 0],
        MISS: [1, 0],
        BYPASS: [0, 0],
      },
      hit_p50_ms: [0.051, null],
      hit_p99_ms: [0.051, null],
      miss_p50_ms: [20.479, null],
      miss_p99_ms: [20.479, null],
      origin_p50_ms: [null, null],
      origin_p99_ms: [null, null],
      bytes: [1100, 0],
      memory_bytes: [4096, 4096],
      entries: [3, 3],
      purge_lag_ms: [0, null],
    });
  });

  it("keeps ten minutes, of which as many are told as are asked for", () => {
    const { live, answer, clock, endSecond } = aLive();
    for (let i = 0; i < KEPT_STEPS + 7; i++) {
      if (i === KEPT_STEPS) answer();
      endSecond();
    }
    const whole = seriesOf([live.read()], 10);
    expect(whole.at).toHaveLength(KEPT_STEPS);
    expect(whole.at.at(-1)).toBe(clock.now);
    expect(whole.at[0]).toBe(clock.now - (KEPT_STEPS - 1) * 1000);
    expect(whole.requests.HIT.indexOf(1)).toBe(KEPT_STEPS - 7);
    const minute = seriesOf([live.read()], 1);
    expect([minute.at.length, minute.bytes.length, minute.at.at(-1)]).toEqual([60, 60, clock.now]);
  });

  it("joins processes second by second: sums of counts, the worst of percentiles", () => {
    const [one, late] = [aLive(), aLive(START + 1000)];
    one.answer({ headMs: 1 });
    one.endSecond();
    one.answer({ headMs: 1 });
    one.endSecond();
    late.answer({ headMs: 10 });
    late.endSecond();
    expect(seriesOf([one.live.read(), late.live.read()], 10)).toMatchObject({
      at: [START + 1000, START + 2000],
      requests: { HIT: [1, 2] },
      hit_p99_ms: [1.023, 10.239],
      entries: [3, 6],
    });
  });

  it("has no second twice when a timer comes early", () => {
    const { live, clock, endSecond } = aLive();
    endSecond();
    clock.now += 999;
    live.tick();
    expect(seriesOf([live.read()], 10)).toMatchObject({ at: [START + 1000, START + 2000] });
  });

  it("ends its seconds by itself until it is closed", async () => {
    const live = createLive({
      now: Date.now,
      memory: () => ({ entries: 0, bytes: 0 }),
      purgesBehindMs: () => 0,
    });
    onTestFinished(live.close);
    await expect.poll(() => live.read().series.at.length, { timeout: 10_000 }).toBeGreaterThan(0);
  });
});
