import { beforeEach, expect, it, vi } from "vitest";
import { watchForHanging } from "../../src/workers/hung.ts";
import { WireError } from "../../src/workers/wire.ts";

type Answer = "at once" | "never" | WireError["code"];

/** A process asked every 10 s that answers as the test says, and what is told of it. */
function watched(...answers: Answer[]) {
  const asked: number[] = [];
  const silences: number[] = [];
  const watch = watchForHanging({
    ask: async (patienceMs) => {
      asked.push(patienceMs);
      const answer = answers.shift() ?? "at once";
      if (answer === "at once") return;
      if (answer !== "never") throw new WireError(answer, answer);
      await new Promise((resolve) => setTimeout(resolve, patienceMs));
      throw new WireError("late", "no answer");
    },
    patienceMs: 30_000,
    hangs: (silentMs) => silences.push(silentMs),
  });
  return { asked, silences, watch };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

it("asks again and again who answers", async () => {
  const { asked, silences } = watched();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, silences]).toEqual([Array(6).fill(30_000), []]);
});

it("tells once of who does not answer, not when asked once more, either", async () => {
  const { silences } = watched("at once", "never", "never");
  await vi.advanceTimersByTimeAsync(20_000 + 30_999);
  expect(silences).toEqual([]);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(silences).toEqual([31_000]);
});

it("goes on with who answers when asked once more", async () => {
  const { asked, silences } = watched("never", "at once");
  await vi.advanceTimersByTimeAsync(100_000);
  expect(asked.slice(0, 3)).toEqual([30_000, 1000, 30_000]);
  expect(silences).toEqual([]);
});

it.each(["gone", "busy"] as const)("takes nobody that is %s for one that hangs", async (code) => {
  const { silences } = watched(code, code, code);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(silences).toEqual([]);
});

it.each([
  ["between two questions", 5_000],
  ["while an answer is waited for", 15_000],
])("says nothing more once it is ended, %s", async (_, afterMs) => {
  const { asked, silences, watch } = watched("never", "never");
  await vi.advanceTimersByTimeAsync(afterMs);
  watch.end();
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(100_000);
  expect(silences).toEqual([]);
  expect(asked.length).toBeLessThanOrEqual(before + 1);
});
