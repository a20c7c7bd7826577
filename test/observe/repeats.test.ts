import { expect, test } from "vitest";
import { limitRepeats } from "../../src/observe/repeats.ts";

test("a subject may be said once per period, and is told how often it was held back", () => {
  let now = 1_000;
  const repeats = limitRepeats(1_000, () => now);

  expect(repeats("a")).toBe(0);
  expect(repeats("a")).toBeUndefined();
  expect(repeats("b")).toBe(0);
  now = 1_999;
  expect(repeats("a")).toBeUndefined();
  now = 2_000;
  expect(repeats("a")).toBe(2);
  now = 3_000;
  expect(repeats("a")).toBe(0);
});

test("a clock that was set back does not silence anything", () => {
  let now = 1_000_000;
  const repeats = limitRepeats(1_000, () => now);
  repeats("a");
  now = 5;
  expect(repeats("a")).toBe(0);
});

test("remembers a bounded number of subjects; the rest share one turn", () => {
  const repeats = limitRepeats(1_000, () => 0, 8);
  let said = 0;
  for (let i = 0; i < 10_000; i++) if (repeats(`subject ${i}`) !== undefined) said++;
  expect(said).toBe(8 + 1);
});
