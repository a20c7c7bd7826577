import type { Top } from "../../answers.ts";
import { byId, element, table } from "./element.ts";
import { count } from "./format.ts";
import { panel } from "./panel.ts";
import type { Source } from "./source.ts";

/** What is asked for most, and what is missed most; `explain` is what the buttons do. */
export function showHotKeys(top: Source<Top>, explain: (url: string) => void): void {
  const url = {
    title: "URL",
    cell: ({ url }: { readonly url: string }) => element("code", { class: "url", title: url }, url),
  };
  const requests = {
    title: "Requests",
    numeric: true,
    cell: (row: { readonly count: number }) => count(row.count),
  };
  const button = {
    title: "",
    cell: ({ url }: { readonly url: string }) =>
      element("button", { "aria-label": `Explain ${url}`, click: () => explain(url) }, "Explain"),
  };
  panel(byId("hot-table"), top, {
    empty: ({ hot }) => (hot.length === 0 ? "No requests yet." : undefined),
    show: ({ hot }) => table("Most requested", [url, requests, button], hot),
  });
  panel(byId("missing-table"), top, {
    empty: ({ missing }) => (missing.length === 0 ? "Nothing was missed yet." : undefined),
    show: ({ missing }) => {
      const reason = {
        title: "Reason",
        cell: (row: Top["missing"][number]) => element("code", {}, row.reason),
      };
      return table("Most missed", [url, requests, reason, button], missing);
    },
  });
}
