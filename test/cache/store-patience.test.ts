import { describe, expect, it } from "vitest";
import { StorePatience } from "../../src/cache/store-patience.ts";
import { FakeTimers, settled } from "./harness.ts";

const PATIENCE_MS = 250;

function aRequest(waitedMs = 0) {
  const clock = { at: 0 };
  const timers = new FakeTimers();
  const deps = { storePatienceMs: PATIENCE_MS, now: () => clock.at, timer: timers.timer };
  const patience = new StorePatience(deps, waitedMs);
  /** Waits for an answer that takes so long, or until nothing is waited for any more. */
  async function ask(ms: number): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const asking = patience.wait(() => promise);
    clock.at += ms;
    resolve("answer");
    return asking;
  }
  return { clock, timers, patience, ask };
}

describe("a request's patience with the store", () => {
  it("is for all its waits together, those before it included", async () => {
    const { ask, patience, timers } = aRequest(100);
    expect(await ask(100)).toBe("answer");
    expect(await ask(49)).toBe("answer");
    expect(patience.isOver).toBe(false);
    expect(await ask(1)).toBe("answer");
    expect(patience.isOver).toBe(true);
    expect(await ask(0)).toBeUndefined();
    expect(timers.pending).toBe(0);
  });

  it("ends a wait when none is left, and what comes late is told", async () => {
    const { patience, timers, ask } = aRequest();
    await ask(100);
    const { promise, resolve } = Promise.withResolvers<string>();
    const late: string[] = [];
    const asking = patience.wait(
      () => promise,
      (outcome) => late.push(outcome),
    );
    timers.fire(PATIENCE_MS - 100);
    expect(await asking).toBeUndefined();
    expect(patience.isOver).toBe(true);
    expect(late).toEqual([]);
    resolve("late");
    await settled();
    expect(late).toEqual(["late"]);
  });

  it("begins nothing where none is left", async () => {
    const { patience } = aRequest(PATIENCE_MS);
    let begun = 0;
    expect(await patience.wait(async () => ++begun)).toBeUndefined();
    expect(begun).toBe(0);
  });

  it("rejects as what is waited for does, but not when that is late", async () => {
    const { patience, timers } = aRequest();
    await expect(patience.wait(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(timers.pending).toBe(0);
    const { promise, reject } = Promise.withResolvers<string>();
    const asking = patience.wait(() => promise);
    timers.fire(PATIENCE_MS);
    reject(new Error("late"));
    expect(await asking).toBeUndefined();
    await settled();
  });

  it("is not used up by a clock that goes back", async () => {
    const { clock, ask, patience } = aRequest();
    clock.at = 10_000;
    expect(await ask(-5000)).toBe("answer");
    expect(patience.isOver).toBe(false);
  });
});
