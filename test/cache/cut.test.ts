import { describe, expect, it } from "vitest";
import { type Cut, Cutter } from "../../src/cache/cut.ts";

/** AbortController and ours, side by side. */
const BOTH: readonly (readonly [string, () => { cut: Cut; end: (reason: unknown) => void }])[] = [
  [
    "ours",
    () => {
      const cutter = new Cutter();
      return { cut: cutter, end: (reason) => cutter.cut(reason) };
    },
  ],
  [
    "an AbortController's",
    () => {
      const controller = new AbortController();
      return { cut: controller.signal, end: (reason) => controller.abort(reason) };
    },
  ],
];

describe.each(BOTH)("a cut: %s", (_, make) => {
  it("is told to each listener once, in their order, with its first reason", () => {
    const { cut, end } = make();
    const told: unknown[] = [];
    cut.addEventListener("abort", () => told.push(["first", cut.reason]));
    cut.addEventListener("abort", { handleEvent: () => told.push(["second", cut.aborted]) }, { once: true });
    expect([cut.aborted, cut.reason]).toEqual([false, undefined]);
    cut.throwIfAborted();
    end("why");
    end("again");
    expect(told).toEqual([
      ["first", "why"],
      ["second", true],
    ]);
    expect([cut.aborted, cut.reason]).toEqual([true, "why"]);
    expect(() => cut.throwIfAborted()).toThrow("why");
  });

  it("is not told to those who have left, nor to those who come later", () => {
    const { cut, end } = make();
    const told: string[] = [];
    const leaves = () => told.push("left");
    const last = { handleEvent: () => told.push("last") };
    cut.addEventListener("abort", () => {
      cut.removeEventListener("abort", last);
    });
    cut.addEventListener("abort", leaves);
    cut.addEventListener("abort", last);
    cut.addEventListener("abort", () => told.push("stays"));
    cut.removeEventListener("abort", leaves);
    end("why");
    cut.addEventListener("abort", () => told.push("late"));
    expect(told).toEqual(["stays"]);
  });

  it("by undefined is a cut, too", () => {
    const { cut, end } = make();
    let told = 0;
    cut.addEventListener("abort", () => told++);
    end(undefined);
    expect([cut.aborted, told]).toEqual([true, 1]);
  });
});
