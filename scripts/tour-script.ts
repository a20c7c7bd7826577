/**
 * The README's tour: `console` blocks, each after a comment `<!-- tour: name -->`. In a block a line
 * that begins with `$ ` is a command, and the lines after it are what it prints, with `…` for what varies.
 */
export interface Tour {
  readonly name: string;
  /** The paragraph before the block, as plain text. */
  readonly about: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly command: string;
  readonly prints: readonly string[];
}

const COMMENT = /^<!-- tour: (.*?) -->$/;
const FENCE = "```";
const PROMPT = "$ ";

/** @throws Error naming the line (from 1) where a tour is not written as it has to be. */
export function readTours(markdown: string): Tour[] {
  const lines = markdown.split("\n");
  const tours: Tour[] = [];
  lines.forEach((line, at) => {
    const name = COMMENT.exec(line)?.[1];
    if (name === undefined) return;
    if (tours.some((tour) => tour.name === name)) throw wrong(at, `a second tour named ${name}`);
    tours.push({ name, about: paragraphBefore(lines, at), steps: stepsAfter(lines, at) });
  });
  return tours;
}

function paragraphBefore(lines: readonly string[], comment: number): string {
  let end = comment;
  while (end > 0 && lines[end - 1] === "") end -= 1;
  let begin = end;
  while (begin > 0 && lines[begin - 1] !== "") begin -= 1;
  return lines
    .slice(begin, end)
    .join(" ")
    .replaceAll(/\*\*|`/g, "");
}

function stepsAfter(lines: readonly string[], comment: number): Step[] {
  const first = comment + 2;
  if (lines[comment + 1] !== `${FENCE}console`) throw wrong(comment, "no console block follows");
  const end = lines.indexOf(FENCE, first);
  if (end === -1) throw wrong(comment, "its block does not end");
  const steps: { command: string; prints: string[] }[] = [];
  for (const line of lines.slice(first, end)) {
    if (line.startsWith(PROMPT)) steps.push({ command: line.slice(PROMPT.length), prints: [] });
    else if (steps.length === 0) throw wrong(first, "a block begins with a command");
    else steps.at(-1)?.prints.push(line);
  }
  if (steps.length === 0) throw wrong(comment, "a block without commands");
  return steps;
}

const wrong = (at: number, what: string): Error => new Error(`line ${at + 1}: ${what}`);

/** The tour with other ports behind `localhost:` and `127.0.0.1:`; those that are not named stay. */
export function onPorts(tour: Tour, ports: ReadonlyMap<number, number>): Tour {
  const move = (text: string): string =>
    text.replaceAll(/(?<=\b(?:localhost|127\.0\.0\.1):)\d+/g, (port) =>
      String(ports.get(Number(port)) ?? port),
    );
  const steps = tour.steps.map(({ command, prints }) => ({
    command: move(command),
    prints: prints.map(move),
  }));
  return { ...tour, steps };
}

/** What was printed, where each line that fits the one written in its place is shown as written. */
export const asWritten = (written: readonly string[], printed: readonly string[]): string[] =>
  printed.map((line, at) => {
    const place = written[at];
    return place !== undefined && fits(place, line) ? place : line;
  });

function fits(written: string, line: string): boolean {
  const parts = written.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(line);
}

/** How long a command sleeps, in seconds. */
export const sleepOf = (command: string): number =>
  [...command.matchAll(/\bsleep (\d+)/g)].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
