import { expect, test } from "vitest";
import { remembering } from "../../src/policy/remembering.ts";

function counted(bound: number) {
  const asked: string[] = [];
  const upper = remembering((text) => {
    asked.push(text);
    return text.toUpperCase();
  }, bound);
  return { asked, upper };
}

test("answers as the function does, which is asked once for each text", () => {
  const { asked, upper } = counted(10);
  expect(["a", "b", "", "a", "b", ""].map(upper)).toEqual(["A", "B", "", "A", "B", ""]);
  expect(asked).toEqual(["a", "b", ""]);
});

test("remembers an answer that is nothing, too", () => {
  let asked = 0;
  const none = remembering((): string | undefined => {
    asked++;
    return undefined;
  }, 10);
  expect([none("a"), none("a"), none("b")]).toEqual([undefined, undefined, undefined]);
  expect(asked).toBe(2);
});

test("remembers no more than its bound, whatever it is asked", () => {
  const { asked, upper } = counted(100);
  const ask = () => {
    for (let i = 0; i < 100; i++) expect(upper(`x${i}`)).toBe(`X${i}`);
  };
  ask();
  ask();
  expect(asked).toHaveLength(100);
  upper("one more");
  ask();
  expect(asked).toHaveLength(201);
});

test("remembers no long text", () => {
  const { asked, upper } = counted(10);
  for (let i = 0; i < 3; i++) expect(upper("x".repeat(257))).toBe("X".repeat(257));
  for (let i = 0; i < 3; i++) expect(upper("x".repeat(256))).toBe("X".repeat(256));
  expect(asked.map(({ length }) => length)).toEqual([257, 257, 257, 256]);
});
