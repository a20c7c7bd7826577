import type { Setting } from "../config/setting.ts";
import { flagsOf, GROUPS, type SettingName } from "../config/settings.ts";
import { COMMANDS, type Command } from "./command-table.ts";

const WIDTH = 100;
const COLUMN = 38;

const USAGE = `Freshline, a caching reverse proxy

Usage
  freshline --origin <url> [--port <port>] [--ttl <duration>] [any setting below]
  freshline <command> [any setting below]
`;

const GENERAL = [
  ["--json", "Say it as JSON: every command but completion; one object a line where it goes on"],
  ["--help, -h", "Show this"],
  ["--version, -v", "Show the version"],
] as const;

const OF_SETTINGS = `Settings
  Each is a flag here, a variable in the environment and a line in .env: --cache-keep is CACHE_KEEP.
  The first of these three that names a setting wins; an empty value stands for the default.
  Durations are written 500ms, 10s, 5m, 1h or 2d, and sizes 512KiB, 64MiB or 1GB. A list has commas,
  or its flag is repeated. A switch is turned off by --no-preserve-host or --preserve-host=false.

Exit codes: 0 done, 1 not done or not fit, 2 not understood, 130 ended by Ctrl-C before it was done.
`;

/** The text of `freshline --help`, made from the tables of commands and settings; no line is longer than 100 columns. */
export function helpText(): string {
  const commands = ["Commands", ...COMMANDS.flatMap(commandLines)];
  const general = GENERAL.flatMap(([flags, about]) => beside([`  ${flags}`], about));
  const groups = GROUPS.map(([title, settings]) => {
    const entries = Object.entries<Setting<unknown>>(settings);
    return [title, ...entries.flatMap(([name, setting]) => settingLines(name as SettingName, setting))].join(
      "\n",
    );
  });
  return `${USAGE}\n${[...commands, ...general].join("\n")}\n\n${OF_SETTINGS}\n${groups.join("\n\n")}\n`;
}

/** What it takes stands below its name, where it is long. */
function commandLines({ name, usage, about }: Command): string[] {
  const [first = "", ...rest] = wrap(`${name} ${usage}`.trimEnd(), COLUMN - 6);
  return beside([`  ${first}`, ...rest.map((line) => `    ${line}`)], about);
}

function settingLines(name: SettingName, setting: Setting<unknown>): string[] {
  const flags = flagsOf(name).map((flag) => `--${flag}`);
  const left = `  ${flags.join(", ")}${setting.kind.flag === "switch" ? "" : ` <${setting.kind.name}>`}`;
  const suffix = setting.default === "" ? "" : ` [${setting.default}]`;
  const about = setting.meaning + suffix;
  return left.length > COLUMN - 2 ? [...broken(left), ...beside([], about)] : beside([left], about);
}

/** One line, or as many as its words between `|` need. */
function broken(left: string): string[] {
  const lines = [""];
  for (const part of left.split(/(?<=\|)/)) {
    const last = lines.at(-1) ?? "";
    if (last.length + part.length <= WIDTH) lines[lines.length - 1] = last + part;
    else lines.push(`    ${part}`);
  }
  return lines;
}

/** Two columns. */
function beside(left: readonly string[], about: string): string[] {
  const right = wrap(about, WIDTH - COLUMN);
  return Array.from({ length: Math.max(left.length, right.length) }, (_, i) =>
    ((left[i] ?? "").padEnd(COLUMN) + (right[i] ?? "")).trimEnd(),
  );
}

function wrap(sentence: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of sentence.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
