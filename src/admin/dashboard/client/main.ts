import type {
  Hist,
  Series,
  ShownOrigin,
  ShownReason,
  ShownSetting,
  ShownStore,
  Stats,
  Top,
} from "../../answers.ts";
import { ApiFailure, getJson, tokenInUse, useToken } from "./api.ts";
import type { Chart } from "./chart.ts";
import { byId } from "./element.ts";
import { showEntries } from "./entries.ts";
import { showExplain } from "./explain.ts";
import { showHotKeys } from "./hot-keys.ts";
import { showInstances } from "./instances.ts";
import { showOrigins } from "./origins.ts";
import { showOverview } from "./overview.ts";
import { showPlayground } from "./playground.ts";
import { showPurge } from "./purge.ts";
import { showHist, showReasons } from "./reasons.ts";
import { createSource, type Line } from "./source.ts";
import { showSettings, showStore } from "./store.ts";
import { showTail } from "./tail.ts";
import { followTheme } from "./theme.ts";

/** The dashboard: one source for each route, and each section a view of one or two of them. */

const line: Line = {
  answered() {
    byId("connection").hidden = true;
  },
  failed({ status }: ApiFailure) {
    if (status === 401) return askForToken();
    // Any other answer is an answer, and its section tells it.
    if (status !== 0) return;
    const badge = byId("connection");
    badge.hidden = false;
    badge.className = "badge bad";
    badge.textContent = "✕ Connection lost; trying again …";
  },
};

let charts: readonly Chart[] = [];

function begin(): void {
  const source = <T>(path: string, everyMs: number) => createSource<T>(path, everyMs, line);
  const stats = source<Stats>("/stats", 2_000);
  const series = source<Series>("/series?minutes=10", 2_000);
  const top = source<Top>("/top?k=20", 3_000);
  const hist = source<Hist>("/hist", 5_000);
  const origins = source<Readonly<Record<string, ShownOrigin>>>("/origins", 2_000);
  const reasons = source<readonly ShownReason[]>("/reasons", 600_000);
  const settings = source<readonly ShownSetting[]>("/settings", 15_000);
  const store = source<ShownStore>("/store", 5_000);
  const readiness = source<{ readonly ready: boolean; readonly detail: string }>("/health/ready", 3_000);

  const purge = showPurge();
  const explained = showExplain(purge.purgeUrl);
  charts = showOverview(stats, series);
  showHist(hist);
  showReasons(top, reasons);
  showOrigins(origins, top);
  showHotKeys(top, explained.explain);
  showEntries({ explain: explained.explain, purge: purge.purgeHere });
  showTail(explained.explain);
  showStore({ stats, series, store, settings });
  showInstances(store);
  showSettings(settings);
  void showPlayground(explained.explain);

  readiness.subscribe((reading) => {
    if (reading.type === "loading") return;
    const badge = byId("readiness");
    const ready = reading.type === "ready" && reading.value.ready;
    const text = ready
      ? "✓ Ready"
      : `✕ Not ready: ${reading.type === "failed" ? reading.message : "no answer"}`;
    if (badge.textContent === text) return;
    badge.className = ready ? "badge good" : "badge bad";
    badge.textContent = text;
  });
}

/** Once it is given everything is asked again; a wrong one comes back here. */
function askForToken(): void {
  const dialog = byId<HTMLDialogElement>("token-dialog");
  if (dialog.open) return;
  byId("token-error").textContent = tokenInUse() === null ? "" : "That was not the token.";
  dialog.showModal();
}

byId<HTMLFormElement>("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(byId<HTMLInputElement>("token").value.trim());
  // Every source begins anew, and those that have stopped asking, too.
  location.reload();
});
byId("token-dialog").addEventListener("cancel", (event) => event.preventDefault());

followTheme(() => {
  for (const chart of charts) chart.redraw();
});
// One request finds out whether a token is needed; all at once would be as many wrong guesses.
getJson("/stats").then(begin, (error: unknown) => {
  if (error instanceof ApiFailure && error.status === 401) askForToken();
  else begin();
});
