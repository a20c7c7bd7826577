import { describe, expect, it } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { Breaker } from "../../src/store/breaker.ts";
import { testClock } from "./sample.ts";

function closedBreaker() {
  const clock = testClock();
  const changes: [boolean, string][] = [];
  const breaker = new Breaker({ elapsed: clock.now, onChange: (up, detail) => changes.push([up, detail]) });
  let calls = 0;
  const run = (outcome: "ok" | StoreError["code"]) =>
    breaker
      .run(async () => {
        calls++;
        if (outcome !== "ok") throw new StoreError(outcome, `it was ${outcome}`);
        return "ok";
      })
      .catch((error: StoreError) => error.code);
  return { clock, changes, breaker, run, calls: () => calls };
}

describe("the breaker", () => {
  it("opens after three consecutive failures and then refuses without trying", async () => {
    const { run, calls } = closedBreaker();
    for (let i = 0; i < 3; i++) expect(await run("timeout")).toBe("timeout");
    expect(await run("ok")).toBe("unavailable");
    expect(calls()).toBe(3);
  });

  it("stays closed while a success comes between failures", async () => {
    const { run } = closedBreaker();
    for (let i = 0; i < 10; i++) expect(await run(i % 3 === 2 ? "ok" : "timeout")).not.toBe("unavailable");
    expect(await run("ok")).toBe("ok");
  });

  it("lets one operation through every second, and closes when it succeeds", async () => {
    const { run, clock, calls } = closedBreaker();
    for (let i = 0; i < 3; i++) await run("unavailable");
    clock.advance(0.999);
    await run("ok");
    expect(calls()).toBe(3);
    clock.advance(0.001);
    expect(await Promise.all([run("timeout"), run("ok"), run("ok")])).toEqual([
      "timeout",
      "unavailable",
      "unavailable",
    ]);
    expect(calls()).toBe(4);
    clock.advance(1);
    expect(await run("ok")).toBe("ok");
    expect(await run("ok")).toBe("ok");
  });

  it("tries again after a probe that never ended", async () => {
    const { breaker, clock } = closedBreaker();
    breaker.trip("gone");
    clock.advance(1);
    expect([breaker.allow(), breaker.allow()]).toEqual([true, false]);
    clock.advance(1);
    expect(breaker.allow()).toBe(true);
  });

  it("does not count a refusal: a store that answers is there", async () => {
    const { run } = closedBreaker();
    for (let i = 0; i < 5; i++) expect(await run("refused")).toBe("refused");
    expect(await run("ok")).toBe("ok");
  });

  it("tells changes, and nothing but changes", async () => {
    const { run, breaker, changes, clock } = closedBreaker();
    await run("ok");
    await run("ok");
    for (let i = 0; i < 5; i++) await run("timeout");
    breaker.trip("the connection was closed");
    clock.advance(1);
    await run("ok");
    expect(changes).toEqual([
      [true, "Redis answers"],
      [false, "it was timeout"],
      [true, "Redis answers"],
    ]);
  });
});
