import type { Series, ShownSetting, Stats } from "../../answers.ts";
import { byId, element, facts, table } from "./element.ts";
import { bytes, count, latency } from "./format.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

/** What is stored, and how the stores are. */
export function showStore(stats: Source<Stats>, series: Source<Series>): void {
  let lag: number | null | undefined;
  const draw = panel(byId("store-facts"), stats, {
    show: ({
      entries,
      bytes: held,
      evictions,
      stored,
      coalesced,
      background_refreshes,
      store,
      stale_served,
      revalidated,
    }) =>
      facts([
        ["In memory", `${bytes(held)} in ${count(entries)} entries`],
        ["Evicted from memory", count(evictions)],
        ["Stored since the start", count(stored)],
        [
          "Redis",
          element(
            "span",
            { class: store.up ? "badge good" : "badge bad" },
            store.up ? "✓ there" : "✕ not there",
          ),
        ],
        ["Errors of the store", count(store.errors)],
        ["Behind the purge log by", lag === null || lag === undefined ? "–" : latency(lag)],
        ["Waited for another's fetch", count(coalesced)],
        ["Refreshed in the background", count(background_refreshes)],
        ["Served stale", count(stale_served)],
        ["Validated by the origin", count(revalidated)],
      ]),
  });
  series.subscribe((reading) => {
    if (reading.type !== "ready") return;
    const newest = reading.value.purge_lag_ms.findLast((value) => value !== null);
    if (newest === lag) return;
    lag = newest;
    draw();
  });
}

/** The settings in force and where each came from; secrets come masked. */
export function showSettings(settings: Source<readonly ShownSetting[]>): void {
  const where = byId("settings-table");
  const filter = byId<HTMLInputElement>("settings-filter");
  const apply = (): void => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of where.querySelectorAll<HTMLTableRowElement>("tbody tr")) {
      row.hidden = !(row.cells[0]?.textContent ?? "").toLowerCase().includes(wanted);
    }
  };
  filter.addEventListener("input", apply);
  panel(where, settings, {
    show: (rows) =>
      table(
        "Settings",
        [
          { title: "Name", cell: ({ name }) => element("code", {}, name) },
          { title: "Value", cell: ({ value }) => element("code", {}, value || "–") },
          { title: "From", cell: ({ source }) => source },
          { title: "Meaning", cell: ({ meaning }) => meaning },
          { title: "A change needs", cell: ({ restart }) => (restart ? "a restart" : "a reload") },
        ],
        rows,
      ),
  });
  settings.subscribe(apply);
}
