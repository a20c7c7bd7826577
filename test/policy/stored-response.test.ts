import { expect, test } from "vitest";
import { hasValidator, secondsBetween, useStaleUpto } from "../../src/policy/stored-response.ts";
import { aStored, later, NOW } from "./builders.ts";

test("instants are milliseconds, and what lies between them is seconds", () => {
  expect(secondsBetween(NOW, NOW + 1500)).toBe(1.5);
  expect(secondsBetween(later(9), later(4))).toBe(-5);
});

test("a validator is an entity tag or a modification date (RFC 9111 §4.3.1)", () => {
  expect(hasValidator(aStored())).toBe(false);
  expect(hasValidator(aStored({ etag: '"a"' }))).toBe(true);
  expect(hasValidator(aStored({ lastModified: "x" }))).toBe(true);
});

test("use_stale_upto is the longer of the two stale windows", () => {
  expect(useStaleUpto(aStored({ staleWhileRevalidate: 30, staleIfError: 20 }))).toBe(30);
  expect(useStaleUpto(aStored({ staleWhileRevalidate: 10, staleIfError: 20 }))).toBe(20);
});
