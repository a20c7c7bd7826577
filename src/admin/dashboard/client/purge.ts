import { postJson } from "./api.ts";
import { byId } from "./element.ts";
import { count, latency } from "./format.ts";

/** What POST /purge says. */
interface Receipt {
  readonly epoch: number;
  readonly shared: boolean;
  readonly instances?: number;
  readonly acked?: number;
  readonly took_ms: number;
}

type TargetType = "url" | "prefix" | "tag" | "host" | "everything";
interface Wanted {
  readonly type: TargetType;
  readonly value: string;
  readonly mode: string;
}

const ASKED_FOR: Readonly<Record<TargetType, readonly [label: string, example: string]>> = {
  url: ["URL, or path for every host", "http://localhost:3000/data?id=1"],
  prefix: ["Prefix of URLs, or of paths for every host", "/data"],
  tag: ["Tag", "product-42"],
  host: ["Host", "localhost:3000"],
  everything: ["", ""],
};

interface PurgeView {
  /** Puts the URL into the form, and purges it once that is confirmed. */
  purgeUrl(url: string): void;
  /** Purges it once that is confirmed, for a section that tells it itself: what has become of it, undefined where it was not. */
  purgeHere(url: string): Promise<string | undefined>;
}

/** The purge form. Nothing is purged before it was confirmed. */
export function showPurge(): PurgeView {
  const form = byId<HTMLFormElement>("purge-form");
  const type = form.elements.namedItem("type") as HTMLSelectElement;
  const value = form.elements.namedItem("value") as HTMLInputElement;
  const mode = form.elements.namedItem("mode") as HTMLSelectElement;
  const result = byId("purge-result");

  const adapt = (): void => {
    const chosen = type.value as TargetType;
    const [label, example] = ASKED_FOR[chosen];
    const all = chosen === "everything";
    byId("purge-label").textContent = all ? "No name is needed" : label;
    value.disabled = all;
    value.required = !all;
    value.placeholder = example;
    // Only what has a URL can be fetched again.
    for (const option of mode.options) option.disabled = option.value === "refresh" && chosen !== "url";
    if (mode.selectedOptions[0]?.disabled === true) mode.value = "invalidate";
  };
  type.addEventListener("change", adapt);
  adapt();

  async function purge(wanted: Wanted): Promise<string | undefined> {
    if (!(await confirmed(describe(wanted)))) return undefined;
    result.className = "quiet";
    result.textContent = "Purging …";
    let sentence: string;
    try {
      const receipt = await postJson<Receipt>("/purge", { targets: [targetOf(wanted)], mode: wanted.mode });
      sentence = told(wanted, receipt);
    } catch (error) {
      result.className = "error";
      sentence = `Not purged: ${error instanceof Error ? error.message : String(error)}.`;
    }
    result.textContent = sentence;
    return sentence;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void purge({ type: type.value as TargetType, value: value.value.trim(), mode: mode.value });
  });
  return {
    purgeUrl(url) {
      type.value = "url";
      adapt();
      value.value = url;
      byId("purge").scrollIntoView();
      void purge({ type: "url", value: url, mode: mode.value });
    },
    purgeHere: (url) => purge({ type: "url", value: url, mode: "delete" }),
  };
}

const targetOf = ({ type, value }: Wanted): object => ({ [type]: type === "everything" ? true : value });

const VERBS: Readonly<Record<string, string>> = {
  delete: "is deleted",
  invalidate: "is stale from then on",
  refresh: "is stale from then on, and is fetched again",
};

function describe({ type, value, mode }: Wanted): string {
  const what =
    type === "everything" ? "Everything that is stored" : `What is stored under the ${type} ${value}`;
  return `${what} ${VERBS[mode] ?? mode}, on every instance.`;
}

function told({ type, value }: Wanted, { epoch, shared, instances, acked, took_ms }: Receipt): string {
  const what = type === "everything" ? "everything" : `${type} ${value}`;
  const heard =
    shared && instances !== undefined && acked !== undefined
      ? `${count(acked)} of ${count(instances)} instances have heard of it`
      : "this process alone was concerned";
  return `Purged ${what} in ${latency(took_ms)}: number ${epoch} in the purge log; ${heard}.`;
}

/** Asks in a dialog; Escape and Cancel are a no. */
function confirmed(text: string): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("confirm-dialog");
  byId("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
