import type { ShownEntries, ShownEntry } from "../../answers.ts";
import { ApiFailure, getJson } from "./api.ts";
import { byId, type Child, type Column, element, table } from "./element.ts";
import { bytes, clock, count, moment, span } from "./format.ts";
import { message } from "./panel.ts";

/** What the buttons beside an entry do; `purge` says what has become of it, if it was confirmed. */
interface EntryActions {
  readonly explain: (url: string) => void;
  readonly purge: (url: string) => Promise<string | undefined>;
}

/** Rows that stay on the page, however often more are asked for. */
const MOST_ROWS = 1000;

/**
 * What is stored, a page at a time. Asked for when somebody looks, and not again by itself: of Redis it is a walk,
 * and a list that moves cannot be read.
 */
export function showEntries(actions: EntryActions): void {
  const form = byId<HTMLFormElement>("entries-form");
  const tier = form.elements.namedItem("tier") as HTMLSelectElement;
  const state = byId("entries-state");
  const where = byId("entries-table");
  const more = byId<HTMLButtonElement>("entries-more");
  let turn = 0;
  let shown: readonly ShownEntry[] = [];
  let lookedAt = 0;
  let cursor: string | null = null;
  let asked = "";

  async function look(from: string): Promise<void> {
    const mine = ++turn;
    if (from === "") {
      shown = [];
      lookedAt = 0;
      const query = new URLSearchParams({ match: text("match").trim() });
      if (tier.value !== "") query.set("tier", tier.value);
      asked = query.toString();
    }
    where.setAttribute("aria-busy", "true");
    more.disabled = true;
    state.textContent = "Looking …";
    state.className = "quiet";
    try {
      const page = await getJson<ShownEntries>(`/entries?${asked}&cursor=${from}`);
      // A later look's page is not overwritten by an earlier one's.
      if (mine !== turn) return;
      shown = [...shown, ...page.entries].slice(0, MOST_ROWS);
      lookedAt += page.looked_at;
      cursor = page.cursor;
      offerTiers(page);
      draw(page);
    } catch (error) {
      if (mine !== turn) return;
      const absent = error instanceof ApiFailure && error.status === 404;
      where.dataset["state"] = absent ? "absent" : "failed";
      if (shown.length === 0) where.replaceChildren();
      say(absent ? "Not available from this admin API." : `No answer: ${(error as Error).message}.`, !absent);
    }
    where.setAttribute("aria-busy", "false");
    more.disabled = false;
  }

  const text = (name: string): string => String(new FormData(form).get(name) ?? "");

  function say(sentence: string, isError = false): void {
    state.className = isError ? "error" : "quiet";
    state.textContent = sentence;
  }

  function draw({ tier: here }: ShownEntries): void {
    where.dataset["state"] = shown.length === 0 ? "empty" : "ready";
    where.replaceChildren(...(shown.length === 0 ? [] : [entryTable(shown)]));
    const isAll = cursor === null;
    more.hidden = isAll || shown.length >= MOST_ROWS;
    const match = new URLSearchParams(asked).get("match") ?? "";
    const found = shown.length === 1 ? "1 entry" : `${count(shown.length)} entries`;
    const of = isAll ? "" : `, of ${count(lookedAt)} looked at so far`;
    if (shown.length > 0) say(`${found} in ${NAMES[here]}${of}, as it was at ${clock(Date.now())}.`);
    else if (match !== "") say(`No entry in ${NAMES[here]} has “${match}” in its URL${of}.`);
    else say(`Nothing is stored in ${NAMES[here]}${isAll ? " yet" : of}.`);
  }

  function offerTiers({ tiers, tier: here }: ShownEntries): void {
    const options = tiers.map((one) => element("option", { value: one }, NAMES[one]));
    if (tier.options.length !== options.length) tier.replaceChildren(...options);
    tier.value = here;
    byId("entries-tier").hidden = tiers.length < 2;
  }

  const entryTable = (entries: readonly ShownEntry[]): HTMLElement =>
    table("Entries", [...COLUMNS, ...(entries.some(isOfWorker) ? [WORKER] : []), buttons], entries);

  const buttons: Column<ShownEntry> = {
    title: "",
    cell: ({ url, masked }) =>
      masked === true
        ? element(
            "span",
            { class: "quiet", title: "By what is shown of the URL it is not found" },
            "has a secret",
          )
        : element(
            "span",
            { class: "buttons" },
            element(
              "button",
              { "aria-label": `Explain ${url}`, click: () => actions.explain(url) },
              "Explain",
            ),
            element("button", { "aria-label": `Purge ${url}`, click: () => void purge(url) }, "Purge …"),
          ),
  };

  async function purge(url: string): Promise<void> {
    const told = await actions.purge(url);
    if (told === undefined) return;
    await look("");
    state.prepend(`${told} `);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void look("");
  });
  tier.addEventListener("change", () => void look(""));
  more.addEventListener("click", () => void look(cursor ?? ""));
  where.append(message("Loading …"));
  void look("");
}

const NAMES = { memory: "memory", redis: "Redis" } as const;
const STATES = {
  fresh: ["fresh", "It is served as it is."],
  refreshing: ["refreshing", "It is served while it is refreshed."],
  "on-error": ["on error", "It is served where the origin fails."],
  kept: ["kept", "It is kept to be validated."],
} as const;

const isOfWorker = ({ worker }: ShownEntry): boolean => worker !== undefined;
const WORKER: Column<ShownEntry> = { title: "Worker", numeric: true, cell: ({ worker }) => worker };

const COLUMNS: readonly Column<ShownEntry>[] = [
  { title: "URL", cell: urlOf },
  { title: "May be", cell: stateOf },
  {
    title: "Until",
    cell: (entry) => {
      const end = endOf(entry);
      return end === null ? "–" : moment(end, Date.now());
    },
  },
  { title: "Status", numeric: true, cell: ({ status }) => status },
  { title: "Size", numeric: true, cell: ({ size }) => bytes(size) },
  { title: "Age", numeric: true, cell: ({ age }) => span(age) },
  { title: "Tags", numeric: true, cell: ({ tags }) => count(tags) },
];

function urlOf({ url, selecting }: ShownEntry): Child {
  const fields = Object.entries(selecting).map(([name, value]) => `${name}: ${value ?? "(absent)"}`);
  return element(
    "span",
    {},
    element("code", { class: "url", title: url }, url),
    fields.length === 0 ? undefined : element("span", { class: "variant quiet" }, fields.join("; ")),
  );
}

function stateOf({ state, purged }: ShownEntry): Child {
  const [word, sentence] = STATES[state];
  return element(
    "span",
    { class: "word", title: sentence },
    element("i", { class: `dot ${state}` }),
    purged ? `${word}, purged` : word,
  );
}

/** Of what it may be now. */
function endOf(entry: ShownEntry): number | null {
  switch (entry.state) {
    case "fresh":
      return entry.fresh_until;
    case "refreshing":
      return entry.refreshing_until;
    case "on-error":
      return entry.usable_on_error_until;
    case "kept":
      return entry.kept_until;
  }
}
