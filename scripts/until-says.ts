import { createInterface } from "node:readline";
import type { Child } from "./children.ts";

const MOST_HELD = 500;

/** Shows what was printed so far, and from then on each line as it comes. */
export type Show = () => void;

/**
 * Waits for the line that says that a child is ready; that line is for us, the others are for the user, once the
 * run has said what it is. Undefined when the child ends before, when it takes too long, and when `signal` is aborted.
 */
export async function untilSays(
  child: Child,
  ready: RegExp,
  withinMs: number,
  signal: AbortSignal,
): Promise<Show | undefined> {
  const { stdout } = child;
  if (stdout === null || signal.aborted) return undefined;
  let held: string[] | undefined = [];
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const show = () => {
    for (const line of held ?? []) write(line);
    held = undefined;
  };
  let isReady = false;
  let settle: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  createInterface({ input: stdout }).on("line", (line) => {
    if (!isReady && ready.test(line)) {
      isReady = true;
      settle();
    } else if (held === undefined) write(line);
    else if (held.push(line) === MOST_HELD) show();
  });
  const timer = setTimeout(settle, withinMs);
  signal.addEventListener("abort", settle);
  await Promise.race([settled, child.ended]);
  signal.removeEventListener("abort", settle);
  clearTimeout(timer);
  if (isReady) return show;
  show();
  return undefined;
}
