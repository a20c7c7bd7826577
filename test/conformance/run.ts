import { writeFileSync } from "node:fs";
import { conformanceDocument, DOCUMENT_FILE } from "./document.ts";
import { differences, readReasons } from "./expectations.ts";
import { measure } from "./measure.ts";
import { resultsOf } from "./results.ts";
import { loadSections } from "./suite.ts";
import { summary } from "./summary.ts";

// `make conformance`: measures, prints, writes docs/conformance.md, and fails when expected.json says otherwise.

const results = resultsOf(await loadSections(), await measure(), readReasons());
console.log(summary(results));
writeFileSync(DOCUMENT_FILE, conformanceDocument(results));
const { survey, ofPackage } = results;
const found = [
  ...differences(survey.judged, survey.expected).map((text) => `the survey, ${text}`),
  ...differences(ofPackage.judged, ofPackage.expected).map((text) => `the package, ${text}`),
];
if (found.length > 0) {
  console.log(
    `\nnot as test/conformance/expected.json says:\n${found.map((text) => `  ${text}`).join("\n")}`,
  );
  process.exitCode = 1;
}
