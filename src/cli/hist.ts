import type { Hist, Latency } from "../admin/answers.ts";
import type { AdminConfig } from "./admin-client.ts";
import type { Terminal } from "./commands.ts";
import type { LiveWords } from "./live-words.ts";
import { showPolled } from "./polled.ts";
import { count, latency } from "./quantities.ts";
import type { Colour, Screen } from "./screen.ts";

const KINDS = ["hits", "misses", "origins"] as const;
const COLOURS: Readonly<Record<(typeof KINDS)[number], Colour>> = {
  hits: "green",
  misses: "yellow",
  origins: "cyan",
};

const BAR = 40;
/** Upper bounds of the rows, in milliseconds. */
const BOUNDS = [0.01, 0.1, 1, 10, 100, 1000, 10_000].flatMap((first) => [first, 2 * first, 5 * first]);

/** `freshline hist`: how long until the head of an answer was there, for hits and misses, and at origins. */
export const hist = (config: AdminConfig, words: LiveWords, terminal: Terminal): Promise<number> =>
  showPolled<Hist>(config, words, terminal, {
    path: "/hist",
    members: KINDS,
    join: joinHists,
    lines: histLines,
    json: (joined) => joined,
  });

/** What several instances say, as one: their buckets have the same bounds. */
export function joinHists(hists: readonly Hist[]): Hist {
  const [only] = hists;
  if (only !== undefined && hists.length === 1) return only;
  return Object.fromEntries(KINDS.map((kind) => [kind, join(hists.map((one) => one[kind]))])) as Hist;
}

function join(parts: readonly Latency[]): Latency {
  const counts = new Map<number, number>();
  for (const [upper, counted] of parts.flatMap(({ buckets }) => buckets))
    counts.set(upper, (counts.get(upper) ?? 0) + counted);
  const buckets = [...counts].sort(([a], [b]) => a - b);
  const all = parts.reduce((sum, part) => sum + part.count, 0);
  const percentile = (share: number): number | null => {
    let seen = 0;
    for (const [upper, counted] of buckets) {
      seen += counted;
      if (seen >= all * share) return upper;
    }
    return null;
  };
  return { count: all, p50_ms: percentile(0.5), p90_ms: percentile(0.9), p99_ms: percentile(0.99), buckets };
}

export function histLines(shown: Hist, { paint }: Pick<Screen, "paint">): string[] {
  const summaries = KINDS.map((kind) => {
    const { count: counted, p50_ms, p90_ms, p99_ms } = shown[kind];
    const percentiles = `p50 ${latency(p50_ms).padEnd(8)} p90 ${latency(p90_ms).padEnd(8)} p99 ${latency(p99_ms)}`;
    return `${paint(COLOURS[kind], kind.padEnd(8))} ${count(counted).padStart(10)}  ${percentiles}`;
  });
  const charts = KINDS.flatMap((kind) => chart(kind, shown[kind].buckets, paint));
  return [...summaries, "", ...charts];
}

function chart(
  kind: (typeof KINDS)[number],
  buckets: Latency["buckets"],
  paint: Screen["paint"],
): readonly string[] {
  if (buckets.length === 0) return [];
  const rows = BOUNDS.map((bound, i) => {
    const above = BOUNDS[i - 1] ?? -1;
    const last = i === BOUNDS.length - 1;
    return {
      bound,
      counted: buckets.reduce(
        (sum, [upper, counted]) => (upper > above && (upper <= bound || last) ? sum + counted : sum),
        0,
      ),
    };
  });
  const filled = rows.map(({ counted }) => counted > 0);
  const most = Math.max(...rows.map(({ counted }) => counted));
  const shown = rows.slice(filled.indexOf(true), filled.lastIndexOf(true) + 1);
  return [
    paint("bold", kind),
    ...shown.map(({ bound, counted }) => {
      const bar = "█".repeat(Math.ceil((counted / most) * BAR));
      return `  ≤ ${latency(bound).padStart(7)}  ${paint(COLOURS[kind], bar.padEnd(BAR))} ${count(counted)}`;
    }),
    "",
  ];
}
