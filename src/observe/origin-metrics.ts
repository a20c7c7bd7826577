import { STATUS_CODES } from "node:http";
import { Counter, Gauge, type Registry } from "prom-client";
import type { CacheEvent } from "../cache/events.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { described } from "./described.ts";
import { Distributions, REMOTE_BUCKETS } from "./distribution.ts";
import { type Family, familyOf } from "./families.ts";
import { METRICS } from "./metric-table.ts";

type Event<Type extends CacheEvent["type"]> = CacheEvent & { readonly type: Type };

/** What is known of one origin now, and since the start. */
export interface OriginReading {
  readonly origin: string;
  readonly healthy: boolean;
  readonly inFlight: number;
  readonly ejected?: true;
  readonly ejections: number;
  readonly breakerOpen?: true;
  readonly breakerOpens: number;
}

/** More origins than anybody configures; further ones are counted together. */
const MAX_ORIGINS = 256;

/** Counts what is asked of origins, and what is known of them. `read` is asked at every scrape. */
export class OriginMetrics {
  readonly #origins = new Set<string>();
  readonly #requests;
  readonly #failures;
  readonly #revalidations;
  readonly #durations: Distributions;

  constructor(registry: Registry, read: () => readonly OriginReading[], now: () => EpochMs) {
    const registers = [registry];
    this.#requests = new Counter({ ...described(METRICS.originRequests), registers });
    this.#failures = new Counter({ ...described(METRICS.originFailures), registers });
    this.#revalidations = new Counter({ ...described(METRICS.revalidations), registers });
    this.#durations = new Distributions(REMOTE_BUCKETS, now);
    const gauge = (
      row: (typeof METRICS)[`origin${"Healthy" | "InFlight" | "Ejected" | "BreakerOpen"}`],
      of: (origin: OriginReading) => number,
    ) => {
      new Gauge({
        ...described(row),
        registers,
        collect() {
          this.reset();
          for (const origin of read()) this.set({ origin: origin.origin }, of(origin));
        },
      });
    };
    const counter = (
      row: (typeof METRICS)[`origin${"Ejections" | "BreakerOpens"}`],
      of: (origin: OriginReading) => number,
    ) => {
      new Counter({
        ...described(row),
        registers,
        collect() {
          this.reset();
          for (const origin of read()) this.inc({ origin: origin.origin }, of(origin));
        },
      });
    };
    gauge(METRICS.originHealthy, ({ healthy }) => Number(healthy));
    gauge(METRICS.originInFlight, ({ inFlight }) => inFlight);
    gauge(METRICS.originEjected, ({ ejected }) => Number(ejected === true));
    gauge(METRICS.originBreakerOpen, ({ breakerOpen }) => Number(breakerOpen === true));
    counter(METRICS.originEjections, ({ ejections }) => ejections);
    counter(METRICS.originBreakerOpens, ({ breakerOpens }) => breakerOpens);
  }

  answered({ origin: name, status, headMs, conditional }: Event<"origin-answered">): void {
    const origin = this.#label(name);
    this.#requests.inc({ origin, code_class: codeClass(status), code: codeLabel(status) });
    this.#durations.of(origin).record(headMs / 1000);
    if (!conditional) return;
    this.#revalidations.inc({
      result: status === 304 ? "validated" : status >= 500 ? "failed" : "replaced",
    });
  }

  failed({ origin: name, code, answered, conditional }: Event<"origin-failed">): void {
    const origin = this.#label(name);
    this.#failures.inc({ origin, code });
    if (answered === true) return;
    this.#requests.inc({ origin, code_class: "error", code });
    if (conditional === true) this.#revalidations.inc({ result: "error" });
  }

  families(): Family[] {
    const row = METRICS.originRequestDuration;
    return [
      familyOf(
        row,
        this.#durations.samples(row.name, (origin) => ({ origin })),
      ),
    ];
  }

  #label(origin: string | undefined): string {
    if (origin === undefined) return "none";
    if (this.#origins.has(origin)) return origin;
    if (this.#origins.size >= MAX_ORIGINS) return "other";
    this.#origins.add(origin);
    return origin;
  }
}

/** 2xx and so on; an origin can send any three digits. */
function codeClass(status: number): string {
  const first = Math.floor(status / 100);
  return first >= 1 && first <= 5 ? `${first}xx` : "other";
}

/** Some sixty are registered; a hostile origin has no others of its own. */
const codeLabel = (status: number): string =>
  STATUS_CODES[status] === undefined ? codeClass(status) : String(status);
