import { describe, expect, it } from "vitest";
import { finding, limitBar, percentile, ratioBar } from "../../bench/row.ts";
import { markdown, type Ran, terminalTable } from "../../bench/table.ts";

const findings = [finding("ours", [30, 10, 20]), finding("theirs", [40, 10])];

describe("a finding", () => {
  it("is the median of its rounds, between the least and the most", () => {
    expect(findings).toEqual([
      { who: "ours", value: 20, least: 10, most: 30 },
      { who: "theirs", value: 25, least: 10, most: 40 },
    ]);
  });
});

describe("a percentile", () => {
  it("is the value that so many of all do not exceed, and none where there are no values", () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([100, 198, 200]);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.99)).toBeNaN();
  });
});

describe("a bar", () => {
  it("is met up to the ratio itself, and not beyond it", () => {
    expect(ratioBar(findings, "ours", 0.8, "theirs")).toEqual([
      { text: "ours ≤ 0.8 × theirs: 0.80", met: true },
    ]);
    expect(ratioBar(findings, "ours", 0.79, "theirs")[0]?.met).toBe(false);
    expect([limitBar("", 20, 20, "ms").met, limitBar("", 20.1, 20, "ms").met]).toEqual([true, false]);
  });

  it("is not there when one of the two was not measured", () => {
    expect(ratioBar(findings, "ours", 1, "nobody")).toEqual([]);
  });
});

describe("a table", () => {
  const row = { name: "hit", question: "What?", run: () => Promise.reject(new Error("not in this test")) };
  const answer = {
    unit: "µs",
    findings,
    bars: ratioBar(findings, "ours", 0.5, "theirs"),
    setUps: ["ours --fast"],
    notes: ["nobody: not installed"],
  };
  const ran: Ran[] = [
    { row, answer },
    { row: { ...row, name: "other" }, answer: { failed: "it broke" } },
  ];

  it("has each value, its spread, its ratio to the first, the bars and who is missing", () => {
    const text = terminalTable({ row, answer });
    expect(text).toMatch(/theirs +25\.0 +10\.0 – 40\.0 +1\.25/);
    expect(text).toContain("NOT MET: ours ≤ 0.5 × theirs: 0.80");
    expect(text).toContain("nobody: not installed");
  });

  it("says why there is none", () => {
    expect(ran.map(terminalTable)[1]).toContain("not measured: it broke");
  });

  it("is written with the machine, the command and how everything was started", () => {
    const text = markdown("today", ["a machine"], "make bench", ran);
    for (const part of [
      "- a machine",
      "`make bench`",
      "| theirs | 25.0 |",
      "Not measured: it broke",
      "ours --fast",
    ])
      expect(text).toContain(part);
  });
});
