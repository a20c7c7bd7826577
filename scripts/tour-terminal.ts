/** Pictures of a terminal as SVG: a grid of cells, so that no font can clip or shift a line. */

type Tone = "text" | "dim" | "command" | "prompt" | "field" | "hit" | "miss" | "failure";

interface Span {
  readonly text: string;
  readonly tone: Tone;
  readonly bold?: boolean;
}

/** One row of the grid. */
export interface Row {
  readonly spans: readonly Span[];
  /** Drawn behind the whole row. */
  readonly mark?: "hit" | "miss";
}

const COLUMNS = 98;
export const CELL = { width: 8.4, height: 20 } as const;
export const WIDTH = 862;
export const MARGIN = (WIDTH - COLUMNS * CELL.width) / 2;
const BAR = 36;
const TOP = BAR + 14;

const COLORS: Readonly<Record<Tone, string>> = {
  text: "#c9d1d9",
  dim: "#8b949e",
  command: "#f0f6fc",
  prompt: "#3fb950",
  field: "#79c0ff",
  hit: "#56d364",
  miss: "#e3b341",
  failure: "#ff7b72",
};
export const BACKGROUND = "#0d1117";
const FONT =
  "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

export const PROMPT = "$ ";

/** A command behind its prompt. A long one goes on below, before a pipe or else between words. */
export function commandRows(command: string): Row[] {
  const rows: Span[][] = [];
  let lead: Span = { text: PROMPT, tone: "prompt", bold: true };
  let rest = command;
  do {
    const end = endOfRow(rest, COLUMNS - PROMPT.length);
    rows.push([lead, { text: rest.slice(0, end), tone: "command" }]);
    rest = rest.slice(end).trimStart();
    lead = { text: " ".repeat(PROMPT.length), tone: "command" };
  } while (rest !== "");
  return rows.map((spans) => ({ spans }));
}

function endOfRow(text: string, columns: number): number {
  if (text.length <= columns) return text.length;
  const pipe = text.lastIndexOf(" | ", columns);
  const space = text.lastIndexOf(" ", columns);
  if (pipe > 0) return pipe;
  return space > 0 ? space : columns;
}

/** A remark, wrapped between words. */
export function remarkRows(remark: string): Row[] {
  const lines = [""];
  for (const word of remark.split(" ")) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length + 1 <= COLUMNS) lines[lines.length - 1] = line;
    else lines.push(` ${word}`);
  }
  return lines.map((line) => ({ spans: [{ text: `#${line}`, tone: "dim" }] }));
}

const WORDS: Readonly<Record<string, Tone>> = { HIT: "hit", MISS: "miss", EXPIRED: "miss", STALE: "miss" };

/** What a command printed. A status line and field lines are told apart from the rest by their form. */
export function outputRows(lines: readonly string[], marked = false): Row[] {
  return lines.flatMap((line): Row[] => {
    const status = /^HTTP\/\S+ ([1-5])\d\d\b/.exec(line)?.[1];
    if (status !== undefined) {
      return wrap([{ text: line, tone: Number(status) < 4 ? "hit" : "failure", bold: true }]);
    }
    const [, name, rest = "", value = ""] = /^([A-Za-z][\w-]*:)( (.*))$/.exec(line) ?? [];
    if (name === undefined) return wrap([{ text: line, tone: "text" }]);
    if (!name.startsWith("X-Cache")) {
      return wrap([
        { text: name, tone: "field" },
        { text: rest, tone: "text" },
      ]);
    }
    const tone = WORDS[value] ?? "hit";
    const rows = wrap([
      { text: name, tone: "field", bold: true },
      { text: rest, tone, bold: true },
    ]);
    return marked ? rows.map((row) => ({ ...row, mark: tone === "miss" ? "miss" : "hit" })) : rows;
  });
}

/** Columns that a row takes. */
export const lengthOf = ({ spans }: Row): number =>
  spans.reduce((sum, { text }) => sum + [...text].length, 0);

function wrap(spans: readonly Span[]): Row[] {
  const rows: Span[][] = [[]];
  let column = 0;
  for (const span of spans) {
    let rest = [...span.text];
    while (rest.length > 0) {
      if (column === COLUMNS) {
        rows.push([]);
        column = 0;
      }
      const piece = rest.slice(0, COLUMNS - column);
      rows.at(-1)?.push({ ...span, text: piece.join("") });
      column += piece.length;
      rest = rest.slice(piece.length);
    }
  }
  return rows.map((row) => ({ spans: row }));
}

/** The upper edge of a row of the grid. */
export const yOf = (row: number): number => TOP + row * CELL.height;

export const heightOf = (rows: number): number => yOf(rows) + 14;

/** One row's marks and texts, each stretched to the cells it takes. */
export function drawRow(row: Row, at: number): string {
  let column = 0;
  const texts = row.spans.map((span) => {
    const begin = column;
    column += [...span.text].length;
    return drawSpan(span, begin, at);
  });
  return drawMark(row, at) + texts.join("");
}

/** In pieces, since SVG takes several spaces for one. */
function drawSpan({ text, tone, bold = false }: Span, column: number, row: number): string {
  const weight = bold ? ' font-weight="700"' : "";
  const pieces = text.matchAll(/\S+(?: \S+)*/g);
  return Array.from(pieces, ({ 0: piece, index }) => {
    const x = round(MARGIN + (column + [...text.slice(0, index)].length) * CELL.width);
    const length = [...piece].length;
    const stretch = length > 1 ? ` textLength="${round(length * CELL.width)}"` : "";
    return `<text x="${x}" y="${yOf(row) + 14.5}" fill="${COLORS[tone]}"${weight}${stretch}>${escaped(piece)}</text>`;
  }).join("");
}

function drawMark({ mark }: Row, at: number): string {
  if (mark === undefined) return "";
  const color = COLORS[mark];
  return (
    `<rect x="1" y="${yOf(at)}" width="${WIDTH - 2}" height="${CELL.height}" fill="${color}" fill-opacity=".13"/>` +
    `<rect x="1" y="${yOf(at)}" width="4" height="${CELL.height}" fill="${color}"/>`
  );
}

/** A block where the next key goes. */
export const drawCursor = (column: number, row: number): string =>
  `<rect x="${round(MARGIN + column * CELL.width)}" y="${yOf(row) + 2}" width="8" height="16" fill="${COLORS.dim}"/>`;

/** A text in the window's bar. */
export function drawBarText(text: string, place: "middle" | "end"): string {
  const x = place === "middle" ? WIDTH / 2 : WIDTH - MARGIN;
  return `<text x="${x}" y="23" fill="${COLORS.dim}" font-size="13" text-anchor="${place}">${escaped(text)}</text>`;
}

/** The whole picture: a window of so many rows, `title` for those who cannot see it, `style` and `content` inside. */
export function drawWindow(rows: number, title: string, content: string, style = ""): string {
  const height = heightOf(rows);
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (color, at) => `<circle cx="${24 + at * 20}" cy="18" r="6" fill="${color}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="${FONT}" font-size="14" role="img">`,
    `<title>${escaped(title)}</title>`,
    ...(style === "" ? [] : [`<style>${style}</style>`]),
    `<rect x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="10" fill="${BACKGROUND}"/>`,
    `<path d="M1 ${BAR}V10.5A9.5 9.5 0 0 1 10.5 1H${WIDTH - 10.5}A9.5 9.5 0 0 1 ${WIDTH - 1} 10.5V${BAR}Z" fill="#161b22"/>`,
    ...dots,
    content,
    // Above the content, which may move across it.
    `<rect x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="10" fill="none" stroke="#30363d"/>`,
    "</svg>",
    "",
  ].join("\n");
}

/** Two decimals are finer than any screen. */
export const round = (value: number): number => Math.round(value * 100) / 100;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text for XML, without the control characters that XML has no way to write. */
export const escaped = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, "").replaceAll(/[&<>"]/g, (character) => ESCAPES[character] ?? "");
