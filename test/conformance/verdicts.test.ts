import { describe, expect, it } from "vitest";
import { differences, type Expected } from "./expectations.ts";
import { SET_UP_NAMES, type SetUpName } from "./set-ups.ts";
import type { Kind, RawResult, RawResults, Section } from "./suite.ts";
import { judge } from "./verdicts.ts";

const FAILED: RawResult = ["Assertion", "Response 2 comes from cache"];

const test = (id: string, kind: Kind = "required", ...dependsOn: string[]) => ({ id, kind, dependsOn });
const SECTIONS: readonly Section[] = [
  {
    id: "one",
    name: "One",
    tests: [test("base"), test("next", "optimal", "base"), test("last", "required", "next")],
  },
  { id: "two", name: "Two", tests: [test("asks", "check")] },
];

/** The same results in every set-up. */
const everywhere = (results: RawResults) => judge(SECTIONS, everySetUp(results));

const ALL = { base: true, next: true, last: true, asks: true } as const;

describe("judging a run", () => {
  it("passes what passes with everything it depends on", () => {
    expect(everywhere(ALL).map(({ verdicts }) => verdicts.memory)).toEqual(["pass", "pass", "pass", "pass"]);
  });

  it("does not count what depends on a failed test, however far away", () => {
    const judged = everywhere({ ...ALL, base: FAILED });
    expect(judged.map(({ id, verdicts }) => [id, verdicts.redis])).toEqual([
      ["base", "fail"],
      ["next", "unmet"],
      ["last", "unmet"],
      ["asks", "pass"],
    ]);
    expect(judged[0]?.messages.redis).toBe("Assertion: Response 2 comes from cache");
  });

  it("misses no result", () => {
    expect(() => everywhere({ base: true, next: true, last: true })).toThrow("no result for asks");
  });
});

describe("differences from what is expected", () => {
  it("are none when the failures are those that are listed", () => {
    const judged = everywhere({ ...ALL, last: FAILED, asks: FAILED });
    expect(differences(judged, { last: "RFC 9111 §1" })).toEqual([]);
  });

  it("are failures that are not listed, in every set-up", () => {
    const found = differences(everywhere({ ...ALL, last: FAILED }), {});
    expect(found).toEqual(
      SET_UP_NAMES.map((name) => expect.stringMatching(`^${name}: last .required. does not`)),
    );
  });

  it("are passes that are listed, in the set-ups where they are", () => {
    expect(differences(everywhere(ALL), { base: { honour: "§2", rfc: "§3" } })).toEqual([
      "honour: base passes, and is listed as not passing",
      "rfc: base passes, and is listed as not passing",
    ]);
  });

  it("are ids, kinds, set-ups and reasons that cannot be", () => {
    const judged = everywhere({ ...ALL, base: FAILED, next: FAILED, last: FAILED, asks: FAILED });
    const reason = "§1";
    const expected = { base: " ", next: reason, last: reason, asks: reason, gone: reason };
    expect(differences(judged, expected).sort()).toEqual([
      "asks is listed, and is a check",
      "base is listed without a reason",
      "gone is listed, and is not in the suite",
    ]);
    const elsewhere = {
      base: reason,
      next: reason,
      last: { ...everySetUp(reason), moon: reason },
    } as Expected;
    expect(differences(judged, elsewhere)).toEqual(["last is listed for moon, and there is no such set-up"]);
  });
});

function everySetUp<T>(value: T) {
  return Object.fromEntries(SET_UP_NAMES.map((name) => [name, value])) as Record<SetUpName, T>;
}
