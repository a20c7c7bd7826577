import { once } from "node:events";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { passLines } from "../../src/workers/lines.ts";

/** What is passed on of these pieces. */
async function passed(...pieces: (string | Buffer)[]): Promise<string[]> {
  const from = new PassThrough();
  const lines: string[] = [];
  passLines(from, (text) => lines.push(text));
  for (const piece of pieces) {
    from.write(piece);
    await new Promise(setImmediate);
  }
  from.end();
  await once(from, "end");
  return lines;
}

test("lines are passed on whole", async () => {
  expect(await passed("a", "b\nc", "\nd\ne\n")).toEqual(["ab\n", "c\nd\ne\n"]);
});

test("a character that comes in two pieces is one", async () => {
  const euro = Buffer.from("€\n");
  expect(await passed(euro.subarray(0, 1), euro.subarray(1))).toEqual(["€\n"]);
});

test("half a line is a line when there will be no more of it", async () => {
  expect(await passed("a\nb")).toEqual(["a\n", "b\n"]);
});

test("a line without end is not held for ever", async () => {
  const lines = await passed("x".repeat(1_000_000), "x".repeat(100_000));
  expect(lines.join("").length).toBe(1_100_001);
  expect(lines).toHaveLength(1);
});
