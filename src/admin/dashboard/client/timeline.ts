import type { ExplainedStored, WindowEnd } from "../../answers.ts";
import { element } from "./element.ts";
import { instant, span } from "./format.ts";

interface Window {
  readonly name: string;
  readonly kind: "fresh" | "refreshing" | "on-error" | "kept";
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly because: string;
}

/** Where a window reaches beyond this many times the ones before it, it is drawn as a stub, or nothing else could be seen. */
const LONGEST_PART = 3;

/** The windows of a stored response, one after another; those that are closed are left out. */
export function windowsOf(stored: ExplainedStored): Window[] {
  const ends: readonly (readonly [string, Window["kind"], WindowEnd])[] = [
    ["fresh", "fresh", stored.fresh_until],
    ["served while it is refreshed", "refreshing", stored.refreshing_until],
    ["served when the origin fails", "on-error", stored.usable_on_error_until],
    ["kept to be validated", "kept", stored.kept_until],
  ];
  let from = stored.stored_at;
  const windows: Window[] = [];
  for (const [name, kind, { at: to, because }] of ends) {
    if (to === null || to <= from) continue;
    windows.push({ name, kind, from, to, because });
    from = to;
  }
  return windows;
}

/** A bar of windows, a mark for now, and a sentence that says the same. */
export function drawTimeline(windows: readonly Window[], now: number): HTMLElement {
  const first = windows[0];
  if (first === undefined)
    return element("p", { class: "quiet" }, "It may not be used without asking the origin.");
  const widths = drawnWidths(windows);
  const whole = widths.reduce((sum, width) => sum + width, 0);
  const bar = element("div", { class: "timeline", "aria-hidden": "true" });
  let left = 0;
  let mark = 100;
  windows.forEach(({ kind, from, to, name }, i) => {
    const part = (100 * (widths[i] ?? 0)) / whole;
    const segment = element("span", { class: kind, title: `${name} until ${instant(to)}` });
    segment.style.width = `${part}%`;
    bar.append(segment);
    if (now >= from && now < to) mark = left + (part * (now - from)) / (to - from);
    left += part;
  });
  if (now < first.from) mark = 0;
  const pointer = element("i", { class: "now" });
  pointer.style.left = `${mark}%`;
  bar.append(pointer);
  return element("div", {}, bar, element("p", { class: "windows" }, ...legend(windows, now)));
}

const drawnWidths = (windows: readonly Window[]): number[] => {
  const widths: number[] = [];
  let sum = 0;
  for (const { from, to } of windows) {
    const width = sum === 0 ? to - from : Math.min(to - from, sum * LONGEST_PART);
    widths.push(width);
    sum += width;
  }
  return widths;
};

function legend(windows: readonly Window[], now: number): HTMLElement[] {
  const parts = windows.map(({ name, kind, from, to, because }) => {
    const isNow = now >= from && now < to;
    const seconds = (ms: number): string => span(ms / 1000);
    let text = `${name}: in ${seconds(from - now)}, for ${seconds(to - from)}`;
    if (isNow) text = `${name}: ${seconds(to - now)} left`;
    else if (now >= to) text = `${name}: over`;
    return element(
      "span",
      { class: isNow ? "window current" : "window", title: because },
      element("i", { class: kind }),
      text,
    );
  });
  const gone = (windows.at(-1)?.to ?? 0) <= now;
  return gone ? [...parts, element("span", { class: "window current" }, "gone")] : parts;
}
