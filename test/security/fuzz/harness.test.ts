import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hunt, lineOf } from "./harness.ts";

const failing = {
  corpus: "connections",
  inputs: fc.string({ unit: "binary", minLength: 1 }).map((text) => `${text}\xff`),
  runs: 100,
  holds: (text: string) => expect(text).toMatch(/^.?$/s),
};
const failure = (seed: number): Promise<string> =>
  hunt(failing, seed).then(
    () => "none",
    (error: Error) => error.message,
  );

describe("a fuzzer that finds something", () => {
  it("says what it is, how to find it again, and what to write into which corpus", async () => {
    const message = await failure(1);
    expect(message).toContain("FUZZ_SEED=1 FUZZ_RUNS=100");
    expect(message).toContain("test/security/corpus/connections.jsonl");
    const [, input] = JSON.parse(message.split("\n").at(-1) as string) as [string, string];
    expect(() => failing.holds(input)).toThrow();
    expect(input).toHaveLength(2);
  });

  it("finds it again by its seed", async () => {
    expect(await failure(2)).toBe(await failure(2));
  });

  it("fails where the promise of a property does", async () => {
    const holds = () => Promise.reject(new Error("not so"));
    await expect(hunt({ ...failing, holds }, 1)).rejects.toThrow("not so");
  });
});

it("a corpus is ASCII, and comes back as it was", () => {
  const input = ["\0\x7f\xff\u2028\ud800", { a: 1 }];
  const line = lineOf("odd", input);
  expect(line).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(line)).toEqual(["odd", input]);
});

it("every corpus is played by a fuzzer", () => {
  const here = new URL("./", import.meta.url);
  const played = readdirSync(here)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(new URL(name, here), "utf8"))
    .flatMap((text) => [...text.matchAll(/\bcorpus: "([\w-]+)"/g)].map(([, name]) => `${name}.jsonl`));
  expect(readdirSync(new URL("../corpus/", here)).filter((name) => !played.includes(name))).toEqual([]);
});
