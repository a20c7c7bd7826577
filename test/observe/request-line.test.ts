import { expect, test } from "vitest";
import { requestLines } from "../../src/observe/request-line.ts";
import { anAnswer, HIT } from "./an-event.ts";

test("a line that is kept takes as much memory as it is long", () => {
  const line = requestLines(() => 0, undefined)("info", anAnswer({ outcome: HIT }));
  expect(line.buffer.byteLength).toBe(line.length);
});
