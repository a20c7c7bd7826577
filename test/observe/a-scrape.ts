import type { CacheEvent } from "../../src/cache/events.ts";
import { createMetrics, type Metrics, type MetricsSources } from "../../src/observe/metrics.ts";
import type { OriginReading } from "../../src/observe/origin-metrics.ts";
import type { TierReading } from "../../src/observe/store-metrics.ts";

export const ORIGIN = "http://127.0.0.1:4001";

export const memory = (): TierReading => ({ entries: 0, bytes: 0, evictions: 0, expired: 0, purged: 0 });

export const anOrigin = (overrides: Partial<OriginReading> = {}): OriginReading => ({
  origin: ORIGIN,
  healthy: true,
  inFlight: 0,
  ejections: 0,
  breakerOpens: 0,
  ...overrides,
});

/** Metrics that have heard of these events. */
export function metricsOf(events: readonly CacheEvent[], sources: Partial<MetricsSources> = {}): Metrics {
  const metrics = createMetrics({ memory, ...sources });
  for (const event of events) metrics.listen(event);
  return metrics;
}

/** The sample lines of our own metrics. */
export async function samplesOf(metrics: Metrics, prefix = "freshline_"): Promise<string[]> {
  const text = await metrics.text();
  return text.split("\n").filter((line) => line.startsWith(prefix));
}
