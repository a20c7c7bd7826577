export type Child = Node | string | number | undefined;

type Attributes = Readonly<Record<string, string | boolean | undefined | ((event: Event) => void)>>;

/**
 * An element with attributes, listeners (functions, under the event's name) and children.
 *
 * Text is always text: nothing that came from a request is ever read as HTML.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(attribute, value);
    else if (value === true) made.setAttribute(attribute, "");
    else if (typeof value === "string") made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== undefined).map(text));
  return made;
}

const text = (child: Node | string | number): Node | string =>
  typeof child === "number" ? String(child) : child;

/** The element of the page with this id. Throws when the page lacks it, which is a defect of the page. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T;
}

export interface Column<T> {
  readonly title: string;
  /** Numbers stand right, below one another. */
  readonly numeric?: boolean;
  readonly cell: (row: T) => Child;
}

/** A table that scrolls by itself where it is wider than the page; `caption` is what screen readers call it. */
export function table<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[]): HTMLElement {
  const side = ({ numeric }: Column<T>) => ({ class: numeric === true ? "number" : undefined });
  const head = columns.map((column) => element("th", { scope: "col", ...side(column) }, column.title));
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      ...columns.map((column) =>
        element("td", { "data-title": column.title, ...side(column) }, column.cell(row)),
      ),
    ),
  );
  return element(
    "div",
    // What scrolls must be reachable by keyboard.
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", { class: "hidden" }, caption),
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...body),
    ),
  );
}

/** Pairs of a term and what is said about it. */
export const facts = (pairs: readonly (readonly [term: string, value: Child])[]): HTMLElement =>
  element(
    "dl",
    { class: "facts" },
    ...pairs.map(([term, value]) =>
      element("div", {}, element("dt", {}, term), element("dd", {}, value ?? "–")),
    ),
  );
