import { describe, expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { play } from "./exchanges.ts";
import { ROWS } from "./rows.ts";
import { SET_UPS } from "./set-ups.ts";
import { loadSections } from "./suite.ts";
import { isByRow, SURVEY, SURVEY_ROWS, surveySections } from "./survey.ts";

// Those that stand for a test of the survey are played by `make conformance` as well, which counts them.

const redis = await redisOfFile();

describe.each(SET_UPS)("$name", ({ name, settings }) => {
  describe.each(Object.entries(ROWS))("%s", (_, rows) => {
    it.each(rows.map((row) => [`${row.name} (${row.clause})`, row] as const))("%s", async (_, row) => {
      const shared = { REDIS_URL: redis.url, CACHE_NAMESPACE: name, REDIS_COMMAND_TIMEOUT: "10s" };
      await play(row, { ...(name === "memory" ? {} : shared), ...settings });
    });
  });
});

describe("the survey's current suite", () => {
  it("has as many tests as the survey publishes", async () => {
    const tests = surveySections(await loadSections()).flatMap((section) => section.tests);
    const count = (kind: string) => tests.filter((test) => test.kind === kind).length;
    expect([count("required"), count("optimal")]).toEqual([SURVEY.required, SURVEY.optimal]);
    expect(new Set(tests.map(({ id }) => id)).size).toBe(tests.length);
  });

  it("has one row of ours for every test that the package does not have as it is now", async () => {
    const tests = surveySections(await loadSections()).flatMap((section) => section.tests);
    const wanted = tests.map(({ id }) => id).filter(isByRow);
    expect([...SURVEY_ROWS.keys()].sort()).toEqual(wanted.sort());
    const named = Object.values(ROWS)
      .flat()
      .filter((row) => row.survey !== undefined);
    expect(named.length).toBe(SURVEY_ROWS.size);
  });

  it("depends on nothing that it does not have", async () => {
    const tests = surveySections(await loadSections()).flatMap((section) => section.tests);
    const ids = new Set(tests.map(({ id }) => id));
    expect(tests.flatMap(({ dependsOn }) => dependsOn).filter((id) => !ids.has(id))).toEqual([]);
  });
});
