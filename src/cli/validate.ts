import type { Settled } from "../config/changes.ts";
import type { Config, Loaded } from "../config.ts";
import type { Terminal } from "./commands.ts";

/** One thing that was tried. */
export interface Finding {
  readonly what: string;
  /** What is bad makes the whole unfit; a warning does not. */
  readonly verdict: "good" | "warning" | "bad";
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Tries what only trying can tell: files, origins, Redis. Ends in bounded time, and never rejects. */
export type Examine = (config: Config, directory: string) => Promise<readonly Finding[]>;

const MARKS = { good: "✓", warning: "!", bad: "✗" } as const;

/** `freshline validate`: could a proxy with these settings serve? Answers 0 where it could, else 1. */
export async function validate(
  loaded: Loaded,
  json: boolean,
  terminal: Terminal,
  examine: () => Promise<Examine>,
): Promise<number> {
  const findings = loaded.ok
    ? [settled(loaded), ...(await (await examine())(loaded.config, terminal.directory))]
    : loaded.errors.map((detail): Finding => ({ what: "settings", verdict: "bad", detail }));
  const fit = findings.every(({ verdict }) => verdict !== "bad");
  if (json) terminal.out(JSON.stringify({ fit, findings }));
  else {
    const width = Math.max(...findings.map(({ what }) => what.length));
    for (const [i, { what, verdict, detail, advice }] of findings.entries()) {
      terminal.out(`${MARKS[verdict]} ${what.padEnd(width)}  ${detail}`);
      // What mends several is said once, after the last.
      if (advice !== undefined && findings[i + 1]?.advice !== advice)
        terminal.out(`  ${"".padEnd(width)}  → ${advice}`);
    }
    terminal.out(
      fit ? "fit to serve" : loaded.ok ? "not fit to serve" : "not fit to serve; nothing else was tried",
    );
  }
  return fit ? 0 : 1;
}

function settled({ settings }: Settled): Finding {
  const written = settings.filter(({ source }) => source !== "default").map(({ name }) => name);
  const detail = `all ${settings.length} are right; written: ${written.join(", ") || "none"}`;
  return { what: "settings", verdict: "good", detail };
}
