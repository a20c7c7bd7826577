import { writeFileSync } from "node:fs";
import { conformanceDocument, DOCUMENT_FILE } from "./document.ts";
import { differences, readExpected } from "./expectations.ts";
import { measure } from "./measure.ts";
import { loadSections } from "./suite.ts";
import { summary } from "./summary.ts";
import { judge } from "./verdicts.ts";

// `make conformance`: measures, prints, writes docs/conformance.md, and fails when expected.json says otherwise.

const sections = await loadSections();
const judged = judge(sections, await measure());
const expected = readExpected();
console.log(summary(judged, expected));
writeFileSync(DOCUMENT_FILE, conformanceDocument(sections, judged, expected));
const found = differences(judged, expected);
if (found.length > 0) {
  console.log(
    `\nnot as test/conformance/expected.json says:\n${found.map((text) => `  ${text}`).join("\n")}`,
  );
  process.exitCode = 1;
}
