import type { Expected } from "./expectations.ts";
import type { Measured, Measurement } from "./measure.ts";
import { SET_UP_NAMES, type SetUpName } from "./set-ups.ts";
import type { RawResults, Section } from "./suite.ts";
import { isByRow, surveyResults, surveySections } from "./survey.ts";
import { type Judged, judge } from "./verdicts.ts";

/** One suite with what came of it, and why what does not pass does not. */
export interface SuiteResults {
  readonly sections: readonly Section[];
  readonly judged: readonly Judged[];
  readonly expected: Expected;
}

export interface Results {
  /** The survey's current suite. */
  readonly survey: SuiteResults;
  /** The package, as it is on the registry. */
  readonly ofPackage: SuiteResults;
}

/** expected.json: the package's reasons hold for the survey where its tests are the package's. */
export interface Reasons {
  readonly package: Expected;
  /** Of the tests that rows of ours stand for. */
  readonly survey: Expected;
}

export function resultsOf(sections: readonly Section[], measured: Measured, reasons: Reasons): Results {
  const bySetUp = (raw: (measurement: Measurement) => RawResults) =>
    Object.fromEntries(SET_UP_NAMES.map((name) => [name, raw(measured[name])])) as Record<
      SetUpName,
      RawResults
    >;
  const current = surveySections(sections);
  const asked = new Set(
    current.flatMap(({ tests }) => tests.filter(({ kind }) => kind !== "check").map(({ id }) => id)),
  );
  const inherited = Object.entries(reasons.package).filter(([id]) => asked.has(id) && !isByRow(id));
  return {
    survey: {
      sections: current,
      judged: judge(
        current,
        bySetUp(({ ofPackage, ofRows }) => surveyResults(ofPackage, ofRows)),
      ),
      expected: { ...Object.fromEntries(inherited), ...reasons.survey },
    },
    ofPackage: {
      sections,
      judged: judge(
        sections,
        bySetUp(({ ofPackage }) => ofPackage),
      ),
      expected: reasons.package,
    },
  };
}
