import { count } from "./quantities.ts";
import type { Shown } from "./screen.ts";

export interface Progress {
  /** So many are done by now. */
  reached(done: number): void;
  /** Takes the bar away, so that a line can be written. */
  clear(): void;
}

/** Milliseconds between two drawings on a terminal, and between two lines elsewhere. */
const DRAW_MS = 100;
const TELL_MS = 5_000;
const BAR = 24;

/** How far something is: a bar on a terminal, with rate and time left; elsewhere a plain line now and then. */
export function showProgress(of: number, to: Shown, elapsed: () => number): Progress {
  const startedAt = elapsed();
  const terminal = to.isTTY === true;
  let last = terminal ? Number.NEGATIVE_INFINITY : startedAt;
  let drawn = false;
  return {
    reached(done) {
      const at = elapsed();
      if (at - last < (terminal ? DRAW_MS : TELL_MS)) return;
      last = at;
      const words = progressWords(done, of, at - startedAt);
      if (!terminal) {
        to.write(`${words}\n`);
        return;
      }
      const filled = Math.round((done / Math.max(1, of)) * BAR);
      const line = `${"█".repeat(filled)}${"░".repeat(BAR - filled)} ${words}`;
      to.write(`\r${line.slice(0, (to.columns || 80) - 1)}\x1b[K`);
      drawn = true;
    },
    clear() {
      if (drawn) to.write("\r\x1b[K");
      drawn = false;
      if (terminal) last = Number.NEGATIVE_INFINITY;
    },
  };
}

/** `120 of 500, 40.0/s, 10 s left` */
export function progressWords(done: number, of: number, milliseconds: number): string {
  const rate = milliseconds === 0 ? 0 : (done / milliseconds) * 1000;
  const left = rate === 0 || done >= of ? "" : `, ${duration((of - done) / rate)} left`;
  return `${count(done)} of ${count(of)}, ${rate < 100 ? rate.toFixed(1) : count(rate)}/s${left}`;
}

/** `59 s`, `2 min 5 s`, `3 h 0 min` */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
