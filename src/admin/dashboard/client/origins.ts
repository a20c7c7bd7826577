import type { ShownOrigin, Top } from "../../answers.ts";
import { byId, element, table } from "./element.ts";
import { count, instant, latency, span } from "./format.ts";
import { healthySteps } from "./health-history.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

type Origins = Readonly<Record<string, ShownOrigin>>;

/** The origins: health now and over the last minutes, and how long they take. */
export function showOrigins(origins: Source<Origins>, top: Source<Top>): void {
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
          { title: "Health", cell: ([, origin]) => health(origin) },
          { title: "Lately", cell: ([, origin]) => strip(origin) },
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
    if (reading.type === "ready") draw();
  });
}

const HEALTH = {
  up: ["badge good", "✓ healthy"],
  down: ["badge bad", "✕ unhealthy"],
  draining: ["badge", "… draining"],
} as const;

/** What it is, and why it gets no turn while it is that. */
function health({ state, ejected, breaker_open }: ShownOrigin): HTMLElement {
  const [name, word] = HEALTH[state];
  return element(
    "span",
    { class: "badges" },
    element("span", { class: name }, word),
    ejected
      ? element(
          "span",
          { class: "badge bad", title: "It fails, and gets no turn while others can have it" },
          "✕ ejected",
        )
      : undefined,
    breaker_open
      ? element(
          "span",
          { class: "badge bad", title: "It leaves requests unanswered, and gets but a trial now and then" },
          "✕ breaker open",
        )
      : undefined,
  );
}

/** One bar for each step, the newest right; a bar of one in which it was unhealthy is shorter, too. */
function strip(origin: ShownOrigin): HTMLElement {
  const steps = healthySteps(origin, Date.now());
  const bad = steps.filter((healthy) => !healthy).length;
  const last = origin.history.at(-1);
  const label =
    last === undefined
      ? `${origin.healthy ? "healthy" : "unhealthy"} for ${ago(origin.since)}`
      : `healthy in ${steps.length - bad} of the last ${steps.length} quarters of a minute; last change ${ago(last.at)} ago: ${last.detail}`;
  const bars = steps.map((healthy) => element("i", { class: healthy ? "good" : "bad" }));
  return element("span", { class: "strip", role: "img", "aria-label": label, title: label }, ...bars);
}

const ago = (at: string): string => span((Date.now() - Date.parse(at)) / 1000);
