import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { CacheEvent, Emit } from "../cache/events.ts";
import type { Tier } from "../cache/ports.ts";
import type { CacheWord } from "../policy/outcome.ts";
import { METRICS, type MetricRow } from "./metric-table.ts";
import { BUCKETS, RequestHistogram } from "./request-histogram.ts";
import type { MemoryReading } from "./stats.ts";

export interface MetricsSources {
  memory(): MemoryReading;
  /** Read at every scrape when given; otherwise an origin's health is known from its first change on. */
  origins?(): readonly { readonly origin: string; readonly healthy: boolean }[];
  /** For how many milliseconds purges of others may have gone unheard; absent where there are no others. */
  readonly purgesBehindMs?: (() => number) | undefined;
}

export interface Metrics {
  readonly listen: Emit;
  /** The Prometheus text format. */
  text(): Promise<string>;
  /** The same as data, which may pass to another process. */
  json(): Promise<MetricRows>;
}

export type MetricRows = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** More origins than anybody configures; further ones are counted together. */
const MAX_ORIGINS = 256;

type From = Tier | "origin" | "none";

/** Counts events for Prometheus, in a registry of its own: two proxies in one process do not meet. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const counted = new Map<CacheWord, Record<From, number>>();
  // Counted in plain numbers, because every hit passes here, and handed over at a scrape.
  new Counter({
    ...described("requests"),
    registers,
    collect() {
      this.reset();
      for (const [cache, byTier] of counted) {
        for (const [tier, count] of Object.entries(byTier)) if (count > 0) this.inc({ cache, tier }, count);
      }
    },
  });
  const durations = new RequestHistogram(registry);
  const reasons = new Counter({ ...described("requestReasons"), registers });
  const notStored = new Counter({ ...described("notStored"), registers });
  const coalesced = new Counter({ ...described("coalesced"), registers });
  const originRequests = new Counter({ ...described("originRequests"), registers });
  const originFailures = new Counter({ ...described("originFailures"), registers });
  const originDurations = new Histogram({
    ...described("originRequestDuration"),
    buckets: BUCKETS.filter((seconds) => seconds >= 0.0005),
    registers,
  });
  const originHealthy = new Gauge({
    ...described("originHealthy"),
    registers,
    collect() {
      for (const { origin, healthy } of sources.origins?.() ?? []) this.set({ origin }, healthy ? 1 : 0);
    },
  });
  const revalidations = new Counter({ ...described("revalidations"), registers });
  const refreshes = new Counter({ ...described("backgroundRefreshes"), registers });
  new Gauge({
    ...described("entries"),
    registers,
    collect() {
      this.set({ tier: "memory" }, sources.memory().entries);
    },
  });
  new Gauge({
    ...described("bytes"),
    registers,
    collect() {
      this.set({ tier: "memory" }, sources.memory().bytes);
    },
  });
  new Counter({
    ...described("evictions"),
    registers,
    collect() {
      this.reset();
      this.inc(sources.memory().evictions);
    },
  });
  const purges = new Counter({ ...described("purges"), registers });
  const { purgesBehindMs } = sources;
  let purgePropagation: Histogram | undefined;
  if (purgesBehindMs !== undefined) {
    purgePropagation = new Histogram({
      ...described("purgePropagation"),
      buckets: BUCKETS.filter((seconds) => seconds >= 0.0005),
      registers,
    });
    new Gauge({
      ...described("purgeLogAttached"),
      registers,
      collect() {
        this.set(purgesBehindMs() === 0 ? 1 : 0);
      },
    });
    new Gauge({
      ...described("purgeLogBehind"),
      registers,
      collect() {
        this.set(purgesBehindMs() / 1000);
      },
    });
  }
  const storeErrors = new Counter({ ...described("storeErrors"), registers });
  const storeUp = new Gauge({ ...described("storeUp"), registers });
  const foreignValues = new Counter({ ...described("foreignValues"), registers });

  const origins = new Set<string>();
  const originLabel = (origin: string | undefined): string => {
    if (origin === undefined) return "none";
    if (origins.has(origin)) return origin;
    if (origins.size >= MAX_ORIGINS) return "other";
    origins.add(origin);
    return origin;
  };

  const answered = (event: CacheEvent & { type: "answered" }): void => {
    const { word, body, reason, collapsed } = event.outcome;
    let byTier = counted.get(word);
    if (byTier === undefined) {
      byTier = { memory: 0, redis: 0, origin: 0, none: 0 };
      counted.set(word, byTier);
    }
    byTier[body === "cache" ? (event.tier ?? "none") : body]++;
    durations.tally(word, event.durationMs / 1000);
    if (reason !== undefined) reasons.inc({ reason });
    if (collapsed === true) coalesced.inc();
  };
  const originAnswered = (event: CacheEvent & { type: "origin-answered" }): void => {
    const origin = originLabel(event.origin);
    originRequests.inc({ origin, code_class: codeClass(event.status) });
    originDurations.observe({ origin }, event.headMs / 1000);
    if (!event.conditional) return;
    revalidations.inc({
      result: event.status === 304 ? "validated" : event.status >= 500 ? "failed" : "replaced",
    });
  };
  const originFailed = (event: CacheEvent & { type: "origin-failed" }): void => {
    const origin = originLabel(event.origin);
    originFailures.inc({ origin, code: event.code });
    if (event.answered !== true) originRequests.inc({ origin, code_class: "error" });
  };

  const listen: Emit = (event) => {
    switch (event.type) {
      case "answered":
        answered(event);
        return;
      case "origin-answered":
        originAnswered(event);
        return;
      case "origin-failed":
        originFailed(event);
        return;
      case "origin-health":
        originHealthy.set({ origin: originLabel(event.origin) }, event.healthy ? 1 : 0);
        return;
      case "not-stored":
        notStored.inc({ reason: event.reason });
        return;
      case "refreshed":
        refreshes.inc({ result: event.result });
        return;
      case "purged":
        purges.inc({ type: event.target.type, mode: event.mode });
        if (event.travelledMs !== undefined) purgePropagation?.observe(event.travelledMs / 1000);
        return;
      case "store-failed":
        storeErrors.inc({ tier: event.tier, operation: event.operation });
        return;
      case "store-state":
        storeUp.set(event.up ? 1 : 0);
        return;
      case "foreign-value":
        foreignValues.inc();
        return;
      case "stored":
        return;
    }
  };
  return { listen, text: () => registry.metrics(), json: () => registry.getMetricsAsJSON() };
}

function described<K extends keyof typeof METRICS>(key: K) {
  const { name, help, labels, together = "sum" }: MetricRow = METRICS[key];
  return {
    name,
    help,
    aggregator: together,
    labelNames: labels as readonly (typeof METRICS)[K]["labels"][number][],
  };
}

/** 2xx and so on; an origin can send any three digits. */
function codeClass(status: number): string {
  const first = Math.floor(status / 100);
  return first >= 1 && first <= 5 ? `${first}xx` : "other";
}
