import type { MetricRow } from "./metric-table.ts";

/** One metric and its series, as data that may pass to another process. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  /** What the values of several processes make together. */
  readonly aggregator: "sum" | "min" | "max" | "average" | "first" | "omit";
  readonly values: readonly Sample[];
}

export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  /** Where it is not the family's: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
  readonly exemplar?: Exemplar | null;
}

/** One observation of a bucket that can be looked up as a trace. */
export interface Exemplar {
  readonly labelSet: Labels;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** A metric of ours with its series. */
export const familyOf = (
  { name, help, kind, together = "sum" }: MetricRow,
  values: readonly Sample[],
): Family => ({
  name,
  help,
  type: kind,
  aggregator: together,
  values,
});

/** What do the families of several processes make together? In the order in which they are first met. */
export function joinFamilies(parts: readonly (readonly Family[])[]): Family[] {
  const byName = new Map<string, Family[]>();
  for (const family of parts.flat()) {
    const others = byName.get(family.name);
    if (others === undefined) byName.set(family.name, [family]);
    else others.push(family);
  }
  return [...byName.values()].flatMap(joined);
}

function joined(families: readonly Family[]): Family[] {
  const [first] = families;
  if (first === undefined || first.aggregator === "omit") return [];
  if (families.length === 1) return [first];
  const series = new Map<string, Sample[]>();
  for (const sample of families.flatMap(({ values }) => values)) {
    const name = `${sample.metricName ?? ""} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    const others = series.get(name);
    if (others === undefined) series.set(name, [sample]);
    else others.push(sample);
  }
  return [{ ...first, values: Array.from(series.values(), (samples) => joinedSample(first, samples)) }];
}

function joinedSample({ name, aggregator }: Family, samples: readonly Sample[]): Sample {
  const [first] = samples as readonly [Sample, ...Sample[]];
  const values = samples.map(({ value }) => value);
  const exemplar = samples
    .flatMap((sample) => sample.exemplar ?? [])
    .reduce<Exemplar | undefined>(
      (newest, one) => (newest === undefined || one.timestamp > newest.timestamp ? one : newest),
      undefined,
    );
  return {
    ...(first.metricName === undefined ? {} : { metricName: first.metricName }),
    labels: first.labels,
    // The mean of several event loops would hide the one that is blocked.
    value: name.startsWith("nodejs_eventloop_lag_") ? Math.max(...values) : combined(aggregator, values),
    ...(exemplar === undefined ? {} : { exemplar }),
  };
}

function combined(aggregator: Family["aggregator"], values: readonly number[]): number {
  const sum = () => values.reduce((total, value) => total + value, 0);
  switch (aggregator) {
    case "sum":
      return sum();
    case "average":
      return sum() / values.length;
    case "min":
      return Math.min(...values);
    case "max":
      return Math.max(...values);
    case "first":
    case "omit":
      return values[0] ?? 0;
  }
}
