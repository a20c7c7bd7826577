export type LiveCommand = "tail" | "top" | "hist" | "stat";

/** What `freshline tail`, `top`, `hist` and `stat` are asked for. */
export interface LiveWords {
  readonly command: LiveCommand;
  /** Which answers are meant; all when empty. */
  readonly query: string;
  /** Admin listeners, as http://host:port; the one that the settings name when there are none. */
  readonly admins: readonly URL[];
  /** Show it once, and end. */
  readonly once: boolean;
  readonly json: boolean;
}

/** Flags of these commands, and whether they take a value. */
export const LIVE_FLAGS: ReadonlyMap<string, "text" | "switch"> = new Map([
  ["--query", "text"],
  ["-q", "text"],
  ["--admin", "text"],
  ["--once", "switch"],
]);

export interface LiveFlag {
  readonly flag: string;
  readonly value: string | undefined;
}

export const isLiveCommand = (word: string | undefined): word is LiveCommand =>
  word === "tail" || word === "top" || word === "hist" || word === "stat";

/** The flag as it is meant, or what is wrong with it. */
export function readLiveFlag(flag: string, value: string | undefined): LiveFlag | string {
  if (LIVE_FLAGS.get(flag) === "switch")
    return value === undefined ? { flag, value } : `${flag} takes no value`;
  return value === undefined ? `${flag} needs a value` : { flag, value };
}

/** What is asked for, or what is wrong with it, in one sentence. */
export function readLive(
  command: LiveCommand,
  rest: readonly string[],
  flags: readonly LiveFlag[],
  json: boolean,
): LiveWords | string {
  const valuesOf = (...names: readonly string[]): string[] =>
    flags.flatMap(({ flag, value }) => (names.includes(flag) ? [value ?? ""] : []));
  const queries = valuesOf("--query", "-q");
  const once = valuesOf("--once").length > 0;
  if (rest.length > 0)
    return command === "tail"
      ? `tail takes its query behind -q, in quotes: -q ${JSON.stringify(rest.join(" "))}`
      : `${command} takes no ${JSON.stringify(rest[0])}`;
  if (command === "tail" && once) return "--once belongs to top, hist and stat";
  if (command !== "tail" && queries.length > 0) return "-q belongs to freshline tail";
  const admins: URL[] = [];
  for (const text of valuesOf("--admin")) {
    if (!URL.canParse(text) || new URL(text).protocol !== "http:")
      return `--admin is the URL of an admin listener, such as http://127.0.0.1:3001, not ${text}`;
    admins.push(new URL(text));
  }
  return { command, query: queries.join(" "), admins, once, json };
}
