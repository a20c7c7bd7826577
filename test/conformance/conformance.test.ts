import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { conformanceDocument, DOCUMENT_FILE } from "./document.ts";
import { differences, readReasons } from "./expectations.ts";
import { measure } from "./measure.ts";
import { type Results, resultsOf } from "./results.ts";
import { KINDS, loadSections, SUITE_VERSION } from "./suite.ts";
import { passes } from "./verdicts.ts";

describe("the survey's tests against the proxy and a real Redis", () => {
  let results: Results;

  beforeAll(async () => {
    results = resultsOf(await loadSections(), await measure(), readReasons());
  }, 240_000);

  it("is the package that the results speak of, whole", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(manifest.devDependencies["http-cache-tests"]).toBe(SUITE_VERSION);
    const sizes = KINDS.map((kind) => [kind, passes(results.ofPackage.judged, kind, "memory").all]);
    expect(Object.fromEntries(sizes)).toEqual({ required: 157, optimal: 86, check: 86 });
  });

  it("gives the results that expected.json lists, with their reasons", () => {
    const { survey, ofPackage } = results;
    expect(differences(survey.judged, survey.expected)).toEqual([]);
    expect(differences(ofPackage.judged, ofPackage.expected)).toEqual([]);
  });

  it("gives the results that docs/conformance.md shows; `make conformance` writes it", () => {
    expect(readFileSync(DOCUMENT_FILE, "utf8")).toBe(conformanceDocument(results));
  });
});
