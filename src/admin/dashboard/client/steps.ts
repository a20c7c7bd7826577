import type { CacheWord, Series, Values } from "../../answers.ts";

export const CACHE_WORDS = [
  "HIT",
  "UPDATING",
  "STALE",
  "REVALIDATED",
  "EXPIRED",
  "MISS",
  "BYPASS",
] as const satisfies readonly CacheWord[];

/** Steps shorter than this are drawn together: seconds of ten minutes would be a thicket. */
const DRAWN_MS = 5_000;

/** What charts show of a series. */
export type DrawnSeries = Omit<Series, "bytes" | "memory_bytes" | "entries" | "purge_lag_ms">;

/**
 * The same series with a step for every five seconds or more, at times that do not move as new ones come.
 *
 * Requests become the mean of the steps drawn together, a median the middle one of theirs, and a 99th
 * percentile the highest.
 */
export function drawnSteps(series: DrawnSeries): DrawnSeries {
  if (series.step_ms >= DRAWN_MS) return series;
  const groups = groupsOf(series.at);
  const means = (values: readonly number[]) => groups.map(({ from, to }) => mean(values.slice(from, to)));
  const together = (values: Values, one: (values: readonly number[]) => number) =>
    groups.map(({ from, to }) => {
      const known = values.slice(from, to).filter((value) => value !== null);
      return known.length === 0 ? null : one(known);
    });
  return {
    step_ms: series.step_ms,
    at: groups.map(({ from }) => series.at[from] ?? 0),
    requests: Object.fromEntries(CACHE_WORDS.map((word) => [word, means(series.requests[word])])) as Record<
      CacheWord,
      number[]
    >,
    hit_p50_ms: together(series.hit_p50_ms, middle),
    hit_p99_ms: together(series.hit_p99_ms, highest),
    miss_p50_ms: together(series.miss_p50_ms, middle),
    miss_p99_ms: together(series.miss_p99_ms, highest),
    origin_p50_ms: together(series.origin_p50_ms, middle),
    origin_p99_ms: together(series.origin_p99_ms, highest),
  };
}

interface Group {
  readonly from: number;
  /** The first that is not of it. */
  readonly to: number;
}

function groupsOf(at: readonly number[]): Group[] {
  const slot = (index: number): number => Math.floor((at[index] ?? 0) / DRAWN_MS);
  const starts = at
    .map((_, index) => index)
    .filter((index) => index === 0 || slot(index) !== slot(index - 1));
  return starts.map((from, i) => ({ from, to: starts[i + 1] ?? at.length }));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const highest = (values: readonly number[]): number => Math.max(...values);
