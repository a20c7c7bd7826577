import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Treatment, UNKEYED } from "../src/policy/unkeyed.ts";
import { withTable } from "./settings-table.ts";

const WORDS: Readonly<Record<Treatment, string>> = {
  stripped: "stripped",
  "stripped-if-safe": "stripped from GET and HEAD; other methods' answers are not stored",
  keyed: "keyed",
  alone: "passed; not stored unless `Vary` names it",
  credential: "passed; not stored unless the answer says that it is for all, or `Vary` names it",
  cookie: "passed; no disguise is stored",
  "as-vary-says": "passed; keyed where `Vary` names it",
};

/** The table of src/policy/unkeyed.ts in Markdown. */
export function unkeyedTable(): string {
  const rows = UNKEYED.map(
    ({ fields, treatment, because }) =>
      `| ${fields.map((name) => `\`${name}\``).join(", ")} | ${WORDS[treatment]} | ${because} |`,
  );
  return ["| request fields | what becomes of them | why |", "|---|---|---|", ...rows].join("\n");
}

/** The document with that table between its markers. */
export const withUnkeyedTable = (document: string): string => withTable(document, unkeyedTable(), "unkeyed");

const started = process.argv[1];
if (started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url)) {
  const path = process.argv[2] ?? "docs/security.md";
  writeFileSync(path, withUnkeyedTable(readFileSync(path, "utf8")));
}
