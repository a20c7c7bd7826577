import { element } from "./element.ts";
import type { Reading, Source } from "./source.ts";

interface Panel<T> {
  /** What is said when there is nothing to show; undefined when there is. */
  readonly empty?: (value: T) => string | undefined;
  readonly show: (value: T) => Node;
}

/**
 * Keeps what is inside `where` true to a source: loading, empty, there, not available, or failed.
 *
 * After a failure what was shown last stays, with a note that it is old. Draws only what has changed, so that
 * text can be read and selected; what it answers draws anew, for one who shows more than this source says.
 */
export function panel<T>(where: HTMLElement, source: Source<T>, { empty, show }: Panel<T>): () => void {
  let last = "";
  let drawn: Reading<T> = { type: "loading" };
  let aged: HTMLElement | undefined;
  source.subscribe((reading) => {
    const now = JSON.stringify(reading);
    if (now === last) return;
    last = now;
    where.dataset["state"] = stateOf(reading, empty);
    where.setAttribute("aria-busy", String(reading.type === "loading"));
    const keeps = reading.type === "failed" && drawn.type === "ready";
    aged = keeps ? element("p", { class: "error" }, `Not up to date: ${reading.message}.`) : undefined;
    if (!keeps) drawn = reading;
    draw();
  });
  return draw;

  function draw(): void {
    const scrolled = where.querySelector(".scroll")?.scrollLeft ?? 0;
    const focused = where.contains(document.activeElement) ? labelOf(document.activeElement) : undefined;
    where.replaceChildren(...(aged === undefined ? [] : [aged]), content(drawn));
    const scroll = where.querySelector(".scroll");
    if (scroll !== null) scroll.scrollLeft = scrolled;
    if (focused !== undefined) focusAgain(where, focused);
  }

  function content(reading: Reading<T>): Node {
    switch (reading.type) {
      case "loading":
        return message("Loading …");
      case "absent":
        return message("Not available from this admin API.");
      case "failed":
        return message(`No answer: ${reading.message}.`, "error");
      case "ready": {
        const nothing = empty?.(reading.value);
        return nothing === undefined ? show(reading.value) : message(nothing);
      }
    }
  }
}

export const message = (text: string, kind = "quiet"): HTMLElement => element("p", { class: kind }, text);

const stateOf = <T>(reading: Reading<T>, empty: Panel<T>["empty"]): string =>
  reading.type === "ready" && empty?.(reading.value) !== undefined ? "empty" : reading.type;

const labelOf = (focused: Element | null): string =>
  focused?.getAttribute("aria-label") ?? focused?.textContent ?? "";

/** Redrawing would throw somebody who goes by keyboard back to the top of the page. */
function focusAgain(where: HTMLElement, label: string): void {
  for (const candidate of where.querySelectorAll<HTMLElement>("button, [tabindex]")) {
    if (labelOf(candidate) !== label) continue;
    candidate.focus({ preventScroll: true });
    return;
  }
}
