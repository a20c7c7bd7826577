import { expect, test } from "vitest";
import { freshId, ID_LENGTH } from "../../src/server/fresh-id.ts";

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Several batches. */
const MANY = 1000;

test("every id is a UUID of version 4, and no two are the same", () => {
  const ids = Array.from({ length: MANY }, freshId);
  expect(ids.filter((id) => !UUID4.test(id) || id.length !== ID_LENGTH)).toEqual([]);
  expect(new Set(ids).size).toBe(MANY);
});

test("every digit that is not fixed takes every value", () => {
  const ids = Array.from({ length: MANY }, freshId);
  const seen = Array.from({ length: ID_LENGTH }, (_, i) => new Set(ids.map((id) => id[i])).size);
  const [hyphen, version, variant, any] = [1, 1, 4, 16];
  const digits = (count: number) => Array<number>(count).fill(any);
  const last = [hyphen, variant, ...digits(3), hyphen, ...digits(12)];
  expect(seen).toEqual([...digits(8), hyphen, ...digits(4), hyphen, version, ...digits(3), ...last]);
});
