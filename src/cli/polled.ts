import type { AdminConfig } from "./admin-client.ts";
import { adminsOf, askAll } from "./admins.ts";
import { strangerAt, type Terminal } from "./commands.ts";
import { pause, untilInterrupted } from "./interrupted.ts";
import type { LiveWords } from "./live-words.ts";
import { openScreen, type Screen } from "./screen.ts";

const EVERY_MS = 1000;

export interface View<T> {
  readonly path: string;
  /** Without these it is some other program's answer. */
  readonly members: readonly (keyof T & string)[];
  /** What several instances say, as one. */
  join(said: readonly T[]): T;
  lines(joined: T, screen: Screen): readonly string[];
  /** What --json shows of it. */
  json(joined: T): object;
}

/** Asks every second and shows the answer, until Ctrl-C; once with --once. Answers the exit code. */
export async function showPolled<T>(
  config: AdminConfig,
  { admins, once, json }: LiveWords,
  terminal: Terminal,
  view: View<T>,
): Promise<number> {
  const { signal, release } = untilInterrupted();
  const asked = adminsOf(config, admins);
  let screen: Screen | undefined;
  try {
    while (!signal.aborted) {
      const said = await askAll<T>(asked, view, signal, terminal);
      if (signal.aborted) return 0;
      if (said === undefined) return 1;
      if (!json) screen ??= openScreen(process.stdout, process.env, !once);
      let shown: string | readonly string[];
      try {
        const joined = view.join(said);
        shown = screen === undefined ? JSON.stringify(view.json(joined)) : view.lines(joined, screen);
      } catch {
        // The members are there, and something else in them.
        for (const { config } of asked) terminal.err(`freshline: ${strangerAt(config)}`);
        return 1;
      }
      if (typeof shown === "string") terminal.out(shown);
      else screen?.show(shown);
      if (once) return 0;
      await pause(EVERY_MS, signal);
    }
    return 0;
  } finally {
    screen?.close();
    release();
  }
}
