import { parseArgs } from "node:util";
import { flagsOf, SETTING_NAMES, SETTINGS, type SettingName } from "../config/settings.ts";
import { commandOf, SHELLS } from "./command-table.ts";
import { ENTRIES_FLAGS, type EntriesWords, readEntries } from "./entries-words.ts";
import {
  EXPLAIN_FLAGS,
  type ExplainFlag,
  type ExplainWords,
  readExplain,
  readExplainFlag,
} from "./explain-words.ts";
import {
  isLiveCommand,
  LIVE_FLAGS,
  type LiveFlag,
  type LiveWords,
  readLive,
  readLiveFlag,
} from "./live-words.ts";
import { type OwnFlag, type OwnFlags, readOwnFlag } from "./own-flags.ts";
import { PURGE_FLAGS, type PurgeWords, readPurge } from "./purge-words.ts";
import { type OriginWords, readOrigins } from "./steering.ts";
import { readWarm, WARM_FLAGS, type WarmWords } from "./warm-words.ts";

export type Flags = Readonly<Partial<Record<SettingName, string>>>;

/** What the words after `freshline` ask for. */
export type CommandLine =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | { readonly type: "run"; readonly flags: Flags }
  | {
      readonly type: "clear" | "reload" | "restart" | "stats" | "config" | "health" | "validate";
      readonly flags: Flags;
      readonly json: boolean;
    }
  | { readonly type: "origins"; readonly flags: Flags; readonly origins: OriginWords; readonly json: boolean }
  | {
      readonly type: "entries";
      readonly flags: Flags;
      readonly entries: EntriesWords;
      readonly json: boolean;
    }
  | { readonly type: "warm"; readonly flags: Flags; readonly warm: WarmWords; readonly json: boolean }
  | { readonly type: "purge"; readonly flags: Flags; readonly purge: PurgeWords; readonly json: boolean }
  | {
      readonly type: "explain";
      readonly flags: Flags;
      readonly explain: ExplainWords;
      readonly json: boolean;
    }
  | {
      readonly type: "audit";
      readonly flags: Flags;
      readonly urls: readonly string[];
      readonly json: boolean;
    }
  | { readonly type: "completion"; readonly flags: Flags; readonly shell: (typeof SHELLS)[number] }
  | { readonly type: "live"; readonly flags: Flags; readonly live: LiveWords }
  /** One sentence each, without a full stop; and the flags that were understood. */
  | { readonly type: "mistake"; readonly sentences: readonly string[]; readonly flags: Flags };

const SETTING_OF: ReadonlyMap<string, SettingName> = new Map(
  SETTING_NAMES.flatMap((name) => flagsOf(name).map((flag) => [flag, name] as const)),
);
const isSwitch = (name: SettingName): boolean => SETTINGS[name].kind.flag === "switch";

/** Flags that are no settings: they say what to do, and take no value. */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ["--help", "help"],
  ["-h", "help"],
  ["--version", "version"],
  ["-v", "version"],
  ["--clear-cache", "clear-cache"],
  ["--json", "json"],
]);

/** Flags of commands that are read in the same way. */
const OWN_FLAGS: ReadonlyMap<string, OwnFlags> = new Map([
  ["purge", PURGE_FLAGS],
  ["warm", WARM_FLAGS],
  ["entries", ENTRIES_FLAGS],
]);

const OPTIONS = Object.fromEntries([
  ...[...ACTIONS.values()].map((flag) => [flag, { type: "boolean" }] as const),
  ...[...EXPLAIN_FLAGS].map(
    ([, { name, short, takes }]) =>
      [
        name,
        { type: takes === undefined ? "boolean" : "string", ...(short === undefined ? {} : { short }) },
      ] as const,
  ),
  ...[...OWN_FLAGS.values()].flatMap((flags) =>
    Array.from(
      flags,
      ([flag, kind]) => [flag.slice(2), { type: kind === "text" ? "string" : "boolean" }] as const,
    ),
  ),
  ["query", { type: "string", short: "q" }] as const,
  ["admin", { type: "string" }] as const,
  ["once", { type: "boolean" }] as const,
  ...[...SETTING_OF].map(([flag, name]) => [flag, { type: isSwitch(name) ? "boolean" : "string" }] as const),
]);

export function readCommandLine(argv: readonly string[]): CommandLine {
  // Not strict: its errors speak of parseArgs's own options, and a switch with a value would be one.
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags: Partial<Record<SettingName, string>> = {};
  const actions = new Set<string>();
  const words: string[] = [];
  const mistakes: string[] = [];
  const first = tokens.find((token) => token.kind === "positional");
  const own = OWN_FLAGS.get(first?.value ?? "");
  const ownFlags: OwnFlag[] = [];
  const explainFlags: ExplainFlag[] = [];
  const liveFlags: LiveFlag[] = [];

  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const action = ACTIONS.get(token.rawName);
    if (action !== undefined) {
      if (token.value !== undefined) mistakes.push(`${token.rawName} takes no value`);
      actions.add(action);
      continue;
    }
    if (first?.value === "explain" && EXPLAIN_FLAGS.has(token.rawName)) {
      const flag = readExplainFlag(token.rawName, token.value);
      if (typeof flag === "string") mistakes.push(flag);
      else explainFlags.push(flag);
      continue;
    }
    if (own?.has(token.rawName) === true) {
      const flag = readOwnFlag(own, token.rawName, token.value, token.inlineValue === true);
      if (typeof flag === "string") mistakes.push(flag);
      else ownFlags.push(flag);
      continue;
    }
    if (isLiveCommand(first?.value) && LIVE_FLAGS.has(token.rawName)) {
      const flag = readLiveFlag(token.rawName, token.value);
      if (typeof flag === "string") mistakes.push(flag);
      else liveFlags.push(flag);
      continue;
    }
    const read = readSetting(token.rawName, token.value, token.inlineValue === true);
    if (typeof read === "string") {
      mistakes.push(read);
      continue;
    }
    const { name, text } = read;
    const earlier = SETTINGS[name].kind.flag === "list" ? flags[name] : undefined;
    flags[name] = earlier === undefined ? text : `${earlier},${text}`;
  }
  // A word may be the value of a flag that was not understood: of words there is nothing to say then.
  if (mistakes.length > 0) return { type: "mistake", sentences: mistakes, flags };
  return command(words, flags, actions, ownFlags, liveFlags, explainFlags);
}

/** The setting that a flag means, or what is wrong with the flag. */
function readSetting(
  rawName: string,
  value: string | undefined,
  inline: boolean,
): { name: SettingName; text: string } | string {
  const flag = rawName.replace(/^--/, "");
  const name = SETTING_OF.get(flag);
  if (name === undefined) {
    const negated = flag.startsWith("no-") ? SETTING_OF.get(flag.slice(3)) : undefined;
    if (negated === undefined || !isSwitch(negated)) return `${rawName} is not a flag`;
    return value === undefined ? { name: negated, text: "false" } : `${rawName} takes no value`;
  }
  if (isSwitch(name)) return { name, text: value ?? "true" };
  // parseArgs takes whatever follows; `--port --ttl 5m` is a forgotten port, and -1s a value, if a wrong one.
  if (value === undefined || (!inline && /^-(?!\d)/.test(value))) return `${rawName} needs a value`;
  return { name, text: value };
}

const isWebUrl = (text: string): boolean => /^https?:\/\/./i.test(text) && URL.canParse(text);

function command(
  words: readonly string[],
  flags: Flags,
  actions: ReadonlySet<string>,
  ownFlags: readonly OwnFlag[],
  liveFlags: readonly LiveFlag[],
  explainFlags: readonly ExplainFlag[],
): CommandLine {
  if (actions.has("help")) return { type: "help" };
  if (actions.has("version")) return { type: "version" };
  const [first, ...rest] = words;
  const mistake = (sentence: string): CommandLine => ({ type: "mistake", sentences: [sentence], flags });
  const json = actions.has("json");
  if (json && commandOf(actions.has("clear-cache") ? "clear" : first)?.json !== true)
    return mistake("--json belongs to a command that has something to say");
  if (actions.has("clear-cache") && first !== undefined && first !== "clear") {
    return mistake(`--clear-cache and ${JSON.stringify(first)} are two commands`);
  }
  switch (first) {
    case undefined:
      return actions.has("clear-cache") ? { type: "clear", flags, json } : { type: "run", flags };
    case "entries": {
      const entries = readEntries(rest, ownFlags);
      return typeof entries === "string" ? mistake(entries) : { type: "entries", flags, entries, json };
    }
    case "warm": {
      const warm = readWarm(rest, ownFlags);
      return typeof warm === "string" ? mistake(warm) : { type: "warm", flags, warm, json };
    }
    case "explain": {
      const explain = readExplain(rest, explainFlags);
      if (typeof explain === "string") return mistake(explain);
      return { type: "explain", flags, explain, json };
    }
    case "purge": {
      const purge = readPurge(rest, ownFlags);
      return typeof purge === "string" ? mistake(purge) : { type: "purge", flags, purge, json };
    }
    case "audit":
      if (rest.length > 0 && rest.every(isWebUrl)) return { type: "audit", flags, urls: rest, json };
      return mistake("freshline audit needs URLs, such as http://localhost:3000/");
    case "tail":
    case "top":
    case "hist":
    case "stat": {
      const live = readLive(first, rest, liveFlags, json);
      return typeof live === "string" ? mistake(live) : { type: "live", flags, live };
    }
    case "completion": {
      const shell = SHELLS.find((known) => known === rest[0]);
      if (shell !== undefined && rest.length === 1) return { type: "completion", flags, shell };
      return mistake(`freshline completion needs a shell: ${SHELLS.join(", ")}`);
    }
    case "origins": {
      const origins = readOrigins(rest);
      return typeof origins === "string" ? mistake(origins) : { type: "origins", flags, origins, json };
    }
    case "clear":
    case "reload":
    case "restart":
    case "stats":
    case "config":
    case "health":
    case "validate":
      return rest.length === 0
        ? { type: first, flags, json }
        : mistake(`${first} takes no ${JSON.stringify(rest[0])}`);
    default:
      return mistake(`${JSON.stringify(first)} is not a command`);
  }
}
