import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Stats } from "../admin/answers.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { described } from "./described.ts";
import { exposed, type MetricsFormat } from "./exposition.ts";
import { type Family, joinFamilies } from "./families.ts";
import { WORKER_METRICS } from "./metric-table.ts";
import { familiesOf } from "./metrics.ts";
import { createStats } from "./stats.ts";

/** What one worker has counted. */
export interface Reading {
  readonly stats: Stats;
  readonly metrics: readonly Family[];
}

/** GET /stats, where several workers serve. */
export interface StatsOfWorkers extends Stats {
  readonly workers: { readonly running: number; readonly died: number; readonly pids: readonly number[] };
}

const NO_MEMORY = { entries: 0, bytes: 0, evictions: 0 };

/**
 * What have several workers counted together?
 *
 * Who is replaced takes nothing away: what it counted stays in the sums, so that no counter falls.
 * Of a worker that was killed that is what it said last.
 */
export class Together<Worker> {
  readonly #pids: () => readonly number[];
  readonly #last = new Map<Worker, Reading>();
  readonly #nothing: () => Stats;
  #goneStats: Stats;
  #goneMetrics: readonly Family[] = [];
  #died = 0;
  readonly #own = new Registry();

  /** `pids` says who serve now. */
  constructor(pids: () => readonly number[], now: () => EpochMs) {
    this.#pids = pids;
    this.#nothing = createStats({ memory: () => NO_MEMORY, now }).read;
    this.#goneStats = this.#nothing();
    // What the process that started the workers takes is a part of the whole.
    collectDefaultMetrics({ register: this.#own });
    const registers = [this.#own];
    new Gauge({
      ...described(WORKER_METRICS.workers),
      registers,
      collect() {
        this.set(pids().length);
      },
    });
    const died = () => this.#died;
    new Counter({
      ...described(WORKER_METRICS.workerDeaths),
      registers,
      collect() {
        this.reset();
        this.inc(died());
      },
    });
  }

  /** What the worker has counted by now. */
  read(worker: Worker, reading: Reading): void {
    this.#last.set(worker, reading);
  }

  /** The worker is no more; `died` when nobody had asked it to end. */
  gone(worker: Worker, died: boolean): void {
    if (died) this.#died++;
    const last = this.#last.get(worker);
    this.#last.delete(worker);
    if (last === undefined) return;
    this.#goneStats = add(this.#goneStats, { ...last.stats, entries: 0, bytes: 0 });
    this.#goneMetrics = joinFamilies([this.#goneMetrics, last.metrics.filter(isCount)]);
  }

  stats(): StatsOfWorkers {
    const live = [...this.#last.values()].map(({ stats }) => stats);
    const sum = live.reduce(add, this.#goneStats);
    const pids = this.#pids();
    const asked = sum.hits + sum.misses;
    return {
      ...sum,
      uptime_seconds: this.#nothing().uptime_seconds,
      hit_rate: asked === 0 ? 0 : sum.hits / asked,
      store: { ...sum.store, up: live.length > 0 && live.every(({ store }) => store.up) },
      workers: { running: pids.length, died: this.#died, pids },
    };
  }

  /** The Prometheus text format. */
  async metricsText(format: MetricsFormat = "prometheus"): Promise<string> {
    const live = [...this.#last.values()].map(({ metrics }) => metrics);
    const own = await familiesOf(this.#own);
    return exposed(joinFamilies([...live, this.#goneMetrics, own]), format);
  }
}

/** What only grows; the rest was true of a worker while it was there. */
const isCount = ({ type }: Family): boolean => type === "counter" || type === "histogram";

/** Numbers are added, members of objects each by itself; all else is as in the second. */
function add<T>(first: T, second: T): T {
  if (typeof first === "number" && typeof second === "number") return (first + second) as T;
  if (!isObject(first) || !isObject(second)) return second;
  const sum: Record<string, unknown> = { ...first };
  for (const [name, value] of Object.entries(second))
    sum[name] = name in first ? add(first[name], value) : value;
  return sum as T;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
