/** What GET /explain is asked. */
export interface ExplainWords {
  readonly url: string;
  readonly method: string | undefined;
  /** `Name: value` each. */
  readonly headers: readonly string[];
  readonly fetch: boolean;
  readonly body: boolean;
}

interface FlagRow {
  readonly name: "header" | "method" | "fetch" | "body";
  readonly short?: string;
  /** What it takes, if anything. */
  readonly takes?: string;
}

const HEADER: FlagRow = { name: "header", short: "H", takes: "Name: value" };
const METHOD: FlagRow = { name: "method", short: "X", takes: "a method" };

/** Flags of `freshline explain`. */
export const EXPLAIN_FLAGS: ReadonlyMap<string, FlagRow> = new Map<string, FlagRow>([
  ["--header", HEADER],
  ["-H", HEADER],
  ["--method", METHOD],
  ["-X", METHOD],
  ["--fetch", { name: "fetch" }],
  ["--body", { name: "body" }],
]);

export interface ExplainFlag {
  readonly name: FlagRow["name"];
  readonly value: string;
}

/** The flag as it is meant, or what is wrong with it. */
export function readExplainFlag(flag: string, value: string | undefined): ExplainFlag | string {
  const row = EXPLAIN_FLAGS.get(flag);
  if (row === undefined) return `${flag} is not a flag`;
  const { name, takes } = row;
  if (takes === undefined) return value === undefined ? { name, value: "" } : `${flag} takes no value`;
  if (value === undefined || value === "") return `${flag} needs ${takes}`;
  if (name === "header" && !/^[^\s:]+:/.test(value)) return `${flag} needs "Name: value"`;
  return { name, value };
}

/** What `freshline explain <url> [flags]` asks for, or what is wrong with it, in one sentence. */
export function readExplain(urls: readonly string[], flags: readonly ExplainFlag[]): ExplainWords | string {
  const [url, ...more] = urls;
  if (url === undefined || more.length > 0) return "freshline explain needs one URL, or a path";
  const valuesOf = (wanted: FlagRow["name"]) =>
    flags.flatMap(({ name, value }) => (name === wanted ? [value] : []));
  return {
    url,
    method: valuesOf("method").at(-1),
    headers: valuesOf("header"),
    fetch: valuesOf("fetch").length > 0,
    body: valuesOf("body").length > 0,
  };
}
