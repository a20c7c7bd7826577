import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { METRICS, type MetricRow, WORKER_METRICS } from "../src/observe/metric-table.ts";
import { withTable } from "./settings-table.ts";

const row = ({ name, kind, labels, help }: MetricRow): string =>
  `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(" ")} | ${help.replaceAll("|", "\\|")} |`;

/** The metrics of our own as a Markdown table. */
export function metricsTable(): string {
  const rows: readonly MetricRow[] = [...Object.values(METRICS), ...Object.values(WORKER_METRICS)];
  return ["| metric | kind | labels | what it says |", "|---|---|---|---|", ...rows.map(row)].join("\n");
}

/** The document with that table between its markers. */
export const withMetricsTable = (document: string): string => withTable(document, metricsTable(), "metrics");

const started = process.argv[1];
if (started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url)) {
  const path = process.argv[2] ?? "docs/operations.md";
  writeFileSync(path, withMetricsTable(readFileSync(path, "utf8")));
}
