import { Film } from "./tour-film.ts";
import type { Take } from "./tour-shell.ts";
import {
  commandRows,
  drawBarText,
  drawCursor,
  drawRow,
  drawWindow,
  lengthOf,
  outputRows,
  PROMPT,
  type Row,
  remarkRows,
} from "./tour-terminal.ts";

/** What is shown on one screen: a remark and the commands under it. */
export interface Scene {
  readonly title: string;
  readonly remark?: string;
  readonly takes: readonly Take[];
  /** The last command has not ended: no prompt follows. */
  readonly goesOn?: boolean;
}

/** The pace of the picture, in milliseconds of its own time. */
const PACE = {
  before: 450,
  key: 10,
  longestTyping: 1_000,
  enter: 150,
  read: 600,
  readLine: 250,
  sceneEnd: 2_000,
  /** What one real second of waiting takes. */
  second: 140,
} as const;

/**
 * An SVG that plays the scenes in a loop by CSS alone: typed commands, their output, and in the bar
 * the seconds that really passed. Where nothing is animated it shows the end of the last scene.
 */
export function drawAnimation(scenes: readonly Scene[], title: string): string {
  const film = new Film();
  const drawn = scenes.map((scene, at) => drawScene(film, scene, at === scenes.length - 1));
  const rows = Math.max(...drawn.map((scene) => scene.rows));
  const content = drawn.map((scene) => scene.svg).join("\n");
  return drawWindow(rows, title, content, film.style());
}

function drawScene(film: Film, scene: Scene, isLast: boolean): { svg: string; rows: number } {
  const begin = film.now;
  const screen = new Screen(film);
  const clock = new Clock(film);
  if (scene.remark !== undefined) screen.print(remarkRows(scene.remark));
  for (const { command, printed, ms } of scene.takes) {
    screen.type(commandRows(command), Math.min(PACE.key, PACE.longestTyping / command.length));
    screen.wait(() => clock.run(ms));
    screen.print(outputRows(printed));
    if (printed.length > 0) film.pass(PACE.read + printed.length * PACE.readLine);
  }
  if (scene.goesOn !== true) screen.prompt();
  film.pass(PACE.sceneEnd);

  const all = drawBarText(scene.title, "middle") + screen.svg + clock.draw(isLast);
  const svg = isLast ? film.from(begin, all) : film.between(begin, film.now, all);
  return { svg, rows: screen.rows };
}

/** A screen that fills from the top. */
class Screen {
  readonly #film: Film;
  rows = 0;
  svg = "";

  constructor(film: Film) {
    this.#film = film;
  }

  print(rows: readonly Row[]): void {
    const drawn = rows.map((row, at) => drawRow(row, this.rows + at));
    this.svg += this.#film.from(this.#film.now, drawn.join(""));
    this.rows += rows.length;
  }

  /** The prompt first, then key by key, then Enter. */
  type(rows: readonly Row[], msPerKey: number): void {
    const film = this.#film;
    rows.forEach((row, at) => {
      const begin = film.now;
      if (at === 0) film.pass(PACE.before);
      const keys = lengthOf(row) - PROMPT.length;
      const typed = film.now + keys * msPerKey;
      const cover = film.typing(film.now, typed, keys, PROMPT.length, this.rows);
      this.svg += film.from(begin, drawRow(row, this.rows) + cover);
      film.pass(keys * msPerKey);
      this.rows += 1;
    });
    film.pass(PACE.enter);
  }

  /** A cursor below for as long as it takes. */
  wait(pass: () => void): void {
    const begin = this.#film.now;
    pass();
    this.svg += this.#film.between(begin, this.#film.now, drawCursor(0, this.rows));
  }

  prompt(): void {
    const row = commandRows("")[0];
    if (row === undefined) return;
    const svg = drawRow(row, this.rows) + drawCursor(PROMPT.length, this.rows);
    this.svg += this.#film.from(this.#film.now, svg);
    this.rows += 1;
  }
}

/** The real seconds since the scene began, as the bar shows them. */
class Clock {
  readonly #film: Film;
  readonly #times: { readonly from: number; readonly seconds: number }[];
  #passed = 0;

  constructor(film: Film) {
    this.#film = film;
    this.#times = [{ from: film.now, seconds: 0 }];
  }

  /** Lets so many real milliseconds pass, in the film's shorter time. */
  run(ms: number): void {
    const end = this.#passed + ms;
    for (let second = Math.floor(this.#passed / 1000) + 1; second * 1000 <= end; second += 1) {
      this.#film.pass((PACE.second * (second * 1000 - this.#passed)) / 1000);
      this.#passed = second * 1000;
      this.#times.push({ from: this.#film.now, seconds: second });
    }
    this.#film.pass((PACE.second * (end - this.#passed)) / 1000);
    this.#passed = end;
  }

  draw(isLast: boolean): string {
    return this.#times
      .map(({ from, seconds }, at) => {
        const text = drawBarText(`0:${String(seconds).padStart(2, "0")}`, "end");
        const next = this.#times[at + 1]?.from;
        if (next !== undefined) return this.#film.between(from, next, text);
        return isLast ? this.#film.from(from, text) : this.#film.between(from, this.#film.now, text);
      })
      .join("");
  }
}
