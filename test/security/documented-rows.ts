import { readFileSync } from "node:fs";

/** The documents that say of threats and faults which tests show what is done about them. */
export const DOCUMENTS = ["docs/security.md", "docs/operations.md"];

/** A threat or fault, and the cell that names its tests. */
export interface DocumentedRow {
  readonly what: string;
  readonly tests: string;
}

/** The rows of all tables of a document whose last column is one of tests. */
export function documentedRows(path: string): DocumentedRow[] {
  const rows: DocumentedRow[] = [];
  let named = false;
  for (const line of readFileSync(new URL(`../../${path}`, import.meta.url), "utf8").split("\n")) {
    const cells = line.startsWith("|") ? line.split("|").slice(1, -1) : [];
    const [what = "", tests = ""] = [cells[0]?.trim(), cells.at(-1)?.trim()];
    if (cells.length === 0) named = false;
    else if (/^tests?\b/.test(tests)) named = true;
    else if (named && !/^-+$/.test(what)) rows.push({ what, tests });
  }
  return rows;
}
