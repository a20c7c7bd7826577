import { rmSync } from "node:fs";
import { type Copy, copyOfRepository } from "./copy.ts";
import { type Defence, patternOf } from "./defence.ts";
import { type Result, runTests } from "./run-tests.ts";
import { DEFENCES } from "./table.ts";

// `make defences`: takes each defence out of a copy of the repository, and expects its test to fail.

/** Two cores are what the tests are made for. */
const AT_ONCE = 2;
/** For one run of one file's tests. */
const TIME_LIMIT_MS = 240_000;

type Verdict =
  /** Its test fails without it, as it should. */
  | { readonly type: "fails" }
  | { readonly type: "passes" }
  /** Nothing is known of it. */
  | { readonly type: "unknown"; readonly why: string };

const WORDS = { fails: "fails ", passes: "PASSES", unknown: "????  " } as const;

/** `only=word,word`: the rows that have one of these words anywhere. */
const words = (process.argv.find((word) => word.startsWith("only=")) ?? "only=")
  .slice("only=".length)
  .split(",");
const wanted = DEFENCES.filter((row) => {
  const text = JSON.stringify(row).toLowerCase();
  return words.some((word) => text.includes(word.toLowerCase()));
});

const copies = await Promise.all(Array.from({ length: AT_ONCE }, copyOfRepository));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const { path } of copies) rmSync(path, { recursive: true, force: true });
    process.exit(130);
  });
}
try {
  const passing = await passingBefore(wanted);
  const verdicts = await each(wanted, async (row, copy) => {
    const verdict = await judge(row, copy, passing);
    console.log(`${WORDS[verdict.type]}  ${row.threat} / ${row.defence}${detailOf(row, verdict)}`);
    return verdict;
  });
  const count = (type: Verdict["type"]) => verdicts.filter((verdict) => verdict.type === type).length;
  const [fail, pass, unknown] = [count("fails"), count("passes"), count("unknown")];
  console.log(
    `\n${verdicts.length} defences: the tests of ${fail} fail without them, of ${pass} they pass, and ${unknown} could not be tried`,
  );
  if (fail < verdicts.length || fail === 0) process.exitCode = 1;
} finally {
  await Promise.all(copies.map((copy) => copy.remove()));
}

/** The rows whose test passes with its defence, as far as one run of each file shows. */
async function passingBefore(rows: readonly Defence[]): Promise<ReadonlySet<Defence>> {
  const files = Map.groupBy(rows, ({ test }) => test);
  console.log(`${rows.length} defences; first the tests of ${files.size} files with all of them there`);
  const passing = await each([...files], async ([test, ofFile], copy) => {
    const names = ofFile.map(({ name }) => name);
    const result = await runTests(copy.path, test, names, TIME_LIMIT_MS);
    return ofFile.filter(({ name }) => passes(result, name));
  });
  return new Set(passing.flat());
}

function passes(result: Result, name: string): boolean {
  if (result.type === "broken") return false;
  const own = result.tests.filter(({ fullName }) => new RegExp(patternOf(name), "s").test(fullName));
  return own.length > 0 && own.every(({ status }) => status === "passed");
}

async function judge(row: Defence, copy: Copy, passing: ReadonlySet<Defence>): Promise<Verdict> {
  const run = () => runTests(copy.path, row.test, [row.name], TIME_LIMIT_MS);
  // Among all the others of its file it may have been too slow.
  if (!passing.has(row) && !passes(await run(), row.name))
    return { type: "unknown", why: "its test does not pass with its defence either" };
  try {
    const result = await copy.during(row, run);
    if (result.type === "broken") return { type: "unknown", why: result.why };
    return { type: result.tests.some(({ status }) => status === "failed") ? "fails" : "passes" };
  } catch (error) {
    return { type: "unknown", why: String(error) };
  }
}

/** Does this for each of them, in each copy one after another. */
async function each<T, R>(all: readonly T[], act: (one: T, copy: Copy) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = all.entries();
  const work = async (copy: Copy): Promise<void> => {
    for (const [i, one] of left) results[i] = await act(one, copy);
  };
  await Promise.all(copies.map(work));
  return results;
}

function detailOf({ test, name }: Defence, verdict: Verdict): string {
  if (verdict.type === "fails") return "";
  return `\n        ${test}: ${name}${verdict.type === "unknown" ? `\n        ${verdict.why}` : ""}`;
}
