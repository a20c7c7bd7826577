import type { Hist, Latency, Series, Top } from "../admin/answers.ts";
import { joined, type Occupied, upperMs } from "./histogram.ts";
import type { LiveReading, MissReason } from "./live.ts";
import { CACHE_WORDS, MEASURES, recordOf, STEP_MS, together } from "./series.ts";
import type { TopKey } from "./top-keys.ts";

/** GET /top, of one or several processes: the most frequent first, and of origins the slowest. */
export function topOf(readings: readonly LiveReading[], most: number): Top {
  const reasons = new Map<MissReason, number>();
  for (const [reason, count] of readings.flatMap((reading) => reading.reasons))
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  const origins = Map.groupBy(
    readings.flatMap((reading) => reading.origins),
    ([origin]) => origin,
  );
  return {
    since: Math.min(...readings.map(({ since }) => since)),
    hot: mostOf(
      readings.map(({ hot }) => hot),
      most,
    ).map(({ key, count }) => ({ url: key, count })),
    missing: mostOf(
      readings.map(({ missing }) => missing),
      most,
    ).map(({ key, count, note }) => ({ url: key, count, reason: note })),
    reasons: [...reasons].map(([reason, count]) => ({ reason, count })).sort(byCount),
    origins: [...origins]
      .map(([origin, parts]) => {
        const { count, p50_ms, p99_ms } = latencyOf(parts.map(([, occupied]) => occupied));
        return { origin, count, p50_ms, p99_ms };
      })
      .sort((a, b) => (b.p99_ms ?? 0) - (a.p99_ms ?? 0)),
  };
}

const byCount = (a: { readonly count: number }, b: { readonly count: number }): number => b.count - a.count;

/** Keys of several sketches together; what one of them has dropped was rare there. */
function mostOf<Note>(sketches: readonly (readonly TopKey<Note>[])[], most: number): TopKey<Note>[] {
  const all = new Map<string, TopKey<Note>>();
  for (const one of sketches.flat()) {
    const known = all.get(one.key);
    const count = one.count + (known?.count ?? 0);
    all.set(one.key, { ...one, count, error: one.error + (known?.error ?? 0) });
  }
  return [...all.values()].sort(byCount).slice(0, most);
}

/** GET /hist, of one or several processes. */
export const histOf = (readings: readonly LiveReading[]): Hist => ({
  hits: latencyOf(readings.map(({ hits }) => hits)),
  misses: latencyOf(readings.map(({ misses }) => misses)),
  origins: latencyOf(readings.flatMap(({ origins }) => origins.map(([, occupied]) => occupied))),
});

function latencyOf(parts: readonly Occupied[]): Latency {
  const all = joined(parts);
  const occupied = all.occupied();
  const buckets = occupied.flatMap((index, i) =>
    i % 2 === 0 ? [[upperMs(index), occupied[i + 1] ?? 0] as const] : [],
  );
  return {
    count: all.count,
    p50_ms: all.percentileMs(0.5),
    p90_ms: all.percentileMs(0.9),
    p99_ms: all.percentileMs(0.99),
    buckets,
  };
}

const STEPS_A_MINUTE = 60_000 / STEP_MS;

/** GET /series, of one or several processes: where there are several, percentiles are the worst process's. */
export function seriesOf(readings: readonly LiveReading[], minutes: number): Series {
  const steps = minutes * STEPS_A_MINUTE;
  const { at, requests, measured } = together(
    readings.map(({ series }) => series),
    steps,
  );
  const last = <T>(values: readonly T[]): readonly T[] => values.slice(-steps);
  return {
    step_ms: STEP_MS,
    at: last(at),
    requests: recordOf(CACHE_WORDS, (word) => last(requests[word])),
    ...recordOf(MEASURES, (name) => last(measured[name])),
  };
}
