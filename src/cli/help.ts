import type { Setting } from "../config/setting.ts";
import { flagsOf, GROUPS, type SettingName } from "../config/settings.ts";

const WIDTH = 100;
const COLUMN = 38;

const INTRODUCTION = `Freshline, a caching reverse proxy

Usage
  freshline --origin <url> [--port <port>] [--ttl <duration>] [any setting below]
  freshline <command> [any setting below]

Commands
  clear, --clear-cache                Clear the cache, through the running proxy or in Redis itself
  warm <file|url…>                    Fetch URLs into the cache of the running proxy; one a line
  purge <url|path>… [--soft|--refresh]
    [--prefix <url|path>] [--host <host>] [--tag <tag>] [--everything]
                                      Purge on all instances; a path under every host. --soft makes
                                      stale what else is deleted, --refresh fetches it again
  explain <url> [--fetch] [--body]    Say why a URL is answered as it is, and what to mend; --fetch
    [-H <header>]… [-X <method>]      asks an origin, stores nothing; --body shows what is stored;
    [--json]                          -H 'Name: value' and -X POST say more of the request
  restart                             Replace the workers one after another, losing no request
  audit <url>…                        Try what visitors can send beside these URLs, and say what
                                      of it reaches the next visitor; exit code 1 where any does
  stats [--json]                      Show what the running proxy has counted
  tail [-q <query>]                   Show answers while they are given: -q 'cache=MISS ttfb>200ms'
  top, hist, stat [--once]            Show hot URLs and reasons, latencies, counts, every second
    [--admin <url>]… [--json]         Of several instances together; as one JSON object a line
  --help, -h                          Show this
  --version, -v                       Show the version

Settings
  Each is a flag here, a variable in the environment and a line in .env: --cache-keep is CACHE_KEEP.
  The first of these three that names a setting wins; an empty value stands for the default.
  Durations are written 500ms, 10s, 5m, 1h or 2d, and sizes 512KiB, 64MiB or 1GB. A list has commas,
  or its flag is repeated. A switch is turned off by --no-preserve-host or --preserve-host=false.
`;

/** The text of `freshline --help`, made from the settings table; no line is longer than 100 columns. */
export function helpText(): string {
  const groups = GROUPS.map(([title, settings]) => {
    const entries = Object.entries<Setting<unknown>>(settings);
    return [title, ...entries.flatMap(([name, setting]) => settingLines(name as SettingName, setting))].join(
      "\n",
    );
  });
  return `${INTRODUCTION}\n${groups.join("\n\n")}\n`;
}

function settingLines(name: SettingName, setting: Setting<unknown>): string[] {
  const flags = flagsOf(name).map((flag) => `--${flag}`);
  const left = `  ${flags.join(", ")}${setting.kind.flag === "switch" ? "" : ` <${setting.kind.name}>`}`;
  const suffix = setting.default === "" ? "" : ` [${setting.default}]`;
  const right = wrap(setting.meaning + suffix, WIDTH - COLUMN);
  const indented = right.map((line) => " ".repeat(COLUMN) + line);
  if (left.length > COLUMN - 2) return [left, ...indented];
  return [left.padEnd(COLUMN) + right[0], ...indented.slice(1)];
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
