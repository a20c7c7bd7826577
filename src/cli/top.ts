import type { Top } from "../admin/answers.ts";
import type { AdminConfig } from "./admin-client.ts";
import type { Terminal } from "./commands.ts";
import type { LiveWords } from "./live-words.ts";
import { showPolled } from "./polled.ts";
import { count, latency } from "./quantities.ts";
import { harmless, type Screen } from "./screen.ts";

const MOST = 10;

/** `freshline top`: the hottest URLs, those that miss most and why, and how fast origins are, since the start. */
export const top = (config: AdminConfig, words: LiveWords, terminal: Terminal): Promise<number> =>
  showPolled<Top>(config, words, terminal, {
    path: "/top?k=50",
    members: ["since", "hot", "missing", "reasons", "origins"],
    join: joinTops,
    lines: topLines,
    json: (joined) => joined,
  });

/** What several instances say, as one; of percentiles the worst. */
export function joinTops(tops: readonly Top[]): Top {
  const worst = (one: number | null, other: number | null) =>
    one === null || other === null ? (one ?? other) : Math.max(one, other);
  return {
    since: Math.min(...tops.map(({ since }) => since)),
    hot: joinBy(
      tops.flatMap(({ hot }) => hot),
      ({ url }) => url,
    ),
    missing: joinBy(
      tops.flatMap(({ missing }) => missing),
      ({ url }) => url,
    ),
    reasons: joinBy(
      tops.flatMap(({ reasons }) => reasons),
      ({ reason }) => reason,
    ),
    origins: joinBy(
      tops.flatMap(({ origins }) => origins),
      ({ origin }) => origin,
      (one, other) => ({
        ...one,
        p50_ms: worst(one.p50_ms, other.p50_ms),
        p99_ms: worst(one.p99_ms, other.p99_ms),
      }),
    ).sort((a, b) => (b.p99_ms ?? 0) - (a.p99_ms ?? 0)),
  };
}

function joinBy<Row extends { readonly count: number }>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  merge: (one: Row, other: Row) => Row = (one) => one,
): Row[] {
  const joined = new Map<string, Row>();
  for (const row of rows) {
    const known = joined.get(nameOf(row));
    joined.set(
      nameOf(row),
      known === undefined ? row : { ...merge(known, row), count: known.count + row.count },
    );
  }
  return [...joined.values()].sort((a, b) => b.count - a.count);
}

export function topLines(shown: Top, { paint }: Pick<Screen, "paint">): string[] {
  const section = (title: string, rows: readonly string[]): string[] =>
    rows.length === 0 ? [] : [paint("bold", title), ...rows.slice(0, MOST), ""];
  const row = (counted: number, text: string): string => `${count(counted).padStart(10)}  ${harmless(text)}`;
  const sections = [
    ...section(
      "Hot",
      shown.hot.map((one) => row(one.count, one.url)),
    ),
    ...section(
      "Missing",
      shown.missing.map((one) => `${row(one.count, one.url)}  ${paint("yellow", one.reason)}`),
    ),
    ...section(
      "Reasons",
      shown.reasons.map((one) => row(one.count, one.reason)),
    ),
    ...section(
      "Origins",
      shown.origins.map(
        ({ origin, count: asked, p50_ms, p99_ms }) =>
          `${row(asked, origin)}  p50 ${latency(p50_ms)}  p99 ${latency(p99_ms)}`,
      ),
    ),
  ];
  const since = new Date(shown.since).toISOString();
  return [`since ${since}`, "", ...(sections.length === 0 ? ["no request yet", ""] : sections)];
}
