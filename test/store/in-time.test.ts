import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Deadlines } from "../../src/store/deadlines.ts";
import { inTime } from "../../src/store/in-time.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function anAnswer() {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const made = vi.fn((answer: number) => answer * 2);
  const failed = vi.fn();
  return { resolve, reject, made, failed, result: inTime(() => promise, new Deadlines(100), made, failed) };
}

it("is made of the answer, once it is there", async () => {
  const { resolve, result, failed } = anAnswer();
  vi.advanceTimersByTime(99);
  resolve(21);
  expect(await result).toBe(42);
  vi.advanceTimersByTime(1000);
  expect(failed).not.toHaveBeenCalled();
});

it("is rejected when the time is over, and nothing is made of what comes then", async () => {
  const { resolve, made, result, failed } = anAnswer();
  const rejected = expect(result).rejects.toMatchObject({ name: "StoreError", code: "timeout" });
  vi.advanceTimersByTime(101);
  await rejected;
  resolve(21);
  await vi.runAllTimersAsync();
  expect(made).not.toHaveBeenCalled();
  expect(failed).toHaveBeenCalledTimes(1);
});

it.each([
  ["when it is asked for", () => Promise.reject(new Error("broken"))],
  [
    "while it is asked for",
    () => {
      throw new Error("broken");
    },
  ],
])("is rejected as what is asked is, %s, and that is told once", async (_, ask: () => Promise<number>) => {
  const failed = vi.fn();
  await expect(inTime(ask, new Deadlines(100), String, failed)).rejects.toThrow("broken");
  await vi.runAllTimersAsync();
  expect(failed).toHaveBeenCalledTimes(1);
});

it.each([
  ["answers", () => 1],
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
])("of what %s at once nothing comes before who asks has a promise of it", async (_, ask: () => number) => {
  const [made, failed] = [vi.fn(), vi.fn()];
  const result = inTime(ask, undefined, made, failed);
  expect([made.mock.calls.length, failed.mock.calls.length]).toEqual([0, 0]);
  await result.catch(() => {});
  expect(made.mock.calls.length + failed.mock.calls.length).toBe(1);
});

it("is rejected where nothing can be made of it, and that is told", async () => {
  const failed = vi.fn();
  const make = () => {
    throw new Error("odd");
  };
  await expect(inTime(() => 1, undefined, make, failed)).rejects.toThrow("odd");
  expect(failed).toHaveBeenCalledTimes(1);
});
