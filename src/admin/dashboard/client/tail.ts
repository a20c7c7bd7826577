import type { ShownAnswer } from "../../answers.ts";
import { ApiFailure } from "./api.ts";
import { byId, element } from "./element.ts";
import { bytes, clock, count, latency } from "./format.ts";
import { colorOf } from "./overview.ts";
import { serverSent } from "./server-sent.ts";

/** Rows that stay; older ones leave. */
const ROWS = 100;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
const TITLES = ["Time", "Cache", "Status", "Method", "URL", "Reason", "First byte", "Whole", "Size"];

/** Requests as they are answered, while somebody wants to see them: listening costs the proxy something. */
export function showTail(explain: (url: string) => void): void {
  const form = byId<HTMLFormElement>("tail-form");
  const button = byId("tail-button");
  const state = byId("tail-state");
  const body = element("tbody");
  const head = TITLES.map((title) => element("th", { scope: "col" }, title));
  const scroll = element(
    "div",
    {
      class: "scroll tail",
      tabindex: "0",
      role: "region",
      "aria-label": "Answered requests, the newest first",
    },
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), body),
  );
  scroll.hidden = true;
  byId("tail-table").append(scroll);
  let stopping: AbortController | undefined;
  let arrived: ShownAnswer[] = [];

  const say = (text: string): void => {
    state.textContent = text;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (stopping !== undefined) return stop("Stopped.");
    const query = String(new FormData(form).get("query") ?? "").trim();
    stopping = new AbortController();
    button.textContent = "Stop";
    scroll.hidden = false;
    body.replaceChildren();
    void listen(query, stopping.signal);
  });

  function stop(sentence: string): void {
    stopping?.abort();
    stopping = undefined;
    button.textContent = "Start";
    say(sentence);
  }

  async function listen(query: string, signal: AbortSignal): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      say("Connecting …");
      try {
        for await (const { event, data } of serverSent(`/events?q=${encodeURIComponent(query)}`, signal)) {
          pause = FIRST_PAUSE_MS;
          if (event === "open") say("Listening; the newest is at the top.");
          if (event === "answered") add(JSON.parse(data) as ShownAnswer);
          if (event === "dropped")
            say(`${count((JSON.parse(data) as { count: number }).count)} answers came too fast to be shown.`);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiFailure && error.status === 404)
          return stop("The live tail is not available from this admin API.");
        if (error instanceof ApiFailure && error.status === 400)
          return stop(`Not understood: ${error.message}`);
      }
      if (signal.aborted) return;
      say(`The connection was lost; trying again in ${pause / 1000} s.`);
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  /** Drawn once a frame, however many arrive. */
  function add(answered: ShownAnswer): void {
    arrived.push(answered);
    if (arrived.length > ROWS) arrived.shift();
    if (arrived.length === 1) requestAnimationFrame(draw);
  }

  function draw(): void {
    body.prepend(...arrived.toReversed().map((answered) => row(answered, explain)));
    arrived = [];
    while (body.childElementCount > ROWS) body.lastElementChild?.remove();
  }
}

function row(answered: ShownAnswer, explain: (url: string) => void): HTMLElement {
  const dot = element("i", { class: "dot" });
  dot.style.background = `var(${colorOf(answered.cache)})`;
  const cells = [
    clock(answered.time),
    element("span", { class: "word" }, dot, answered.cache),
    answered.status,
    answered.method,
    element(
      "button",
      {
        class: "link url",
        title: answered.url,
        "aria-label": `Explain ${answered.url}`,
        click: () => explain(answered.url),
      },
      answered.url,
    ),
    answered.reason ?? "",
    latency(answered.ttfb_ms),
    latency(answered.total_ms),
    bytes(answered.bytes),
  ];
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
}
