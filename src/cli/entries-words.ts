import type { OwnFlag, OwnFlags } from "./own-flags.ts";

/** Flags of `freshline entries`, and whether they take a value. */
export const ENTRIES_FLAGS: OwnFlags = new Map([
  ["--tier", "text"],
  ["--limit", "text"],
]);

/** Which entries are to be listed. */
export interface EntriesWords {
  /** What their keys contain. */
  readonly match: string;
  /** Absent: the first that there is. */
  readonly tier: string | undefined;
  readonly limit: number;
}

const USUAL_LIMIT = 50;
const MOST = 10_000;

/** What is asked for, or what is wrong with it, in one sentence. */
export function readEntries(
  [match = "", ...rest]: readonly string[],
  flags: readonly OwnFlag[],
): EntriesWords | string {
  const given = (name: string) => flags.findLast(({ flag }) => flag === name)?.value;
  if (rest.length > 0) return "freshline entries takes one part of a URL, such as /data";
  const tier = given("--tier");
  if (tier !== undefined && tier !== "memory" && tier !== "redis")
    return `--tier is memory or redis, not ${tier}`;
  const text = given("--limit") ?? String(USUAL_LIMIT);
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST) return `--limit is a whole number from 1 to ${MOST}, not ${text}`;
  return { match, tier, limit };
}
