import { stripVTControlCharacters } from "node:util";

/** Where a view is shown; process.stdout is one. */
export interface Shown {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Screen {
  /** It is a terminal, on which a view replaces the one before. */
  readonly live: boolean;
  readonly paint: Paint;
  show(lines: readonly string[]): void;
  /** Gives the terminal back as it was, below the last view. */
  close(): void;
}

export type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";
export type Paint = (colour: Colour, text: string) => string;

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };
const HOME = "\x1b[H";
const TO_END_OF_LINE = "\x1b[K";
const TO_END = "\x1b[J";
const CLEAR = "\x1b[2J";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

/** On a terminal a view is drawn over the last one; elsewhere views follow one another as plain lines. */
export function openScreen(
  to: Shown,
  env: Readonly<Record<string, string | undefined>>,
  redraws: boolean,
): Screen {
  const terminal = to.isTTY === true;
  const live = terminal && redraws && env["TERM"] !== "dumb";
  // https://no-color.org
  const colour = (terminal && !env["NO_COLOR"] && env["TERM"] !== "dumb") || Boolean(env["FORCE_COLOR"]);
  let height = 0;
  if (live) to.write(HIDE_CURSOR + CLEAR);
  return {
    live,
    paint: (name, text) => (colour ? `\x1b[${CODES[name]}m${text}\x1b[0m` : text),
    show(lines) {
      if (!live) {
        to.write(lines.map((line) => `${line}\n`).join(""));
        return;
      }
      const fitting = lines.slice(0, Math.max(1, (to.rows || 24) - 1));
      height = fitting.length;
      const cut = fitting.map((line) => shortened(line, to.columns || 80));
      to.write(`${HOME}${cut.join(`${TO_END_OF_LINE}\n`)}${TO_END_OF_LINE}${TO_END}`);
    },
    close() {
      if (live) to.write(`${height === 0 ? "" : "\n"}${SHOW_CURSOR}`);
    },
  };
}

/** A line that is too long would push the others down; colours go with what is cut. */
const shortened = (line: string, columns: number): string => {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : plain.slice(0, columns);
};

/** What came from clients may not steer the terminal (URLs, methods). */
export const harmless = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
