import { expect, it } from "vitest";
import { progressWords, showProgress } from "../../src/cli/progress.ts";

/** Where progress is written, and the clock that it goes by. */
function aProgress(of: number, terminal: boolean) {
  const written: string[] = [];
  const clock = { at: 0 };
  const to = { write: (text: string) => written.push(text), isTTY: terminal, columns: 60 };
  const progress = showProgress(of, to, () => clock.at);
  return { progress, written, clock };
}

it("says rate and time left", () => {
  expect(progressWords(120, 500, 3_000)).toBe("120 of 500, 40.0/s, 10 s left");
  expect(progressWords(1_000, 100_000, 1_000)).toBe("1,000 of 100,000, 1,000/s, 1 min 39 s left");
  expect(progressWords(1, 10_001, 1_000)).toBe("1 of 10,001, 1.0/s, 2 h 46 min left");
  expect(progressWords(500, 500, 10_000)).toBe("500 of 500, 50.0/s");
  expect(progressWords(0, 500, 0)).toBe("0 of 500, 0.0/s");
});

it("is a bar on a terminal that stays on its line, and is taken away for others", () => {
  const { progress, written, clock } = aProgress(100, true);
  clock.at = 1_000;
  progress.reached(50);
  expect(written).toEqual([`\r${"█".repeat(12)}${"░".repeat(12)} 50 of 100, 50.0/s, 1 s left\x1b[K`]);
  clock.at = 1_050;
  progress.reached(51);
  expect(written).toHaveLength(1);
  progress.clear();
  expect(written.at(-1)).toBe("\r\x1b[K");
  progress.clear();
  expect(written).toHaveLength(2);
  // Above what was told meanwhile, the bar comes back with the next step.
  progress.reached(52);
  expect(written.at(-1)).toContain("52 of 100");
  expect(written.every((text) => !text.includes("\n"))).toBe(true);
});

it("is never longer than the terminal is wide", () => {
  const { progress, written, clock } = aProgress(100_000, true);
  clock.at = 900;
  progress.reached(1);
  expect(written[0]?.replace("\r", "").replace("\x1b[K", "")).toHaveLength(59);
});

it("is a plain line now and then elsewhere, and none of what is quick", () => {
  const { progress, written, clock } = aProgress(100, false);
  for (let done = 1; done <= 100; done++) {
    clock.at = done * 100;
    progress.reached(done);
  }
  expect(written).toEqual(["50 of 100, 10.0/s, 5 s left\n", "100 of 100, 10.0/s\n"]);
  progress.clear();
  expect(written).toHaveLength(2);
});
