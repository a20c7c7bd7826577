import { type Expected, reasonFor } from "./expectations.ts";
import { PEERS, PEERS_SUITE } from "./peers.ts";
import { SET_UP_NAMES, SET_UPS, type SetUpName } from "./set-ups.ts";
import { KINDS, type Kind, type Section, SUITE_VERSION } from "./suite.ts";
import { type Judged, passes, type Verdict } from "./verdicts.ts";

export const DOCUMENT_FILE = new URL("../../docs/conformance.md", import.meta.url);

const MARKS: Readonly<Record<Verdict, string>> = { pass: "✓", fail: "✗", unmet: "○" };
const ANSWERS: Readonly<Record<Verdict, string>> = { pass: "yes", fail: "no", unmet: "○" };
const count = (judged: readonly Judged[], kind: Kind, setUp: SetUpName): string => {
  const { passed, all } = passes(judged, kind, setUp);
  return `${passed} of ${all}`;
};
const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const cell = (text: string): string => text.replaceAll("|", "\\|");

/** docs/conformance.md: stable, as long as the results are. */
export function conformanceDocument(
  sections: readonly Section[],
  judged: readonly Judged[],
  expected: Expected,
): string {
  return [
    "# Conformance",
    `<!-- Written by \`make conformance\`; what is changed here by hand is lost. -->
The field's own survey of HTTP caches, [cache-tests.fyi](https://cache-tests.fyi), comes as the package
\`http-cache-tests\`. \`make conformance\` runs version ${SUITE_VERSION} of it, the newest one on the registry, against the
proxy with a real Redis, and \`make test\` fails when any result is not the one that is written here.`,
    "## Passes",
    passesTable(judged),
    SET_UPS.map(({ name, title }) => `- **${name}**: ${title}`).join("\n"),
    `\`required\` tests follow from the RFCs' requirements, \`optimal\` ones make a cache a good one, and a \`check\` only asks
what a cache does: no answer to it is wrong.`,
    "## Beside others",
    peersText(),
    "## What does not pass, and why",
    reasonsTable(judged, expected),
    "## Every test",
    `✓ passes, ✗ does not, ○ passes but says nothing, since a test that it depends on does not pass. Checks say what Freshline
does: yes or no.`,
    ...sections.map((section) => sectionTable(section, judged)),
  ]
    .map((part) => part.trim())
    .join("\n\n")
    .concat("\n");
}

function passesTable(judged: readonly Judged[]): string {
  const lines = [row("", ...KINDS), row("---", ...KINDS.map(() => "---"))];
  for (const name of SET_UP_NAMES) lines.push(row(name, ...KINDS.map((kind) => count(judged, kind, name))));
  return lines.join("\n");
}

function peersText(): string {
  const lines = [row("published", "required", "optimal"), row("---", "---", "---")];
  for (const { name, required, optimal } of PEERS) {
    lines.push(row(name, `${required} of ${PEERS_SUITE.required}`, `${optimal} of ${PEERS_SUITE.optimal}`));
  }
  return `${lines.join("\n")}

These figures and those above are not of the same suite. The survey's is newer than the package: it has tests that the
package lacks (targeted fields, interim responses, \`must-understand\` and more), it turned some required tests into checks,
and it corrected some whose expectation contradicts RFC 9111. What Freshline does in the tests that the package lacks is in
\`test/conformance/beyond-the-package.test.ts\`; they are not counted here.`;
}

function reasonsTable(judged: readonly Judged[], expected: Expected): string {
  const lines = [row("test", "kind", "where", "why"), row("---", "---", "---", "---")];
  for (const { id, kind, verdicts } of judged) {
    if (kind === "check") continue;
    const where = new Map<string, SetUpName[]>();
    for (const setUp of SET_UP_NAMES) {
      if (verdicts[setUp] === "pass") continue;
      const reason = reasonFor(expected, id, setUp) ?? "not listed";
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
  const lines = [row("test", "kind", ...SET_UP_NAMES), row("---", "---", ...SET_UP_NAMES.map(() => "---"))];
  for (const { id, kind, verdicts } of judged.filter((test) => test.section === section)) {
    const marks = kind === "check" ? ANSWERS : MARKS;
    lines.push(row(`\`${id}\``, kind, ...SET_UP_NAMES.map((setUp) => marks[verdicts[setUp]])));
  }
  return `### ${name}\n\n${lines.join("\n")}`;
}
