import { expect, test } from "vitest";
import { requestLines } from "../../src/observe/request-line.ts";
import { anAnswer, HIT } from "./an-event.ts";

test("a line that is kept takes as much memory as it is long", () => {
  const line = requestLines(() => 0, undefined)("info", anAnswer({ outcome: HIT }));
  expect(line.buffer.byteLength).toBe(line.length);
});

test("a line has the time that its event tells, and the clock's where that tells none", () => {
  const lines = requestLines(() => 86_400_000, undefined);
  const timeOf = (at?: number) => {
    const event = at === undefined ? anAnswer({ outcome: HIT }) : anAnswer({ outcome: HIT, at });
    return JSON.parse(lines("info", event).toString()).time;
  };
  expect([timeOf(), timeOf(1), timeOf(1), timeOf(2000), timeOf()]).toEqual([
    "1970-01-02T00:00:00.000Z",
    "1970-01-01T00:00:00.001Z",
    "1970-01-01T00:00:00.001Z",
    "1970-01-01T00:00:02.000Z",
    "1970-01-02T00:00:00.000Z",
  ]);
});
