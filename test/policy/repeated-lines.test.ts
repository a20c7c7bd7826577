import { expect, test } from "vitest";
import type { FieldLines } from "../../src/policy/fields.ts";
import {
  markRepeated,
  rememberingLast,
  rememberingLines,
  rememberingLinesOf,
} from "../../src/policy/repeated-lines.ts";

function counted() {
  let asked = 0;
  const values = rememberingLines((lines) => {
    asked++;
    return lines.filter((_, i) => i % 2 === 1);
  });
  return { values, asked: () => asked };
}

test("what is said of lines that are repeated is concluded once", () => {
  const { values, asked } = counted();
  const lines = ["a", "1"];
  markRepeated(lines);
  expect([values(lines), values(lines), asked()]).toEqual([["1"], ["1"], 1]);
});

test("of others each time, also of such as are equal", () => {
  const { values, asked } = counted();
  markRepeated(["a", "1"]);
  const lines = ["a", "1"];
  expect([values(lines), values(lines), asked()]).toEqual([["1"], ["1"], 2]);
});

test("lines made of those that are repeated are repeated, and no others", () => {
  const { values, asked } = counted();
  const reversed = rememberingLinesOf((lines: FieldLines) => lines.toReversed());
  const repeated = ["a", "1"];
  markRepeated(repeated);
  for (const lines of [repeated, repeated, ["b", "2"], ["b", "2"]]) values(reversed(lines));
  expect(asked()).toBe(3);
});

test("what was said last, of repeated lines and something else, is the same object while that says the same", () => {
  const { values, asked } = counted();
  const marked = rememberingLast<string>(
    (lines, mark) => [...lines, mark],
    (one, other) => one === other,
  );
  const repeated = ["a", "1"];
  markRepeated(repeated);
  const first = marked(repeated, "x");
  expect([first, marked(repeated, "x") === first]).toEqual([["a", "1", "x"], true]);
  expect(marked(repeated, "y")).toEqual(["a", "1", "y"]);
  expect(marked(repeated, "x")).toEqual(["a", "1", "x"]);
  const others = ["b", "2"];
  expect(marked(others, "x")).not.toBe(marked(others, "x"));
  for (let nth = 0; nth < 2; nth++) values(first);
  expect(asked()).toBe(1);
});
