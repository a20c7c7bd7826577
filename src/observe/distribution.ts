import type { EpochMs } from "../policy/stored-response.ts";
import type { Exemplar, Labels, Sample } from "./families.ts";

/** Upper bounds in seconds, from a hit in memory (50 µs, and what is twice as fast or slow) to an origin that is in trouble. */
export const BUCKETS: readonly number[] = [
  0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
];

/** For what takes a trip over a network. */
export const REMOTE_BUCKETS: readonly number[] = BUCKETS.filter((seconds) => seconds >= 0.0005);

/** A trace id (W3C Trace Context §3.2.2.3); what is not one could be any length. */
const TRACE_ID = /^[0-9a-f]{32}$/;

/**
 * One series of a histogram. prom-client hashes the labels at every observation (0.25 µs);
 * this one, which every hit passes, counts in arrays (0.01 µs).
 */
export class Distribution {
  readonly #bounds: readonly number[];
  /** One per bound and one for what is above them all. */
  readonly #counts: Float64Array;
  readonly #exemplars: (Exemplar | undefined)[] = [];
  readonly #now: () => EpochMs;
  #sum = 0;

  constructor(bounds: readonly number[], now: () => EpochMs = Date.now) {
    this.#bounds = bounds;
    this.#now = now;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one; the last of each bucket that has a trace is remembered. */
  record(seconds: number, traceId?: string): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
    if (traceId !== undefined && TRACE_ID.test(traceId))
      this.#exemplars[bucket] = {
        labelSet: { trace_id: traceId },
        value: seconds,
        timestamp: this.#now() / 1000,
      };
  }

  get isEmpty(): boolean {
    return this.#counts.every((count) => count === 0);
  }

  /** The series of a histogram of this name. */
  samples(name: string, labels: Labels): Sample[] {
    const samples: Sample[] = [];
    let cumulative = 0;
    this.#counts.forEach((count, bucket) => {
      cumulative += count;
      const exemplar = this.#exemplars[bucket];
      samples.push({
        metricName: `${name}_bucket`,
        labels: { le: this.#bounds[bucket] ?? "+Inf", ...labels },
        value: cumulative,
        ...(exemplar === undefined ? {} : { exemplar }),
      });
    });
    samples.push({ metricName: `${name}_sum`, labels, value: this.#sum });
    samples.push({ metricName: `${name}_count`, labels, value: cumulative });
    return samples;
  }
}

/** A histogram's series, by names that are few: to bound them is the caller's affair. */
export class Distributions {
  readonly #byName = new Map<string, Distribution>();
  readonly #create: () => Distribution;

  constructor(bounds: readonly number[], now: () => EpochMs) {
    this.#create = () => new Distribution(bounds, now);
  }

  of(name: string): Distribution {
    let distribution = this.#byName.get(name);
    if (distribution === undefined) {
      distribution = this.#create();
      this.#byName.set(name, distribution);
    }
    return distribution;
  }

  samples(metric: string, labelsOf: (name: string) => Labels): Sample[] {
    return [...this.#byName].flatMap(([name, distribution]) => distribution.samples(metric, labelsOf(name)));
  }
}
