import { reasonFor } from "./expectations.ts";
import { PEERS, PEERS_SUITE } from "./peers.ts";
import type { Results, SuiteResults } from "./results.ts";
import { SET_UP_NAMES, SET_UPS, type SetUpName } from "./set-ups.ts";
import { KINDS, type Kind, type Section, SUITE_VERSION } from "./suite.ts";
import { isByRow, SURVEY } from "./survey.ts";
import { type Judged, passes, type Verdict } from "./verdicts.ts";

export const DOCUMENT_FILE = new URL("../../docs/conformance.md", import.meta.url);

const MARKS: Readonly<Record<Verdict, string>> = { pass: "✓", fail: "✗", unmet: "○" };
const ANSWERS: Readonly<Record<Verdict, string>> = { pass: "yes", fail: "no", unmet: "○" };
const ASKED = ["required", "optimal"] as const;
const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const heads = (...cells: readonly string[]): string[] => [row(...cells), row(...cells.map(() => "---"))];
const cell = (text: string): string => text.replaceAll("|", "\\|");

/** docs/conformance.md: stable, as long as the results are. */
export function conformanceDocument({ survey, ofPackage }: Results): string {
  return [
    "# Conformance",
    `<!-- Written by \`make conformance\`; what is changed here by hand is lost. -->
${introduction(survey.judged)}`,
    "## Passes",
    [
      ...heads("the survey's current suite", ...ASKED),
      ...passesRows(survey.judged, ASKED, (name) => `**Freshline**, ${name}`),
      ...PEERS.map(({ name, required, optimal }) =>
        row(name, `${required} of ${PEERS_SUITE.required}`, `${optimal} of ${PEERS_SUITE.optimal}`),
      ),
    ].join("\n"),
    SET_UPS.map(({ name, title }) => `- **${name}**: ${title}`).join("\n"),
    `The others' figures are those that the survey publishes. \`required\` tests follow from the RFCs' requirements, \`optimal\`
ones make a cache a good one, and a \`check\` only asks what a cache does: no answer to it is wrong.`,
    "## What does not pass, and why",
    reasonsTable(survey),
    "## The package",
    `${SUITE_VERSION} is the newest version on the registry. Some of its expectations contradict RFC 9111, and the survey has
corrected them since.`,
    [...heads(`http-cache-tests ${SUITE_VERSION}`, ...KINDS), ...passesRows(ofPackage.judged, KINDS)].join(
      "\n",
    ),
    `What does not pass of it, beside what is said above:`,
    reasonsTable(ofPackage, survey),
    "## Every test",
    `✓ passes, ✗ does not, ○ passes but is not counted, since a test that it depends on does not pass. Checks say what Freshline
does: yes or no. The ${checksNotPlayed(survey.judged)} checks that the survey has added since the package are not played.`,
    ...survey.sections.map((section) => sectionTable(section, survey.judged)),
  ]
    .map((part) => part.trim())
    .join("\n\n")
    .concat("\n");
}

function introduction(judged: readonly Judged[]): string {
  const count = (kind: Kind, byRow: boolean) =>
    judged.filter((test) => test.kind === kind && isByRow(test.id) === byRow).length;
  return `The field's own survey of HTTP caches, [cache-tests.fyi](https://cache-tests.fyi), has ${SURVEY.required} required and ${SURVEY.optimal}
optimal tests for proxies, and ${SURVEY.check} checks, in its current suite (commit ${SURVEY.commit}, ${SURVEY.date}). That suite is not on
the registry; the package \`http-cache-tests\` ${SUITE_VERSION} is older. \`make conformance\` plays, against the proxy with a real Redis:

- the package as it is, with its own client and its own origin. ${count("required", false)} of the required and ${count("optimal", false)} of the optimal tests
  are still what they are there: the same requests and the same expectations, whatever made their responses fresh;
- rows of our own for the other ${count("required", true)} and ${count("optimal", true)}, which the survey has added or changed since. They are written from the RFCs and
  named by the survey's ids; \`test/conformance/survey.ts\` lists them.

\`make test\` fails when any result is not the one that is written here.`;
}

const checksNotPlayed = (judged: readonly Judged[]): number =>
  SURVEY.check - judged.filter(({ kind }) => kind === "check").length;

function passesRows(
  judged: readonly Judged[],
  kinds: readonly Kind[],
  title: (setUp: SetUpName) => string = (name) => name,
): string[] {
  return SET_UP_NAMES.map((name) => {
    const cells = kinds.map((kind) => {
      const { passed, all } = passes(judged, kind, name);
      return `${passed} of ${all}`;
    });
    return row(title(name), ...cells);
  });
}

/** What does not pass, where and why; without what another table says in the same words. */
function reasonsTable({ judged, expected }: SuiteResults, said?: SuiteResults): string {
  const lines = heads("test", "kind", "where", "why");
  for (const { id, kind, verdicts } of judged) {
    if (kind === "check") continue;
    const where = new Map<string, SetUpName[]>();
    for (const setUp of SET_UP_NAMES) {
      if (verdicts[setUp] === "pass") continue;
      const reason = reasonFor(expected, id, setUp) ?? "not listed";
      if (said !== undefined && reasonFor(said.expected, id, setUp) === reason) continue;
      where.set(reason, [...(where.get(reason) ?? []), setUp]);
    }
    for (const [reason, setUps] of where) {
      const named = setUps.length === SET_UP_NAMES.length ? "everywhere" : setUps.join(", ");
      lines.push(row(`\`${id}\``, kind, named, cell(reason)));
    }
  }
  return lines.length === 2 ? "Everything passes." : lines.join("\n");
}

function sectionTable({ id: section, name }: Section, judged: readonly Judged[]): string {
  const lines = heads("test", "kind", "played by", ...SET_UP_NAMES);
  for (const { id, kind, verdicts } of judged.filter((test) => test.section === section)) {
    const marks = kind === "check" ? ANSWERS : MARKS;
    const by = isByRow(id) ? "a row" : "the package";
    lines.push(row(`\`${id}\``, kind, by, ...SET_UP_NAMES.map((setUp) => marks[verdicts[setUp]])));
  }
  return `### ${name}\n\n${lines.join("\n")}`;
}
