import { ENTRIES_FLAGS } from "./entries-words.ts";
import { EXPLAIN_FLAGS } from "./explain-words.ts";
import { LIVE_FLAGS } from "./live-words.ts";
import type { OwnFlags } from "./own-flags.ts";
import { PURGE_FLAGS } from "./purge-words.ts";
import { WARM_FLAGS } from "./warm-words.ts";

/** A flag that belongs to one command; settings are flags of all. */
export interface CommandFlag {
  /** With its dashes. */
  readonly flag: string;
  readonly takesValue: boolean;
}

/** One command, for --help, for shell completion, and for who reads the command line. */
export interface Command {
  readonly name: string;
  /** What follows the name in --help. */
  readonly usage: string;
  readonly about: string;
  readonly flags: readonly CommandFlag[];
  /** The words that it takes, where they are known or names of files. */
  readonly words?: readonly string[] | "files";
  /** It can say what it says as JSON. */
  readonly json: boolean;
}

const flagsOf = (kinds: OwnFlags): CommandFlag[] =>
  [...kinds].map(([flag, kind]) => ({ flag, takesValue: kind === "text" }));

const EXPLAIN = [...EXPLAIN_FLAGS].map(([flag, { takes }]) => ({ flag, takesValue: takes !== undefined }));
const LIVE = flagsOf(LIVE_FLAGS);
const live = (...names: readonly string[]) => LIVE.filter(({ flag }) => names.includes(flag));

export const SHELLS = ["bash", "zsh", "fish"] as const;

const command = (row: Omit<Command, "flags" | "json"> & Partial<Command>): Command => ({
  flags: [],
  json: true,
  ...row,
});

/** In the order in which --help shows them. */
export const COMMANDS: readonly Command[] = [
  command({
    name: "validate",
    usage: "",
    about:
      "Try whether a proxy with these settings could serve: all settings, the origins, and whether Redis is fit; exit code 1 where not",
  }),
  command({
    name: "health",
    usage: "",
    about: "Ask the running proxy whether it is ready; exit code 1 where it is not",
  }),
  command({
    name: "config",
    usage: "",
    about:
      "Show the settings of the running proxy and where each was written, secrets masked; those that would be in force where none runs",
  }),
  command({
    name: "stats",
    usage: "",
    about: "Show what the running proxy has counted",
  }),
  command({
    name: "explain",
    usage: "<url> [--fetch] [--body] [-H <header>]… [-X <method>]",
    about:
      "Say why a URL is answered as it is, and what to mend; --fetch asks an origin, stores nothing; --body shows what is stored; -H 'Name: value' and -X POST say more of the request",
    flags: EXPLAIN,
  }),
  command({
    name: "entries",
    usage: "[<part of a URL>] [--tier memory|redis] [--limit <n>]",
    about:
      "List what is stored, without bodies: its state and how long for, its age, status and size; of the memory tier first, 50 unless it is said",
    flags: flagsOf(ENTRIES_FLAGS),
  }),
  command({
    name: "tail",
    usage: "[-q <query>] [--admin <url>]…",
    about: "Show answers while they are given: -q 'cache=MISS ttfb>200ms'; with --admin of several instances",
    flags: live("--query", "-q", "--admin"),
  }),
  command({
    name: "top",
    usage: "[--once] [--admin <url>]…",
    about: "Show hot URLs, misses and reasons, every second",
    flags: live("--admin", "--once"),
  }),
  command({
    name: "hist",
    usage: "[--once] [--admin <url>]…",
    about: "Show the latencies of hits, misses and origins, every second",
    flags: live("--admin", "--once"),
  }),
  command({
    name: "stat",
    usage: "[--once] [--admin <url>]…",
    about: "Show what is counted, every second",
    flags: live("--admin", "--once"),
  }),
  command({
    name: "warm",
    usage: "<file|url|->… [--sitemap <url>]… [--concurrency <n>]",
    about:
      "Fetch URLs into the cache of the running proxy: given here, one a line in a file or on standard input (-), or in sitemaps, which the proxy is asked for; no other server ever is",
    flags: flagsOf(WARM_FLAGS),
    words: "files",
  }),
  command({
    name: "purge",
    usage:
      "<url|path>… [--soft|--refresh] [--prefix <url|path>] [--host <host>] [--tag <tag>] [--everything]",
    about:
      "Purge on all instances; a path under every host. --soft makes stale what else is deleted, --refresh fetches it again",
    flags: flagsOf(PURGE_FLAGS),
  }),
  command({
    name: "clear",
    usage: "",
    about: "Clear the cache, through the running proxy or in Redis itself; --clear-cache is the same",
  }),
  command({
    name: "reload",
    usage: "",
    about:
      "Have the running proxy read its settings again: wrong ones are refused as a whole, and what needs a restart is said",
  }),
  command({
    name: "origins",
    usage: "[add|drain|remove <url>]",
    about:
      "Show the origins of the running proxy, add one, let one have no new requests, or take it away; until the next start",
    words: ["add", "drain", "remove"],
  }),
  command({
    name: "restart",
    usage: "",
    about: "Replace the workers one after another, losing no request",
  }),
  command({
    name: "audit",
    usage: "<url>…",
    about:
      "Try what visitors can send beside these URLs, and say what of it reaches the next visitor; exit code 1 where any does",
  }),
  command({
    name: "completion",
    usage: SHELLS.join("|"),
    about: 'Write what completes these words in that shell: eval "$(freshline completion bash)"',
    words: SHELLS,
    json: false,
  }),
];

export const commandOf = (name: string | undefined): Command | undefined =>
  COMMANDS.find((row) => row.name === name);
