import { type Expected, reasonFor } from "./expectations.ts";
import { PEERS, PEERS_SUITE } from "./peers.ts";
import { SET_UP_NAMES, SET_UPS } from "./set-ups.ts";
import { KINDS, SUITE_VERSION } from "./suite.ts";
import { type Judged, passes } from "./verdicts.ts";

const NAME_WIDTH = 52;
const FIGURE_WIDTH = 10;

const line = (name: string, figures: readonly string[]): string =>
  `${name.replaceAll("`", "").padEnd(NAME_WIDTH)}${figures.map((text) => text.padStart(FIGURE_WIDTH)).join("")}`;

/** What `make conformance` prints. */
export function summary(judged: readonly Judged[], expected: Expected): string {
  const lines = [line(`http-cache-tests ${SUITE_VERSION}`, KINDS)];
  for (const { name, title } of SET_UPS) {
    const figures = KINDS.map((kind) => {
      const { passed, all } = passes(judged, kind, name);
      return `${passed}/${all}`;
    });
    lines.push(line(`${name}: ${title}`, figures));
  }
  lines.push("", line("published, of a newer suite with other tests", ["required", "optimal"]));
  for (const { name, required, optimal } of PEERS) {
    lines.push(line(name, [`${required}/${PEERS_SUITE.required}`, `${optimal}/${PEERS_SUITE.optimal}`]));
  }
  const why = reasons(judged, expected);
  lines.push("", why.size === 0 ? "Every required and optimal test passes." : "What does not pass, and why:");
  for (const [reason, ids] of why) lines.push("", `  ${reason}`, ...ids.map((id) => `    ${id}`));
  return lines.join("\n");
}

/** The required and optimal tests that do not pass, by reason. */
function reasons(judged: readonly Judged[], expected: Expected): ReadonlyMap<string, readonly string[]> {
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
