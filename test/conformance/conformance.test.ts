import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { conformanceDocument, DOCUMENT_FILE } from "./document.ts";
import { differences, readExpected } from "./expectations.ts";
import { measure } from "./measure.ts";
import { KINDS, loadSections, type Section, SUITE_VERSION } from "./suite.ts";
import { type Judged, judge, passes } from "./verdicts.ts";

describe("http-cache-tests against the proxy and a real Redis", () => {
  let sections: readonly Section[];
  let judged: readonly Judged[];

  beforeAll(async () => {
    sections = await loadSections();
    judged = judge(sections, await measure());
  }, 240_000);

  it("is the version that the results speak of, whole", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(manifest.devDependencies["http-cache-tests"]).toBe(SUITE_VERSION);
    const sizes = KINDS.map((kind) => passes(judged, kind, "memory").all);
    expect(Object.fromEntries(KINDS.map((kind, i) => [kind, sizes[i]]))).toEqual({
      required: 157,
      optimal: 86,
      check: 86,
    });
  });

  it("gives the results that expected.json lists, with their reasons", () => {
    expect(differences(judged, readExpected())).toEqual([]);
  });

  it("gives the results that docs/conformance.md shows; `make conformance` writes it", () => {
    expect(readFileSync(DOCUMENT_FILE, "utf8")).toBe(conformanceDocument(sections, judged, readExpected()));
  });
});
