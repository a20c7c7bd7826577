import type { CacheWord, Series, Stats, Values } from "../../answers.ts";
import { type Chart, createChart } from "./chart.ts";
import { byId, element } from "./element.ts";
import { bytes, count, latency, rate, share, span } from "./format.ts";
import { message } from "./panel.ts";
import type { Source } from "./source.ts";
import { CACHE_WORDS, type DrawnSeries, drawnSteps } from "./steps.ts";

/** How it goes: numbers of now, and requests, hit ratio and latency over time. */
export function showOverview(stats: Source<Stats>, series: Source<Series>): Chart[] {
  const tiles = byId("tiles");
  let latest: { stats?: Stats; series?: Series } = {};
  const draw = (): void => tiles.replaceChildren(...tilesOf(latest));
  stats.subscribe((reading) => {
    if (reading.type === "ready") latest = { ...latest, stats: reading.value };
    draw();
  });
  series.subscribe((reading) => {
    if (reading.type === "ready") latest = { ...latest, series: reading.value };
    draw();
  });
  return [
    overTime(
      "requests-chart",
      series,
      { title: "Requests a second by outcome", format: rate, stacked: true },
      byOutcome,
    ),
    overTime(
      "ratio-chart",
      series,
      { title: "Share of answers from the cache", format: share, max: 1 },
      ratio,
    ),
    overTime(
      "latency-chart",
      series,
      { title: "Latency of hits, misses and origins", format: latency, logarithmic: true },
      latencies,
    ),
  ];
}

function tilesOf({ stats, series }: { readonly stats?: Stats; readonly series?: Series }): HTMLElement[] {
  const recent = series === undefined ? undefined : lastMinute(series);
  const rows: [name: string, value: string, note: string][] = [
    [
      "Hit ratio",
      stats === undefined ? "…" : stats.requests === 0 ? "–" : share(stats.hit_rate),
      "since the start",
    ],
    ["Requests", recent === undefined ? "…" : rate(recent), "in the last minute"],
    ["Hits, p99", latency(newest(series?.hit_p99_ms)), "latest"],
    ["Origins, p99", latency(newest(series?.origin_p99_ms)), "latest"],
    [
      "In memory",
      stats === undefined ? "…" : bytes(stats.bytes),
      stats === undefined ? "" : `${count(stats.entries)} entries`,
    ],
    [
      "Origin requests",
      stats === undefined ? "…" : count(stats.origin_requests),
      stats === undefined ? "" : `of ${count(stats.requests)} requests`,
    ],
    [
      "Errors of ours",
      stats === undefined ? "…" : count(stats.errors),
      stats === undefined ? "" : `up for ${span(stats.uptime_seconds)}`,
    ],
  ];
  return rows.map(([name, value, note]) =>
    element(
      "div",
      { class: "tile" },
      element("dt", {}, name),
      element("dd", {}, value),
      element("dd", { class: "quiet" }, note),
    ),
  );
}

/** Requests a second. The step that has just begun would make it look slower than it is. */
function lastMinute({ at, step_ms, requests }: Series): number {
  const steps = Math.max(1, Math.min(Math.round(60_000 / step_ms), at.length - 1));
  let sum = 0;
  for (const values of Object.values(requests)) {
    for (const value of values.slice(-steps - 1, -1)) sum += value;
  }
  return sum / ((steps * step_ms) / 1000);
}

const newest = (values: Values | undefined): number | null =>
  values?.findLast((value) => value !== null) ?? null;

function overTime(
  id: string,
  source: Source<Series>,
  options: Parameters<typeof createChart>[1],
  linesOf: (series: DrawnSeries) => Parameters<Chart["show"]>[1],
): Chart {
  const place = byId(id);
  const canvas = element("div");
  const note = message("Loading …");
  canvas.hidden = true;
  place.replaceChildren(note, canvas);
  const chart = createChart(canvas, options);
  source.subscribe((reading) => {
    place.dataset["state"] = reading.type;
    if (reading.type === "absent") note.textContent = "Not available from this admin API.";
    if (reading.type === "failed")
      note.textContent = `${canvas.hidden ? "No answer" : "Not up to date"}: ${reading.message}.`;
    if (reading.type !== "ready") {
      note.hidden = false;
      return;
    }
    const drawn = drawnSteps(reading.value);
    const from = firstStep(drawn);
    const lines = linesOf(drawn).map((line) => ({ ...line, values: line.values.slice(from) }));
    const any = lines.some(({ values }) => values.some((value) => value !== null && value > 0));
    note.textContent = "No requests in the last ten minutes.";
    note.hidden = any;
    canvas.hidden = !any;
    if (any) chart.show(drawn.at.slice(from), lines);
  });
  return chart;
}

const LEAST_MS = 60_000;

/** The time before the first request is left out, a minute at least excepted: a proxy that has just started fills the picture. */
function firstStep({ at, requests }: DrawnSeries): number {
  const first = at.findIndex((_, step) => Object.values(requests).some((values) => (values[step] ?? 0) > 0));
  const lastMinute = at.findIndex((time) => time >= (at.at(-1) ?? 0) - LEAST_MS);
  return Math.max(0, Math.min(first, lastMinute));
}

/** The commonest at the bottom, so that what is rarer stands on steady ground. */
function byOutcome({ requests, step_ms }: DrawnSeries) {
  const seconds = step_ms / 1000;
  return CACHE_WORDS.toReversed().map((word) => ({
    label: word,
    color: colorOf(word),
    values: requests[word].map((value) => value / seconds),
  }));
}

const FROM_CACHE: ReadonlySet<CacheWord> = new Set(["HIT", "UPDATING", "STALE", "REVALIDATED"]);

/** BYPASS is in neither part: it is not a cache's business. */
function ratio({ requests, at }: DrawnSeries) {
  const values = at.map((_, step) => {
    let hits = 0;
    let all = 0;
    for (const word of CACHE_WORDS) {
      const value = word === "BYPASS" ? 0 : (requests[word][step] ?? 0);
      all += value;
      if (FROM_CACHE.has(word)) hits += value;
    }
    return all === 0 ? null : hits / all;
  });
  return [{ label: "Hit ratio", color: "--hit", values }];
}

/** A logarithmic axis has no place for nothing. */
const drawable = (values: Values) => values.map((value) => (value === null || value <= 0 ? null : value));

const latencies = (series: DrawnSeries) => [
  { label: "Hits, median", color: "--hit", values: drawable(series.hit_p50_ms) },
  { label: "Hits, 99th", color: "--updating", values: drawable(series.hit_p99_ms) },
  { label: "Misses, median", color: "--miss", values: drawable(series.miss_p50_ms) },
  { label: "Misses, 99th", color: "--expired", values: drawable(series.miss_p99_ms) },
  { label: "Origins, median", color: "--revalidated", values: drawable(series.origin_p50_ms) },
  { label: "Origins, 99th", color: "--stale", values: drawable(series.origin_p99_ms) },
];

export const colorOf = (word: CacheWord): string => `--${word.toLowerCase()}`;
