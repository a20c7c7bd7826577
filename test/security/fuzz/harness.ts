import { readFileSync } from "node:fs";
import fc from "fast-check";
import { it } from "vitest";

/** FUZZ_RUNS=100000 for a long hunt, instead of each fuzzer's own number; FUZZ_SEED to meet a failure again. */
const { FUZZ_RUNS, FUZZ_SEED = String(Date.now() % 2 ** 31) } = process.env;
export const SEED = Number(FUZZ_SEED);

const CORPUS = new URL("../corpus/", import.meta.url);

/** What is true of whatever comes. */
export interface Fuzz<T> {
  /** The file in test/security/corpus/ with what was found before, a JSON array `["what it is", input]` on each line. */
  readonly corpus: string;
  /** JSON values, so that they can be kept; bytes are strings of one character each. */
  readonly inputs: fc.Arbitrary<T>;
  /** In CI; as many as take a second. */
  readonly runs: number;
  readonly holds: (input: T) => void | Promise<void>;
}

/** Tests it with what was found before, and with what a seed makes up. */
export function fuzz<T>(what: string, fuzzed: Fuzz<T>): void {
  it.each(saved<T>(fuzzed.corpus))(`${what}: %s`, async (_, input) => {
    await fuzzed.holds(input);
  });
  const runs = Number(FUZZ_RUNS ?? fuzzed.runs);
  it(`${what}: whatever comes (seed ${SEED})`, () => hunt({ ...fuzzed, runs }, SEED), 60_000 + runs * 100);
}

/** Rejects with the least input that was found, as a line for the corpus. */
export async function hunt<T>({ corpus, inputs, runs, holds }: Fuzz<T>, seed: number): Promise<void> {
  const property = fc.asyncProperty(inputs, async (input) => {
    await holds(input);
  });
  const { failed, counterexample, errorInstance } = await fc.check(property, { numRuns: runs, seed });
  if (!failed) return;
  const found = counterexample === null ? "nothing" : lineOf("what is wrong with it", counterexample[0]);
  throw new Error(
    `${errorInstance instanceof Error ? errorInstance.message : errorInstance}\n` +
      `Again: FUZZ_SEED=${seed} FUZZ_RUNS=${runs}. For ever: a line in test/security/corpus/${corpus}.jsonl\n${found}`,
    { cause: errorInstance },
  );
}

/** One line of a corpus, in ASCII alone. */
export const lineOf = (what: string, input: unknown): string =>
  JSON.stringify([what, input]).replace(
    /[\x7f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function saved<T>(corpus: string): (readonly [what: string, input: T])[] {
  const lines = readFileSync(new URL(`${corpus}.jsonl`, CORPUS), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}
