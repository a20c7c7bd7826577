import { reasonFor } from "./expectations.ts";
import { PEERS, PEERS_SUITE } from "./peers.ts";
import type { Results, SuiteResults } from "./results.ts";
import { SET_UP_NAMES, SET_UPS } from "./set-ups.ts";
import { KINDS, type Kind, SUITE_VERSION } from "./suite.ts";
import { SURVEY } from "./survey.ts";
import { type Judged, passes } from "./verdicts.ts";

const NAME_WIDTH = 64;
const FIGURE_WIDTH = 10;

const line = (name: string, figures: readonly string[]): string =>
  `${name.replaceAll("`", "").padEnd(NAME_WIDTH)}${figures.map((text) => text.padStart(FIGURE_WIDTH)).join("")}`;

const figures = (judged: readonly Judged[], kinds: readonly Kind[]): string[] =>
  SET_UPS.map(({ name, title }) => {
    const cells = kinds.map((kind) => {
      const { passed, all } = passes(judged, kind, name);
      return `${passed}/${all}`;
    });
    return line(`  ${name}: ${title}`, cells);
  });

/** What `make conformance` prints. */
export function summary({ survey, ofPackage }: Results): string {
  const asked = ["required", "optimal"] as const;
  const why = reasons(survey);
  return [
    line(`the survey's suite of ${SURVEY.date}`, asked),
    ...figures(survey.judged, asked),
    line("published by the survey", []),
    ...PEERS.map(({ name, required, optimal }) =>
      line(`  ${name}`, [`${required}/${PEERS_SUITE.required}`, `${optimal}/${PEERS_SUITE.optimal}`]),
    ),
    "",
    line(`http-cache-tests ${SUITE_VERSION}, the older package on the registry`, KINDS),
    ...figures(ofPackage.judged, KINDS),
    "",
    why.size === 0
      ? "Every required and optimal test of the survey's suite passes."
      : "What does not pass of the survey's suite, and why:",
    ...[...why].flatMap(([reason, ids]) => ["", `  ${reason}`, ...ids.map((id) => `    ${id}`)]),
  ].join("\n");
}

/** The required and optimal tests that do not pass, by reason. */
function reasons({ judged, expected }: SuiteResults): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { id, kind, verdicts } of judged) {
    if (kind === "check") continue;
    const where = new Map<string, string[]>();
    for (const setUp of SET_UP_NAMES) {
      if (verdicts[setUp] === "pass") continue;
      const reason = reasonFor(expected, id, setUp) ?? "Not listed in test/conformance/expected.json.";
      where.set(reason, [...(where.get(reason) ?? []), setUp]);
    }
    for (const [reason, setUps] of where) {
      const named = setUps.length === SET_UP_NAMES.length ? "" : ` (${setUps.join(", ")})`;
      found.set(reason, [...(found.get(reason) ?? []), `${kind} ${id}${named}`]);
    }
  }
  return found;
}
