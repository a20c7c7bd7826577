import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBreaker } from "../../src/origin/breaker.ts";
import { createOutlier, mayEject } from "../../src/origin/outliers.ts";
import { createRetryBudget } from "../../src/origin/retry-budget.ts";
import { mayTakeMore, shareOf } from "../../src/origin/slow-start.ts";

describe("a breaker", () => {
  const breaker = () => createBreaker({ breakAfter: 3, lastTrialMs: 10_000 });
  /** Open since the time 0. */
  function opened() {
    const one = breaker();
    for (let i = 0; i < 3; i++) one.unanswered(-1, 0);
    return one;
  }

  it("opens at the third request in a row that nobody answered, and not before", () => {
    const one = breaker();
    for (const allowed of [true, true, false]) {
      one.unanswered(-1, 0);
      expect([one.allows(0), one.open]).toEqual([allowed, !allowed]);
    }
  });

  it("begins anew at every answer", () => {
    const one = breaker();
    for (let i = 0; i < 10; i++) {
      one.unanswered(i, i);
      one.unanswered(i, i);
      one.answered(i);
    }
    expect(one.open).toBe(false);
  });

  it("does not count silence during which others were answered", () => {
    const one = breaker();
    one.answered(500);
    for (let i = 0; i < 10; i++) one.unanswered(i * 50, 1000);
    expect(one.open).toBe(false);
    for (let i = 0; i < 3; i++) one.unanswered(501, 1000);
    expect(one.open).toBe(true);
  });

  it("lets one request through after 1, 2, 4, 8 and 16 seconds, then every 10, and all at the first answer", () => {
    const one = opened();
    const trials: number[] = [];
    for (let at = 0; at < 46_000; at += 500) {
      if (!one.allows(at)) continue;
      trials.push(at);
      one.began(at);
      one.unanswered(at, at);
      expect(one.allows(at)).toBe(false);
    }
    expect(trials).toEqual([1000, 2000, 4000, 8000, 16_000, 26_000, 36_000]);
    one.answered(46_000);
    expect([one.open, one.allows(46_000)]).toEqual([false, true]);
  });

  it("that is closed by other proof opens again at the next request without an answer", () => {
    const one = opened();
    one.close();
    expect(one.allows(1)).toBe(true);
    one.unanswered(1, 2);
    expect(one.allows(2)).toBe(false);
  });

  it("never opens where it is set so", () => {
    const one = createBreaker({ breakAfter: 0, lastTrialMs: 10_000 });
    for (let i = 0; i < 100; i++) one.unanswered(-1, 0);
    expect(one.allows(0)).toBe(true);
  });
});

describe("an outlier", () => {
  it("is one at the third failure in a row, is out for a time, and then at its next failure again", () => {
    const one = createOutlier({ ejectAfter: 3, ejectForMs: 1000 });
    expect([one.failed(0), one.failed(0), one.failed(0)]).toEqual([false, false, true]);
    expect(one.isOut(0)).toBe(false);
    expect(one.eject(0)).toBe(1000);
    expect([one.isOut(0), one.isOut(999), one.isOut(1000)]).toEqual([true, true, false]);
    expect(one.failed(500)).toBe(false);
    expect(one.failed(1000)).toBe(true);
  });

  it("is none while it succeeds between failures", () => {
    const one = createOutlier({ ejectAfter: 3, ejectForMs: 1000 });
    for (let i = 0; i < 10; i++) {
      expect([one.failed(i), one.failed(i)]).toEqual([false, false]);
      one.succeeded();
    }
  });

  it("stays where half of all would no longer be in turn", () => {
    const ejectable = (all: number) => {
      let inTurn = all;
      while (mayEject(inTurn, all)) inTurn--;
      return all - inTurn;
    };
    expect([1, 2, 3, 4, 5, 10].map(ejectable)).toEqual([0, 1, 1, 2, 2, 5]);
  });
});

describe("slow start", () => {
  it("gives a share that grows from a tenth to a whole one", () => {
    const shares = [0, 500, 1000, 5000, 9999, 10_000, 99_999].map((ms) => shareOf(ms, 10_000));
    expect(shares).toEqual([0.1, 0.1, 0.1, 0.5, 0.9999, 1, 1]);
    expect(shareOf(0, 0)).toBe(1);
  });

  it("lets an origin have its share of what the others have on the average, and always one", () => {
    const most = (ofOthers: number[], share: number) => {
      let inFlight = 0;
      while (inFlight < 1000 && mayTakeMore(inFlight, ofOthers, share)) inFlight++;
      return inFlight;
    };
    expect([0.1, 0.25, 0.5, 1].map((share) => most([60, 40], share))).toEqual([5, 13, 25, 50]);
    expect([[], [0], [0, 1], [9]].map((others) => most(others, 0.1))).toEqual([1, 1, 1, 1]);
  });
});

describe("a retry budget", () => {
  it("gives so many per cent of the requests, the first ten of them in advance", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.boolean(), { maxLength: 2000 }),
        (percent, steps) => {
          const budget = createRetryBudget(percent);
          let sent = 0;
          let taken = 0;
          for (const wantsMore of steps) {
            sent++;
            budget.sent();
            if (wantsMore && budget.take()) taken++;
            expect(taken).toBeLessThanOrEqual(Math.max(10, (percent * sent) / 100));
          }
        },
      ),
    );
    const budget = createRetryBudget(10);
    const taken: number[] = [];
    for (let i = 1; i <= 1000; i++) {
      budget.sent();
      if (budget.take()) taken.push(i);
    }
    expect(taken.slice(0, 12)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 110, 120]);
    expect(taken).toHaveLength(100);
  });

  it("saves no more than ten", () => {
    const budget = createRetryBudget(50);
    for (let i = 0; i < 1000; i++) budget.sent();
    expect(Array.from({ length: 20 }, () => budget.take()).filter(Boolean)).toHaveLength(10);
  });

  it("of nothing gives nothing", () => {
    const budget = createRetryBudget(0);
    for (let i = 0; i < 1000; i++) budget.sent();
    expect(budget.take()).toBe(false);
  });
});
