import { BACKGROUND, CELL, drawCursor, MARGIN, round, WIDTH, yOf } from "./tour-terminal.ts";

/** The time line, and the key frames of all that appears on it. */
export class Film {
  #now = 0;
  readonly #frames = new Map<string, { readonly name: string; readonly draw: () => string }>();

  get now(): number {
    return this.#now;
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  /** Seen from then on. */
  from(begin: number, svg: string): string {
    const name = this.#name(`from ${begin}`, () => `0%{opacity:0}${this.#percent(begin)}{opacity:1}`);
    return `<g class="a" style="animation-name:${name}">${svg}</g>`;
  }

  /** Seen for that time only, and not at all where nothing is animated. */
  between(begin: number, end: number, svg: string): string {
    const name = this.#name(
      `between ${begin} ${end}`,
      () => `0%{opacity:0}${this.#percent(begin)}{opacity:1}${this.#percent(end)}{opacity:0}`,
    );
    return `<g class="a" opacity="0" style="animation-name:${name}">${svg}</g>`;
  }

  /** Hides the rest of a row until its keys are typed, with the cursor at its left end. */
  typing(begin: number, end: number, keys: number, column: number, row: number): string {
    const x = MARGIN + column * CELL.width;
    const hidden = this.#name(`until ${end}`, () => `0%{opacity:1}${this.#percent(end)}{opacity:0}`);
    const moving = this.#name(
      `typing ${begin} ${end} ${keys}`,
      () =>
        `0%{transform:none}${this.#percent(begin)}{transform:none;animation-timing-function:steps(${keys})}` +
        `${this.#percent(end)},to{transform:translateX(${round(keys * CELL.width)}px)}`,
    );
    // It ends before the window's border, and what is beyond the picture is not seen.
    const size = `width="${round(WIDTH - 1 - x)}" height="${CELL.height}"`;
    const cover = `<rect x="${round(x)}" y="${yOf(row)}" ${size} fill="${BACKGROUND}"/>`;
    return (
      `<g class="a" opacity="0" style="animation-name:${hidden}">` +
      `<g class="a" style="animation-name:${moving}">${cover}${drawCursor(column, row)}</g></g>`
    );
  }

  style(): string {
    const loop = `animation-duration:${round(this.#now / 1000)}s;animation-iteration-count:infinite`;
    const frames = [...this.#frames.values()].map(({ name, draw }) => `@keyframes ${name}{${draw()}}`);
    return [
      `.a{${loop};animation-timing-function:step-end}`,
      "@media (prefers-reduced-motion:reduce){.a{animation:none}}",
      ...frames,
    ].join("\n");
  }

  #name(key: string, draw: () => string): string {
    const known = this.#frames.get(key);
    if (known !== undefined) return known.name;
    const name = `k${this.#frames.size}`;
    this.#frames.set(key, { name, draw });
    return name;
  }

  #percent(at: number): string {
    return `${Math.round((at / this.#now) * 1e5) / 1e3}%`;
  }
}
