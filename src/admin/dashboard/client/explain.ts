import type {
  Explained,
  ExplainedInstance,
  ExplainedPurge,
  ExplainedStored,
  ExplainedVariant,
  WindowEnd,
} from "../../answers.ts";
import { ApiFailure, getJson } from "./api.ts";
import { byId, type Child, element, facts, table } from "./element.ts";
import { bytes, instant, span } from "./format.ts";
import { message } from "./panel.ts";
import { drawTimeline, windowsOf } from "./timeline.ts";

export interface ExplainView {
  /** Puts the URL into the form, asks, and shows the answer. */
  explain(url: string): void;
}

/** Why is this URL answered as it is? `purge` is what the button beside the answer does. */
export function showExplain(purge: (url: string) => void): ExplainView {
  const form = byId<HTMLFormElement>("explain-form");
  const input = byId<HTMLInputElement>("explain-url");
  const result = byId("explain-result");
  let turn = 0;

  async function ask(): Promise<void> {
    const mine = ++turn;
    result.replaceChildren(message("Asking …"));
    const typed = input.value.trim();
    const said = await getJson<Explained>(explainPath(new FormData(form))).then(
      (explained) => explanation(explained, () => purge(asTyped(typed, explained))),
      (error: unknown) => message(sentence(error), "error"),
    );
    // A later question's answer is not overwritten by an earlier one's.
    if (mine === turn) result.replaceChildren(said);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void ask();
  });
  return {
    explain(url) {
      input.value = url;
      byId("explain").scrollIntoView();
      input.focus({ preventScroll: true });
      void ask();
    },
  };
}

function explainPath(asked: FormData): string {
  const query = new URLSearchParams({ url: text(asked, "url").trim(), method: text(asked, "method") });
  for (const line of text(asked, "headers").split("\n")) {
    if (line.trim() !== "") query.append("header", line.trim());
  }
  if (asked.has("fetch")) query.set("fetch", "1");
  return `/explain?${query}`;
}

const text = (form: FormData, name: string): string => String(form.get(name) ?? "");

const sentence = (error: unknown): string =>
  error instanceof ApiFailure && error.status === 404
    ? "Explaining is not available from this admin API."
    : `No answer: ${error instanceof Error ? error.message : String(error)}.`;

/** Secrets in a query are masked in what is explained, and a purge has to name them. */
const asTyped = (typed: string, { url }: Explained): string =>
  typed.startsWith("/") ? new URL(url).origin + typed : typed;

function explanation(explained: Explained, purge: () => void): HTMLElement {
  const { key, next, last, stored, advice, variants, instances = [], purges } = explained;
  return element(
    "div",
    { class: "explained" },
    element(
      "p",
      { class: "answer" },
      element("strong", {}, next.decision),
      " ",
      next.sentence,
      clause(next.clause),
    ),
    last === null
      ? undefined
      : element("p", {}, `Last time, ${instant(last.time)}: ${last.sentence}`, clause(last.clause)),
    ...advice.map((line) => element("p", { class: "advice" }, line)),
    stored === null ? message("Nothing is stored for this request.") : storedView(stored),
    facts([
      ["Key", element("code", {}, key)],
      ["Ignored in the key", explained.key_parts.ignored.join(", ") || "nothing"],
      ["Selecting header fields", explained.selecting.join(", ") || "none"],
    ]),
    variants.length < 2 ? undefined : variantTable(variants),
    instances.length < 2 ? undefined : instanceTable(instances),
    purges.length === 0 ? undefined : purgeTable(purges),
    element("button", { class: "danger", click: purge }, "Purge this URL …"),
  );
}

const clause = (text: string): Child =>
  text === "" ? undefined : element("span", { class: "quiet" }, ` (${text})`);

const storedView = (stored: ExplainedStored): HTMLElement =>
  element(
    "div",
    {},
    element("h3", {}, "Stored response"),
    drawTimeline(windowsOf(stored), Date.now()),
    facts([
      ["Status", String(stored.status)],
      ["Size", bytes(stored.size)],
      ["Stored", instant(stored.stored_at)],
      ["Age", span(stored.age)],
      ["In", stored.tier.join(", ")],
      ["ETag", stored.etag ?? undefined],
      ["Last-Modified", stored.last_modified ?? undefined],
      ["Tags", stored.tags.join(", ") || "none"],
      ["Fresh until", end(stored.fresh_until)],
      ["Served while refreshed until", end(stored.refreshing_until)],
      ["Served on error until", end(stored.usable_on_error_until)],
      ["Kept until", end(stored.kept_until)],
    ]),
  );

const end = ({ at, because }: WindowEnd): Child =>
  at === null
    ? because
    : element("span", {}, instant(at), element("span", { class: "quiet" }, ` (${because})`));

const variantTable = (variants: readonly ExplainedVariant[]): HTMLElement =>
  table(
    "Variants",
    [
      {
        title: "Variant",
        cell: ({ selecting }) =>
          Object.entries(selecting)
            .map(([name, value]) => `${name}: ${value ?? "(absent)"}`)
            .join("; "),
      },
      { title: "Status", numeric: true, cell: ({ status }) => status },
      { title: "Size", numeric: true, cell: ({ size }) => bytes(size) },
      { title: "Stored", cell: ({ stored_at }) => instant(stored_at) },
    ],
    variants,
  );

const instanceTable = (instances: readonly ExplainedInstance[]): HTMLElement =>
  table(
    "Where instances have it",
    [
      { title: "Instance", cell: ({ instance }) => element("code", {}, instance) },
      { title: "In", cell: ({ answered, tier }) => (answered ? tier.join(", ") || "nothing" : "no answer") },
      { title: "Stored", cell: ({ stored_at }) => (stored_at === null ? "–" : instant(stored_at)) },
    ],
    instances,
  );

const purgeTable = (purges: readonly ExplainedPurge[]): HTMLElement =>
  table(
    "Purges that touched it",
    [
      { title: "Number", cell: ({ epoch }) => epoch },
      { title: "Target", cell: ({ target }) => element("code", {}, JSON.stringify(target)) },
      { title: "Mode", cell: ({ mode }) => mode },
      { title: "When", cell: ({ at }) => (at === undefined ? "–" : instant(at)) },
    ],
    purges,
  );
