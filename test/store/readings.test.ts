import { expect, it } from "vitest";
import { Readings } from "../../src/store/readings.ts";

const KEY = "http://shop.example/";

it("finds a reading of many without going through the others of its key", () => {
  const readings = new Readings();
  let lookedAt = 0;
  const begun = Array.from({ length: 1000 }, (_, i) => {
    const reading = readings.begin(KEY, `${KEY} ${i}`);
    const { name } = reading;
    const get = () => {
      lookedAt++;
      return name;
    };
    return Object.defineProperty(reading, "name", { get });
  });
  expect(readings.find(`${KEY} 999`)).toBe(begun[999]);
  expect(readings.find(`${KEY} of nobody`)).toBeUndefined();
  expect(lookedAt).toBeLessThanOrEqual(1);
});

it("finds none that is outdated, and the one begun since then, also when the outdated one ends", () => {
  const readings = new Readings();
  const first = readings.begin(KEY, KEY);
  readings.outdate(KEY);
  expect([first.outdated, readings.find(KEY)]).toEqual([true, undefined]);
  const second = readings.begin(KEY, KEY);
  readings.end(KEY, first);
  expect(readings.find(KEY)).toBe(second);
  readings.end(KEY, second);
  expect(readings.find(KEY)).toBeUndefined();
});

it("finds none that has no name, nor one beyond what is followed", () => {
  const readings = new Readings();
  readings.begin(KEY);
  expect(readings.find(KEY)).toBeUndefined();
  for (let i = 1; i < 10_000; i++) readings.begin(KEY);
  expect(readings.begin(KEY, KEY).outdated).toBe(true);
  expect(readings.find(KEY)).toBeUndefined();
});
