import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Emit } from "../cache/events.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { described } from "./described.ts";
import { exposed, type MetricsFormat } from "./exposition.ts";
import type { Family } from "./families.ts";
import { METRICS } from "./metric-table.ts";
import { OriginMetrics, type OriginReading } from "./origin-metrics.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { StoreMetrics, type StoreSources } from "./store-metrics.ts";

export interface MetricsSources extends Omit<StoreSources, "now"> {
  /** Read at every scrape. */
  readonly origins?: () => readonly OriginReading[];
  /** Those that are shown now, and until when they are valid. Read at every scrape. */
  readonly certificates?: () => readonly ShownCertificate[];
  /** METRICS_ROUTES; few enough for series of their own. */
  readonly routes?: readonly string[];
  /** Date.now when absent. */
  readonly now?: () => EpochMs;
}

export interface ShownCertificate {
  readonly subject: string;
  readonly validTo: EpochMs;
}

/** A certificate for many hosts has a longer name. */
const MAX_NAME_LENGTH = 128;

export interface Metrics {
  readonly listen: Emit;
  text(format?: MetricsFormat): Promise<string>;
  /** The same as data, which may pass to another process. */
  families(): Promise<readonly Family[]>;
}

/** Counts events for Prometheus, in a registry of its own: two proxies in one process do not meet. */
export function createMetrics(sources: MetricsSources): Metrics {
  const { origins: readOrigins = () => [], routes = [], now = Date.now } = sources;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new RequestMetrics(routes, now);
  const origins = new OriginMetrics(registry, readOrigins, now);
  const stores = new StoreMetrics(registry, { ...sources, now });
  const registers = [registry];
  const refreshes = new Counter({ ...described(METRICS.backgroundRefreshes), registers });
  watchCertificates(registry, sources.certificates ?? (() => []));
  const connectionsRefused = new Counter({ ...described(METRICS.connectionsRefused), registers });
  const spansLost = new Counter({ ...described(METRICS.spansLost), registers });

  const listen: Emit = (event) => {
    switch (event.type) {
      case "answered":
        return requests.answered(event);
      case "coalesced":
        return requests.coalesced(event);
      case "not-stored":
        return requests.notStored(event.reason);
      case "origin-answered":
        return origins.answered(event);
      case "origin-failed":
        return origins.failed(event);
      case "refreshed":
        refreshes.inc({ result: event.result });
        return;
      case "stored":
        return stores.stored();
      case "purged":
        return stores.purged(event);
      case "store-asked":
        return stores.asked(event);
      case "store-failed":
        return stores.failed(event);
      case "store-state":
        return stores.state(event);
      case "foreign-value":
        return stores.foreign();
      case "connection-refused":
        connectionsRefused.inc({ answered: event.answered ? "yes" : "no" });
        return;
      case "spans-lost":
        spansLost.inc(event.spans);
        return;
      case "certificates":
        return;
      // What is known of origins is read at every scrape.
      case "origin-health":
      case "origin-ejected":
        return;
    }
  };
  const families = async () => [
    ...requests.families(),
    ...origins.families(),
    ...(await stores.families()),
    ...(await familiesOf(registry)),
  ];
  return { listen, families, text: async (format = "prometheus") => exposed(await families(), format) };
}

function watchCertificates(registry: Registry, read: () => readonly ShownCertificate[]): void {
  new Gauge({
    ...described(METRICS.certificateExpiry),
    registers: [registry],
    collect() {
      this.reset();
      // The first to end is set last.
      for (const { subject, validTo } of read().toSorted((a, b) => b.validTo - a.validTo))
        this.set({ name: subject.slice(0, MAX_NAME_LENGTH) }, validTo / 1000);
    },
  });
}

/** What is in a registry. Of prom-client's own types that of `type` is an enumeration that nothing has at run time. */
export const familiesOf = async (registry: Registry): Promise<readonly Family[]> =>
  (await registry.getMetricsAsJSON()) as unknown as readonly Family[];
