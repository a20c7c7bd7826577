import { describe, expect, it } from "vitest";
import { Coalescer, type Settlement } from "../../src/cache/coalesce.ts";
import { T0 } from "./harness.ts";

const settlementOf = (ticket: ReturnType<Coalescer<string>["join"]>): Promise<Settlement<string>> => {
  if (ticket.role !== "follower") throw new Error("expected a follower");
  return ticket.settled;
};
const leaderOf = (ticket: ReturnType<Coalescer<string>["join"]>) => {
  if (ticket.role !== "leader") throw new Error("expected a leader");
  return ticket;
};

describe("joining", () => {
  it("makes the first the leader, and everybody after it a follower of the same settlement", async () => {
    const coalescer = new Coalescer<string>(1000);
    const leader = leaderOf(coalescer.join("k", T0));
    const followers = [coalescer.join("k", T0), coalescer.join("k", T0 + 999)].map(settlementOf);
    leader.settle({ type: "share", value: "v" });
    expect(await Promise.all(followers)).toEqual([
      { type: "share", value: "v" },
      { type: "share", value: "v" },
    ]);
  });

  it("keeps keys apart, and holds nothing once all have settled and left", () => {
    const coalescer = new Coalescer<string>(1000);
    const leaders = Array.from({ length: 500 }, (_, i) => leaderOf(coalescer.join(`k${i}`, T0)));
    expect(coalescer.size).toBe(500);
    for (const [i, leader] of leaders.entries()) {
      leader.settle(i % 2 === 0 ? { type: "share", value: "v" } : { type: "disperse" });
    }
    expect(coalescer.size).toBe(250);
    for (const leader of leaders) leader.leave();
    expect(coalescer.size).toBe(0);
  });

  it("does not wait for a leader past its age limit; its late settlement reaches those who waited", async () => {
    const coalescer = new Coalescer<string>(1000);
    const old = leaderOf(coalescer.join("k", T0));
    const patient = settlementOf(coalescer.join("k", T0 + 999));
    const young = leaderOf(coalescer.join("k", T0 + 1000));
    const next = settlementOf(coalescer.join("k", T0 + 1001));
    old.settle({ type: "share", value: "old" });
    old.leave();
    expect(coalescer.has("k")).toBe(true);
    young.settle({ type: "share", value: "young" });
    expect(await patient).toEqual({ type: "share", value: "old" });
    expect(await next).toEqual({ type: "share", value: "young" });
  });

  it("lets a shared flight be joined past the leader's age limit, until the leader leaves", () => {
    const coalescer = new Coalescer<string>(1000);
    const leader = leaderOf(coalescer.join("k", T0));
    leader.settle({ type: "share", value: "v" });
    expect(coalescer.join("k", T0 + 5000).role).toBe("follower");
    leader.leave();
    expect(coalescer.join("k", T0 + 5000).role).toBe("leader");
  });

  it("elects a new leader when one asks for a takeover, before the followers wake", async () => {
    const coalescer = new Coalescer<string>(1000);
    const leader = leaderOf(coalescer.join("k", T0));
    const follower = settlementOf(coalescer.join("k", T0));
    const rejoined = follower.then(() => coalescer.join("k", T0).role);
    leader.settle({ type: "takeover", error: new Error("gone") });
    expect(await rejoined).toBe("leader");
  });

  it("replaces a flight that the one who comes may not have", () => {
    const coalescer = new Coalescer<string>(1000);
    const nothingBefore = (least: number) => ({ epoch: least, mayJoin: (epoch: number) => epoch >= least });
    const old = leaderOf(coalescer.join("k", T0, nothingBefore(1)));
    expect(coalescer.join("k", T0, nothingBefore(1)).role).toBe("follower");
    expect(coalescer.join("k", T0, nothingBefore(2)).role).toBe("leader");
    // The place is the new leader's now, whatever the old one does.
    old.settle({ type: "disperse" });
    old.leave();
    expect(coalescer.join("k", T0, nothingBefore(2)).role).toBe("follower");
  });
});
