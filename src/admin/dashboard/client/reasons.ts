import type { Hist, ShownReason, Top } from "../../answers.ts";
import { byId, element, table } from "./element.ts";
import { count, latency, share } from "./format.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

/** Why requests were not answered by fresh hits, the commonest first, with what would change it. */
export function showReasons(top: Source<Top>, sentences: Source<readonly ShownReason[]>): void {
  let known: ReadonlyMap<string, ShownReason> = new Map();
  const draw = panel(byId("reasons-table"), top, {
    empty: ({ reasons }) =>
      reasons.length === 0 ? "Nothing was refused, passed on or not stored yet." : undefined,
    show: ({ reasons }) => {
      const all = reasons.reduce((sum, row) => sum + row.count, 0);
      return table(
        "Reasons",
        [
          { title: "Reason", cell: ({ reason }) => element("code", {}, reason) },
          { title: "Requests", numeric: true, cell: (row) => count(row.count) },
          { title: "Share", cell: (row) => bar(row.count / all) },
          { title: "What it means", cell: ({ reason }) => known.get(reason)?.sentence ?? "–" },
          { title: "What would change it", cell: ({ reason }) => known.get(reason)?.change ?? "–" },
        ],
        reasons,
      );
    },
  });
  sentences.subscribe((reading) => {
    if (reading.type !== "ready") return;
    known = new Map(reading.value.map((row) => [row.code, row]));
    draw();
  });
}

function bar(part: number): HTMLElement {
  const filled = element("i");
  filled.style.width = `${Math.max(1, part * 100)}%`;
  return element("span", { class: "meter" }, element("span", {}, filled), share(part));
}

/** Latencies since the start. */
export function showHist(hist: Source<Hist>): void {
  const rows = [
    ["Hits", "hits"],
    ["Misses", "misses"],
    ["Origins", "origins"],
  ] as const;
  panel(byId("latency-table"), hist, {
    empty: (value) => (rows.every(([, name]) => value[name].count === 0) ? "No requests yet." : undefined),
    show: (value) =>
      table(
        "Latency since the start",
        [
          { title: "", cell: ([title]) => title },
          { title: "Count", numeric: true, cell: ([, name]) => count(value[name].count) },
          { title: "Median", numeric: true, cell: ([, name]) => latency(value[name].p50_ms) },
          { title: "90th", numeric: true, cell: ([, name]) => latency(value[name].p90_ms) },
          { title: "99th", numeric: true, cell: ([, name]) => latency(value[name].p99_ms) },
        ],
        rows,
      ),
  });
}
