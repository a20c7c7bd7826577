import type { Readable } from "node:stream";

/** A longer line is passed on in pieces, in characters. */
const MAX_LINE = 1024 * 1024;

/**
 * Passes on what a process writes, whole lines at a time: what several write to one pipe by themselves
 * mixes within lines, beyond the few KiB that the system writes in one go.
 */
export function passLines(from: Readable, write: (lines: string) => void): void {
  let held = "";
  from.setEncoding("utf8").on("data", (text: string) => {
    const end = text.lastIndexOf("\n") + 1;
    if (end === 0) held += text;
    else {
      write(held + text.slice(0, end));
      held = text.slice(end);
    }
    if (held.length > MAX_LINE) {
      write(`${held}\n`);
      held = "";
    }
  });
  from.on("end", () => {
    // A process that was killed may have said half a line.
    if (held !== "") write(`${held}\n`);
  });
  from.on("error", () => {});
}
