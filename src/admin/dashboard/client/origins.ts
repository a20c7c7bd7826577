import type { OriginState, Top } from "./contract.ts";
import { byId, element, table } from "./element.ts";
import { count, instant, latency, span } from "./format.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

type Origins = Readonly<Record<string, OriginState>>;

/** How many readings of an origin's health the strip shows. */
const HISTORY = 40;

/** The origins: health now and while this page was open, and how long they take. */
export function showOrigins(origins: Source<Origins>, top: Source<Top>): void {
  const history = new Map<string, boolean[]>();
  let times: Top["origins"] = [];
  top.subscribe((reading) => {
    if (reading.type === "ready") times = reading.value.origins;
  });
  const timesOf = (name: string) => times.find(({ origin }) => origin === name);
  const draw = panel(byId("origins-table"), origins, {
    empty: (value) => (Object.keys(value).length === 0 ? "No origins." : undefined),
    show: (value) =>
      table(
        "Origins",
        [
          { title: "Origin", cell: ([name]) => element("code", {}, name) },
          { title: "Health", cell: ([, { healthy }]) => health(healthy) },
          { title: "Lately", cell: ([name]) => strip(history.get(name) ?? []) },
          { title: "Since", cell: ([, { since }]) => element("span", { title: instant(since) }, ago(since)) },
          { title: "Last check", cell: ([, { detail }]) => detail },
          { title: "In flight", numeric: true, cell: ([, { in_flight }]) => count(in_flight) },
          { title: "Requests", numeric: true, cell: ([name]) => count(timesOf(name)?.count ?? 0) },
          { title: "Median", numeric: true, cell: ([name]) => latency(timesOf(name)?.p50_ms) },
          { title: "99th", numeric: true, cell: ([name]) => latency(timesOf(name)?.p99_ms) },
        ],
        Object.entries(value),
      ),
  });
  origins.subscribe((reading) => {
    if (reading.type !== "ready") return;
    remember(history, reading.value);
    draw();
  });
}

function remember(history: Map<string, boolean[]>, origins: Origins): void {
  for (const name of history.keys()) if (!Object.hasOwn(origins, name)) history.delete(name);
  for (const [name, { healthy }] of Object.entries(origins)) {
    history.set(name, [...(history.get(name) ?? []), healthy].slice(-HISTORY));
  }
}

const health = (healthy: boolean): HTMLElement =>
  element("span", { class: healthy ? "badge good" : "badge bad" }, healthy ? "✓ healthy" : "✕ unhealthy");

/** One bar for each reading, the newest right; a bar of an unhealthy one is shorter, too. */
function strip(readings: readonly boolean[]): HTMLElement {
  const bad = readings.filter((healthy) => !healthy).length;
  const label = `healthy in ${readings.length - bad} of ${readings.length} readings`;
  const bars = readings.map((healthy) => element("i", { class: healthy ? "good" : "bad" }));
  return element("span", { class: "strip", role: "img", "aria-label": label, title: label }, ...bars);
}

const ago = (at: string): string => span((Date.now() - Date.parse(at)) / 1000);
