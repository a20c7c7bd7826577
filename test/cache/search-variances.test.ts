import { expect, it } from "vitest";
import { SearchVariances } from "../../src/cache/search-variances.ts";

const IGNORED = ["No-Vary-Search", "params"];

it("what is learned of paths is bounded by their number, and by their length where they are long", () => {
  const variances = new SearchVariances();
  for (let i = 0; i < 10_100; i++) variances.learn(`http://a/${i}?q`, IGNORED);
  expect(variances.size).toBe(10_000);
  expect(variances.keyFor("http://a/99?q")).toBe("http://a/99?q");
  expect(variances.keyFor("http://a/100?q")).toBe("http://a/100");
  const long = "x".repeat(25_600);
  for (let i = 0; i < 200; i++) variances.learn(`http://a/${i}${long}?q`, IGNORED);
  expect(variances.size).toBeLessThanOrEqual(100);
  expect(variances.keyFor(`http://a/199${long}?q`)).toBe(`http://a/199${long}`);
  variances.learn(`http://a/199${long}?q`, []);
  expect(variances.keyFor(`http://a/199${long}?q`)).toBe(`http://a/199${long}?q`);
});
