import type { Series, ShownSetting, ShownStore, Stats } from "../../answers.ts";
import { byId, element, facts, table } from "./element.ts";
import { bytes, count, latency } from "./format.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

interface StoreSources {
  readonly stats: Source<Stats>;
  readonly series: Source<Series>;
  readonly store: Source<ShownStore>;
  readonly settings: Source<readonly ShownSetting[]>;
}

/** What is stored, and how the stores are. */
export function showStore({ stats, series, store: shared, settings }: StoreSources): void {
  let lag: number | null | undefined;
  let load: ShownStore["redis"] = null;
  let isSet = true;
  const draw = panel(byId("store-facts"), stats, {
    show: ({
      entries,
      bytes: inMemory,
      evictions,
      stored,
      coalesced,
      background_refreshes,
      store,
      stale_served,
      revalidated,
    }) =>
      facts([
        ["In memory", `${bytes(inMemory)} in ${count(entries)} entries`],
        ["Evicted from memory", count(evictions)],
        ["Stored since the start", count(stored)],
        ["Redis", isSet ? redis(store.up) : "none is set: memory is all there is"],
        ...(isSet ? ([["All that Redis holds", held(load)]] as const) : []),
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
  shared.subscribe((reading) => {
    if (reading.type !== "ready") return;
    load = reading.value.redis;
    draw();
  });
  settings.subscribe((reading) => {
    if (reading.type !== "ready") return;
    isSet = reading.value.find(({ name }) => name === "REDIS_URL")?.value !== "";
    draw();
  });
}

const redis = (up: boolean): HTMLElement =>
  element("span", { class: up ? "badge good" : "badge bad" }, up ? "✓ there" : "✕ not there");

function held(load: ShownStore["redis"]): string {
  if (load === null) return "–";
  const most = load.max_bytes === null ? "" : ` of ${bytes(load.max_bytes)}`;
  return `${count(load.keys)} keys; ${bytes(load.used_bytes)}${most}`;
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
