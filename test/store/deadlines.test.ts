import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { Deadlines, Waiting } from "../../src/store/deadlines.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
});

class Wait extends Waiting {
  readonly #told: string[];
  readonly #name: string;

  constructor(told: string[], name: string) {
    super();
    this.#told = told;
    this.#name = name;
  }

  override late(): void {
    this.#told.push(this.#name);
  }
}

/** Begins one wait for each name, so many milliseconds one after the other. */
function begin(deadlines: Deadlines, told: string[], names: readonly string[], apartMs = 0): Wait[] {
  return names.map((name) => {
    const wait = new Wait(told, name);
    deadlines.begin(wait);
    vi.advanceTimersByTime(apartMs);
    return wait;
  });
}

it("each is late when its own time is over, once, and none before", () => {
  const told: string[] = [];
  const deadlines = new Deadlines(100);
  begin(deadlines, told, ["a", "b", "c"], 20);
  vi.advanceTimersByTime(39);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(told).toEqual(["a"]);
  vi.advanceTimersByTime(20);
  expect(told).toEqual(["a", "b"]);
  vi.advanceTimersByTime(1000);
  expect(told).toEqual(["a", "b", "c"]);
});

it.each([
  ["the first", [0], ["b", "c"]],
  ["one in the middle", [1], ["a", "c"]],
  ["the last", [2], ["a", "b"]],
  ["all of them", [1, 0, 2], []],
])("what has ended is not late: %s", (_, ended, late) => {
  const told: string[] = [];
  const deadlines = new Deadlines(100);
  const waits = begin(deadlines, told, ["a", "b", "c"]);
  for (const index of ended) deadlines.end(waits[index] as Wait);
  // Twice is as good as once, also when others wait.
  for (const index of ended) deadlines.end(waits[index] as Wait);
  begin(deadlines, told, ["d"]);
  vi.advanceTimersByTime(100);
  expect(told).toEqual([...late, "d"]);
});

it("one timer serves all, and none is left when nobody waits", () => {
  const deadlines = new Deadlines(100);
  const waits = begin(
    deadlines,
    [],
    Array.from({ length: 1000 }, (_, i) => String(i)),
  );
  expect(vi.getTimerCount()).toBe(1);
  for (const wait of waits) deadlines.end(wait);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
});
