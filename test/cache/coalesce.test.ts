import { describe, expect, it } from "vitest";
import { Coalescer, enoughHaveFailed, MAX_LEADERS, type Place } from "../../src/cache/coalesce.ts";

const START = { epoch: 0, fields: [], selecting: [], failed: 0, since: 0 };
const MAX_PLACES = 32;

function placeOf(coalescer: Coalescer<string>, key = "k"): Place<string> {
  const place = coalescer.underWay(key).at(-1);
  if (place === undefined) throw new Error("expected something under way");
  return place;
}

/** A fetch under way, with its leader. */
function begin(coalescer = new Coalescer<string>(), failed = 0) {
  const leader = coalescer.lead("k", { ...START, failed });
  return { coalescer, leader, place: placeOf(coalescer) };
}

describe("a fetch", () => {
  it("is followed by all who come, and tells them the same", async () => {
    const { leader, place } = begin();
    const followers = [place.follow(), place.follow()];
    leader.settle({ type: "share", value: "v" });
    const late = place.follow();
    expect(await Promise.all([...followers, late].map(({ settled }) => settled))).toEqual(
      Array(3).fill({ type: "share", value: "v" }),
    );
  });

  it("keeps keys apart, and holds nothing once all have settled and left", () => {
    const coalescer = new Coalescer<string>();
    const leaders = Array.from({ length: 500 }, (_, i) => coalescer.lead(`k${i}`, START));
    expect(coalescer.size).toBe(500);
    for (const [i, leader] of leaders.entries()) {
      leader.settle(i % 2 === 0 ? { type: "share", value: "v" } : { type: "disperse" });
    }
    expect(coalescer.size).toBe(250);
    for (const leader of leaders) leader.leave();
    expect(coalescer.size).toBe(0);
  });

  it("that is shared can be followed until its leader leaves", () => {
    const { coalescer, leader, place } = begin();
    leader.settle({ type: "share", value: "v" });
    expect(coalescer.underWay("k")).toEqual([place]);
    leader.leave();
    expect(coalescer.has("k")).toBe(false);
  });

  it("that has failed is left before its followers wake, so that one of them leads", async () => {
    const { coalescer, leader, place } = begin();
    const seen = place.follow().settled.then(() => coalescer.underWay("k").length);
    leader.settle({ type: "takeover", error: new Error("gone") });
    expect(await seen).toBe(0);
  });

  it("that is closed goes on for those who follow it, and is not the next one's to end", async () => {
    const { coalescer, leader, place } = begin();
    const follower = place.follow();
    coalescer.close("k", place);
    expect(coalescer.has("k")).toBe(false);
    coalescer.lead("k", START);
    leader.settle({ type: "share", value: "old" });
    leader.leave();
    expect(await follower.settled).toEqual({ type: "share", value: "old" });
    expect(coalescer.has("k")).toBe(true);
  });
});

describe("those whose leader has failed", () => {
  it.each([
    [0, "abcd"],
    [0.3, "bacd"],
    [0.999, "dabc"],
  ])("hear of it one at random first, who leads then (%d)", async (random, order) => {
    const { leader, place } = begin(new Coalescer<string>(() => random));
    let woken = "";
    for (const name of "abcd") void place.follow().settled.then(() => (woken += name));
    leader.settle({ type: "takeover", error: "gone" });
    await new Promise(setImmediate);
    expect(woken).toBe(order);
  });

  it("hear of it in their order when it has an answer", async () => {
    const { leader, place } = begin(new Coalescer<string>(() => 0.999));
    let woken = "";
    for (const name of "abcd") void place.follow().settled.then(() => (woken += name));
    leader.settle({ type: "share", value: "x" });
    await new Promise(setImmediate);
    expect(woken).toBe("abcd");
    expect(await place.follow().settled).toEqual({ type: "share", value: "x" });
  });
});

describe("a follower whose leader is overdue", () => {
  it("leads beside it, once for all who have waited for the same", () => {
    const { place } = begin();
    const followers = Array.from({ length: 100 }, () => place.follow());
    const known = followers.map((follower) => follower.leaders());
    const reliefs = followers.map((follower, i) => follower.relieve(known[i]!));
    expect(reliefs.filter((relief) => relief !== undefined)).toHaveLength(1);
    expect(followers[0]!.leaders()).toBe(2);
  });

  it.each([0, 1, 2])("does so until there have been three, with %i that failed before", (failed) => {
    const follower = begin(new Coalescer(), failed).place.follow();
    let reliefs = 0;
    while (reliefs < 100 && follower.relieve(follower.leaders()) !== undefined) reliefs++;
    expect(reliefs).toBe(MAX_LEADERS - failed - 1);
  });

  it("has the first answer, whoever brings it; what comes later is nobody's, and ends nothing", async () => {
    const { coalescer, leader, place } = begin();
    const follower = place.follow();
    const beside = follower.relieve(1);
    leader.settle({ type: "share", value: "slow" });
    beside?.settle({ type: "disperse" });
    beside?.leave();
    expect(await follower.settled).toEqual({ type: "share", value: "slow" });
    expect(coalescer.underWay("k")).toEqual([place]);
    expect(follower.relieve(2)).toBeUndefined();
    leader.leave();
    expect(coalescer.size).toBe(0);
  });

  it("is told of a failure when the last leader has failed", async () => {
    const { leader, place } = begin();
    const follower = place.follow();
    const beside = follower.relieve(1);
    let told = false;
    void follower.settled.then(() => {
      told = true;
    });
    beside?.settle({ type: "takeover", error: "first" });
    await new Promise(setImmediate);
    expect(told).toBe(false);
    leader.settle({ type: "takeover", error: "second" });
    expect(await follower.settled).toEqual({ type: "takeover", error: "second" });
    expect(follower.leaders()).toBe(2);
  });
});

it.each([
  [1, 60_000, false],
  [2, 0, false],
  [2, 499, false],
  [2, 500, true],
  [3, 0, true],
])("%i leaders that have failed in %i ms are enough: %s", (leaders, ms, enough) => {
  expect(enoughHaveFailed(leaders, ms)).toBe(enough);
});

describe("the fetches of one key", () => {
  it("are bounded: beyond that, one that nobody follows", () => {
    const coalescer = new Coalescer<string>();
    const leaders = Array.from({ length: 1000 }, (_, i) => coalescer.lead("k", { ...START, epoch: i }));
    const epochs = coalescer.underWay("k").map(({ start }) => start.epoch);
    expect(epochs).toEqual(Array.from({ length: MAX_PLACES }, (_, i) => i));
    for (const leader of leaders) leader.settle({ type: "disperse" });
    expect(coalescer.size).toBe(0);
  });

  it("make room for a new one where the oldest that is shared stands", () => {
    const coalescer = new Coalescer<string>();
    const leaders = Array.from({ length: MAX_PLACES }, (_, i) => coalescer.lead("k", { ...START, epoch: i }));
    for (const i of [1, 2]) leaders[i]!.settle({ type: "share", value: "v" });
    coalescer.lead("k", { ...START, epoch: 99 });
    const epochs = coalescer.underWay("k").map(({ start }) => start.epoch);
    expect(epochs).toHaveLength(MAX_PLACES);
    expect([epochs.includes(1), epochs.includes(2), epochs.at(-1)]).toEqual([false, true, 99]);
  });
});
