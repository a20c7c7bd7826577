import type { Finding, Row, RowAnswer } from "./row.ts";

/** A row that was run: its answer, or why there is none. */
export interface Ran {
  readonly row: Row;
  readonly answer: RowAnswer | { readonly failed: string };
}

const HEADINGS = ["", "median", "least – most", "× the first", "beside"];

/** One row as lines for a terminal. */
export function terminalTable({ row, answer }: Ran): string {
  const heading = `${row.name}: ${row.question}`;
  if ("failed" in answer) return `${heading}\n  not measured: ${answer.failed}\n`;
  const cells = [
    HEADINGS.with(1, answer.unit),
    ...answer.findings.map((each) => cellsOf(each, answer.findings)),
  ];
  const widths = HEADINGS.map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return [
    heading,
    ...lines.map((line) => `  ${line}`),
    ...remarks(answer).map((line) => `  ${line}`),
    "",
  ].join("\n");
}

/** All rows as Markdown, with how everything was started. */
export function markdown(
  date: string,
  machine: readonly string[],
  command: string,
  ran: readonly Ran[],
): string {
  const setUps = new Set(ran.flatMap(({ answer }) => ("failed" in answer ? [] : answer.setUps)));
  return [
    `# ${date}`,
    ...machine.map((line) => `- ${line}`),
    `- \`${command}\``,
    "",
    ...summary(ran),
    "",
    ...ran.flatMap(section),
    "## How everything was started",
    ...[...setUps].map((setUp) => `\`\`\`\n${setUp}\n\`\`\`\n`),
  ].join("\n");
}

/** A line for each row, as in the README. */
function summary(ran: readonly Ran[]): string[] {
  const lines = ran.map(({ row, answer }) => {
    if ("failed" in answer) return `| ${row.name} | not measured: ${answer.failed} | | |`;
    const [first, ...others] = answer.findings;
    const rest = others.map(({ who, value }) => `${who} ${short(value)}`).join(", ");
    const bars = answer.bars.map(({ text, met }) => `${met ? "" : "**not met:** "}${text}`).join("; ");
    return `| ${row.question} | ${first?.who}: ${short(first?.value ?? Number.NaN)} ${answer.unit} | ${rest} | ${bars} |`;
  });
  return ["| | | others | bar |", "|---|---|---|---|", ...lines];
}

function section({ row, answer }: Ran): string[] {
  const heading = `## ${row.name}\n${row.question}\n`;
  if ("failed" in answer) return [heading, `Not measured: ${answer.failed}`, ""];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    heading,
    line(HEADINGS.with(1, answer.unit)),
    "|---|--:|--:|--:|---|",
    ...answer.findings.map((each) => line(cellsOf(each, answer.findings))),
    "",
    ...remarks(answer).map((remark) => `- ${remark}`),
    "",
  ];
}

const remarks = ({ bars, notes }: RowAnswer): string[] => [
  ...bars.map(({ text, met }) => `${met ? "met" : "NOT MET"}: ${text}`),
  ...notes,
];

function cellsOf({ who, value, least, most, beside }: Finding, [first]: readonly Finding[]): string[] {
  const times = first === undefined ? Number.NaN : value / first.value;
  return [who, short(value), `${short(least)} – ${short(most)}`, times.toFixed(2), beside ?? ""];
}

const short = (value: number): string => value.toFixed(Math.abs(value) < 100 ? 1 : 0);
