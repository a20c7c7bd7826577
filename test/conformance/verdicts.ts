import { SET_UP_NAMES, type SetUpName } from "./set-ups.ts";
import type { Kind, RawResults, Section, SuiteTest } from "./suite.ts";

/** `unmet`: the test itself passed, but says nothing, since one that it depends on did not pass. */
export type Verdict = "pass" | "fail" | "unmet";

export interface Judged extends SuiteTest {
  readonly section: string;
  readonly verdicts: Readonly<Record<SetUpName, Verdict>>;
  /** What the suite said where it did not pass. */
  readonly messages: Readonly<Partial<Record<SetUpName, string>>>;
}

/** Every test with what came of it, in the suite's order. Throws when a test did not run. */
export function judge(
  sections: readonly Section[],
  measured: Readonly<Record<SetUpName, RawResults>>,
): Judged[] {
  const tests = new Map(sections.flatMap((section) => section.tests.map((test) => [test.id, test])));
  return sections.flatMap((section) =>
    section.tests.map((test) => {
      const verdicts = {} as Record<SetUpName, Verdict>;
      const messages: Partial<Record<SetUpName, string>> = {};
      for (const name of SET_UP_NAMES) {
        const verdict = verdictOf(test, tests, measured[name]);
        verdicts[name] = verdict;
        const raw = measured[name][test.id];
        if (verdict === "unmet") messages[name] = `needs ${test.dependsOn.join(" and ")}`;
        else if (raw !== true && raw !== undefined) messages[name] = `${raw[0]}: ${raw[1]}`;
      }
      return { ...test, section: section.id, verdicts, messages };
    }),
  );
}

/** As the suite's own pages judge it: dependencies count with theirs. */
function verdictOf(test: SuiteTest, tests: ReadonlyMap<string, SuiteTest>, results: RawResults): Verdict {
  const result = results[test.id];
  if (result === undefined) throw new Error(`the suite has no result for ${test.id}`);
  if (result !== true) return "fail";
  const met = test.dependsOn.every((id) => {
    const needed = tests.get(id);
    return needed !== undefined && verdictOf(needed, tests, results) === "pass";
  });
  return met ? "pass" : "unmet";
}

/** How many tests of a kind there are, and how many pass. */
export function passes(
  judged: readonly Judged[],
  kind: Kind,
  setUp: SetUpName,
): { readonly passed: number; readonly all: number } {
  const ofKind = judged.filter((test) => test.kind === kind);
  return { passed: ofKind.filter((test) => test.verdicts[setUp] === "pass").length, all: ofKind.length };
}
