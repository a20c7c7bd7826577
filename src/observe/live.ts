import type { CacheEvent, Emit } from "../cache/events.ts";
import type { CacheWord, Forwarded, Reason } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { Histogram, type Occupied } from "./histogram.ts";
import { shownUri } from "./redact.ts";
import { CACHE_WORDS, KEPT_STEPS, recordOf, Series, type SeriesReading, STEP_MS } from "./series.ts";
import { type TopKey, TopKeys } from "./top-keys.ts";

type Answered = CacheEvent & { readonly type: "answered" };
/** Why a body did not come from the cache: the outcome's reason, else why the request went forward. */
export type MissReason = Reason | Forwarded | CacheWord;

/** What one process has seen since it began, in a form that can be added to others'. */
export interface LiveReading {
  readonly since: EpochMs;
  readonly hot: readonly TopKey<undefined>[];
  readonly missing: readonly TopKey<MissReason>[];
  readonly reasons: readonly (readonly [MissReason, number])[];
  readonly hits: Occupied;
  readonly misses: Occupied;
  readonly origins: readonly (readonly [origin: string, Occupied])[];
  readonly series: SeriesReading;
}

export interface LiveSources {
  readonly now: () => EpochMs;
  readonly memory: () => { readonly entries: number; readonly bytes: number };
  /** For how long purges of others may have gone unheard, in milliseconds. */
  readonly purgesBehindMs: () => number;
}

/** URLs that are counted: one that has more than 1/512 of all requests is never missed. */
const COUNTERS = 512;
/** Longer URLs are not counted by themselves, in characters: COUNTERS of them stay in memory. */
const MAX_URL = 2048;
/** In a busy second so many requests are counted by URL one by one, and of further ones each SAMPLE-th for all. */
const ONE_BY_ONE = 1000;
const SAMPLE = 16;
const MAX_ORIGINS = 100;

/** Counts what `freshline top`, `hist` and the dashboard show. Its own clock ticks once a second until `close`. */
export function createLive({ now, memory, purgesBehindMs }: LiveSources) {
  const since = now();
  const hot = new TopKeys<undefined>(COUNTERS);
  const missing = new TopKeys<MissReason>(COUNTERS);
  const reasons = new Map<MissReason, number>();
  const series = new Series();
  const hits = new Lately();
  const misses = new Lately();
  const origins = new Lately();
  const byOrigin = new Map<string, Histogram>();
  let requests = recordOf(CACHE_WORDS, () => 0);
  let bytes = 0;
  /** Requests of this second, and how far the next one that is counted by URL is. */
  let seen = 0;
  let skip = 0;

  const answered = (event: Answered): void => {
    const { outcome } = event;
    requests[outcome.word]++;
    bytes += event.bytes;
    countHot(event.uri);
    if (outcome.word === "BYPASS") {
      if (outcome.reason !== undefined) countReason(outcome.reason);
    } else if (outcome.body === "cache") {
      hits.now.record(event.headMs);
      if (outcome.reason !== undefined) countReason(outcome.reason);
    } else {
      misses.now.record(event.headMs);
      const reason = outcome.reason ?? outcome.fwd ?? outcome.word;
      countReason(reason);
      if (event.uri.length <= MAX_URL) missing.count(event.uri, reason);
    }
  };
  /** The hottest are found in a sample as well; its steps vary, so that no rhythm of requests deceives it. */
  const countHot = (uri: string): void => {
    if (seen++ < ONE_BY_ONE) {
      if (uri.length <= MAX_URL) hot.count(uri, undefined);
    } else if (--skip < 0) {
      skip = Math.floor(Math.random() * (2 * SAMPLE - 1));
      if (uri.length <= MAX_URL) hot.count(uri, undefined, SAMPLE);
    }
  };
  const countReason = (reason: MissReason): void => {
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const originAnswered = (event: CacheEvent & { readonly type: "origin-answered" }): void => {
    origins.now.record(event.headMs);
    let histogram = byOrigin.get(event.origin);
    if (histogram === undefined) {
      if (byOrigin.size >= MAX_ORIGINS) return;
      histogram = new Histogram();
      byOrigin.set(event.origin, histogram);
    }
    histogram.record(event.headMs);
  };

  const listen: Emit = (event) => {
    if (event.type === "answered") answered(event);
    else if (event.type === "origin-answered") originAnswered(event);
  };

  /** Ends a second. */
  function tick(): void {
    const behind = purgesBehindMs();
    const held = memory();
    series.add(now(), {
      requests,
      measured: {
        hit_p50_ms: hits.now.percentileMs(0.5),
        hit_p99_ms: hits.now.percentileMs(0.99),
        miss_p50_ms: misses.now.percentileMs(0.5),
        miss_p99_ms: misses.now.percentileMs(0.99),
        origin_p50_ms: origins.now.percentileMs(0.5),
        origin_p99_ms: origins.now.percentileMs(0.99),
        bytes,
        memory_bytes: held.bytes,
        entries: held.entries,
        purge_lag_ms: Number.isFinite(behind) ? behind : null,
      },
    });
    for (const lately of [hits, misses, origins]) lately.pass();
    requests = recordOf(CACHE_WORDS, () => 0);
    bytes = 0;
    seen = 0;
  }
  const ticking = setInterval(tick, STEP_MS).unref();

  return {
    listen,
    tick,
    read: (): LiveReading => ({
      since,
      hot: hot.top(COUNTERS).map(shown),
      missing: missing.top(COUNTERS).map(shown),
      reasons: [...reasons],
      hits: hits.all(),
      misses: misses.all(),
      origins: [...byOrigin].map(([origin, histogram]) => [origin, histogram.occupied()]),
      series: series.read(KEPT_STEPS),
    }),
    close: () => clearInterval(ticking),
  };
}

export type Live = ReturnType<typeof createLive>;

const shown = <Note>(top: TopKey<Note>): TopKey<Note> => ({ ...top, key: shownUrl(top.key) });

/** A target URI without user, password and secret parameters. */
export function shownUrl(uri: string): string {
  const { host, path } = shownUri(uri);
  return host === undefined ? path : `${uri.slice(0, uri.indexOf("://"))}://${host}${path}`;
}

/** Durations of this second, which is counted once, and of all seconds before. */
class Lately {
  readonly now = new Histogram();
  readonly #before = new Histogram();

  pass(): void {
    this.#before.add(this.now.occupied());
    this.now.clear();
  }

  all(): Occupied {
    const all = new Histogram();
    all.add(this.#before.occupied());
    all.add(this.now.occupied());
    return all.occupied();
  }
}
