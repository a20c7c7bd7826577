import type { CacheWord } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";

export const STEP_MS = 1000;
/** So many steps are kept: ten minutes. */
export const KEPT_STEPS = 600;

export const CACHE_WORDS = [
  "HIT",
  "UPDATING",
  "STALE",
  "REVALIDATED",
  "EXPIRED",
  "MISS",
  "BYPASS",
] as const satisfies readonly CacheWord[];

/** What is known of each second besides its requests; null where nothing was measured. */
export const MEASURES = [
  "hit_p50_ms",
  "hit_p99_ms",
  "miss_p50_ms",
  "miss_p99_ms",
  "origin_p50_ms",
  "origin_p99_ms",
  "bytes",
  "memory_bytes",
  "entries",
  "purge_lag_ms",
] as const;
export type Measure = (typeof MEASURES)[number];

/** What happened within one second. */
export interface Step {
  readonly requests: Readonly<Record<CacheWord, number>>;
  readonly measured: Readonly<Record<Measure, number | null>>;
}

/** GET /series: for every name one value for each step, the oldest first. */
export interface SeriesReading {
  readonly at: readonly EpochMs[];
  readonly requests: Readonly<Record<CacheWord, readonly number[]>>;
  readonly measured: Readonly<Record<Measure, readonly (number | null)[]>>;
}

/** The last seconds, in arrays of fixed size. */
export class Series {
  readonly #at = new Float64Array(KEPT_STEPS);
  readonly #requests = recordOf(CACHE_WORDS, () => new Float64Array(KEPT_STEPS));
  /** NaN where nothing was measured. */
  readonly #measured = recordOf(MEASURES, () => new Float64Array(KEPT_STEPS));
  #steps = 0;

  /** The second that ended at `at`. */
  add(at: EpochMs, { requests, measured }: Step): void {
    const second = Math.floor(at / STEP_MS) * STEP_MS;
    const before = this.#at[(this.#steps + KEPT_STEPS - 1) % KEPT_STEPS];
    const place = this.#steps++ % KEPT_STEPS;
    // Timers are not exact: two may fall into one second.
    this.#at[place] = second === before ? second + STEP_MS : second;
    for (const word of CACHE_WORDS) this.#requests[word][place] = requests[word];
    for (const name of MEASURES) this.#measured[name][place] = measured[name] ?? Number.NaN;
  }

  read(steps: number): SeriesReading {
    const length = Math.min(steps, this.#steps, KEPT_STEPS);
    const places = Array.from({ length }, (_, i) => (this.#steps - length + i) % KEPT_STEPS);
    const valuesOf = (ring: Float64Array): number[] => places.map((place) => ring[place] ?? 0);
    const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
    return {
      at: valuesOf(this.#at),
      requests: recordOf(CACHE_WORDS, (word) => valuesOf(this.#requests[word])),
      measured: recordOf(MEASURES, (name) => valuesOf(this.#measured[name]).map(orNull)),
    };
  }
}

/** Several processes' series as one, second by second. */
export function together(readings: readonly SeriesReading[], steps: number): SeriesReading {
  const [only] = readings;
  if (only !== undefined && readings.length === 1) return only;
  const seconds = new Set(readings.flatMap(({ at }) => at));
  const at = [...seconds].sort((a, b) => a - b).slice(-steps);
  const places = readings.map((reading) => new Map(reading.at.map((second, i) => [second, i])));
  const valuesOf = (
    valuesIn: (reading: SeriesReading) => readonly (number | null)[],
    second: EpochMs,
  ): number[] =>
    readings.flatMap((reading, i) => {
      const place = places[i]?.get(second);
      return place === undefined ? [] : (valuesIn(reading)[place] ?? []);
    });
  return {
    at,
    requests: recordOf(CACHE_WORDS, (word) =>
      at.map((second) => sum(valuesOf((reading) => reading.requests[word], second))),
    ),
    measured: recordOf(MEASURES, (name) =>
      at.map((second) => {
        const values = valuesOf((reading) => reading.measured[name], second);
        if (values.length === 0) return null;
        return ADDED.has(name) ? sum(values) : Math.max(...values);
      }),
    ),
  };
}

/** Of the others the worst is shown: no percentile of all is above the highest of theirs. */
const ADDED: ReadonlySet<Measure> = new Set(["bytes", "memory_bytes", "entries"]);

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

export function recordOf<Name extends string, T>(
  names: readonly Name[],
  of: (name: Name) => T,
): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, T>;
}
