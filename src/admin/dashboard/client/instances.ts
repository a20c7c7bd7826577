import type { ShownInstance, ShownStore } from "../../answers.ts";
import { byId, type Child, element, table } from "./element.ts";
import { count, instant, latency, span } from "./format.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

/** Who serves beside this process: workers, and other instances that share its Redis. */
export function showInstances(store: Source<ShownStore>): void {
  panel(byId("instances-table"), store, {
    empty: ({ instances }) => (instances.length === 0 ? "No process has said that it serves." : undefined),
    show: ({ instances }) => {
      const newest = Math.max(...instances.map(({ epoch }) => epoch ?? 0));
      return table(
        "Instances",
        [
          { title: "Instance", cell: nameOf },
          { title: "Version", cell: ({ version }) => version ?? silent() },
          { title: "Up for", cell: ({ since }) => upFor(since) },
          {
            title: "Heard up to purge",
            numeric: true,
            cell: ({ epoch }) => (epoch === null ? "–" : count(epoch)),
          },
          {
            title: "Purges behind",
            numeric: true,
            cell: ({ epoch }) => (epoch === null ? "–" : count(newest - epoch)),
          },
          { title: "Not hearing for", numeric: true, cell: notHearing },
        ],
        instances,
      );
    },
  });
}

const nameOf = ({ instance, self }: ShownInstance): Child =>
  element(
    "span",
    { class: "badges" },
    element("code", {}, instance),
    self ? element("span", { class: "badge" }, "this one") : undefined,
  );

const silent = (): Child => element("span", { class: "badge bad" }, "✕ no answer");

const upFor = (since: number | null): Child =>
  since === null ? "–" : element("span", { title: instant(since) }, span((Date.now() - since) / 1000));

function notHearing({ version, behind_ms }: ShownInstance): string {
  if (version === null) return "–";
  if (behind_ms === null) return "never heard any";
  return behind_ms === 0 ? "0 s" : latency(behind_ms);
}
