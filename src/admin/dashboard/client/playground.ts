import type { Explained } from "../../answers.ts";
import { ApiFailure, getJson, postJson } from "./api.ts";
import { byId, element } from "./element.ts";
import { latency } from "./format.ts";
import { drawTimeline, windowsOf } from "./timeline.ts";

interface Scene {
  readonly id: number;
  readonly url: string;
  readonly about: string;
}

type Mood = Readonly<Record<string, unknown>>;

interface Told {
  readonly status: number;
  readonly cache: string | null;
  readonly cache_status: string | null;
  readonly took_ms: number;
}

/** Explaining is a look at the store, for a page that somebody watches. */
const LOOK_EVERY_MS = 1_000;
const DRAW_EVERY_MS = 250;

/** The mock origins' playground, where there is one: what may be done to them, and four URLs as their windows pass. */
export async function showPlayground(explain: (url: string) => void): Promise<void> {
  const found = await getJson<{ readonly scenes: readonly Scene[]; readonly behavior: Mood }>(
    "/playground",
  ).catch(() => undefined);
  if (found === undefined) return;
  byId("playground").hidden = false;
  byId("to-playground").hidden = false;
  const state = element("p", { class: "mood", role: "status" }, moodOf(found.behavior));
  byId("playground-body").append(
    moodButtons(state),
    state,
    ...found.scenes.map((scene) => sceneView(scene, explain)),
  );
}

function moodButtons(state: HTMLElement): HTMLElement {
  const button = (mood: string, text: string) => element("button", { click: () => void change(mood) }, text);
  async function change(mood: string): Promise<void> {
    state.textContent = await postJson<{ behavior: Mood }>("/playground/mood", { mood }).then(
      ({ behavior }) => moodOf(behavior),
      (error: unknown) => `Not changed: ${textOf(error)}.`,
    );
  }
  return element(
    "div",
    { class: "buttons", role: "group", "aria-label": "The mock origins" },
    button("fail", "Let origins fail"),
    button("slow", "Make them slow"),
    button("unhealthy", "Make them unhealthy"),
    button("recover", "Let them recover"),
  );
}

function moodOf(behavior: Mood): string {
  const { status, delay_ms, healthy } = behavior;
  const parts = [
    status === undefined ? undefined : `answer ${String(status)}`,
    delay_ms === undefined ? undefined : `take ${latency(Number(delay_ms))} longer`,
    healthy === false ? "say that they are unhealthy" : undefined,
  ].filter((part) => part !== undefined);
  return `The mock origins ${parts.length === 0 ? "are well" : parts.join(" and ")}.`;
}

function sceneView({ id, url, about }: Scene, explain: (url: string) => void): HTMLElement {
  const windows = element("div", { class: "windows-of" });
  const next = element("p", { class: "quiet" });
  const told = element("p", { class: "told", role: "status" }, "Not asked yet.");
  const act = (path: string, done: (answer: Told) => string) => async () => {
    told.textContent = "Asking …";
    told.textContent = await postJson<Told>(path, { id }).then(done, (error: unknown) => `${textOf(error)}.`);
    await look();
  };
  const ask = act(
    "/playground/ask",
    ({ status, cache, cache_status, took_ms }) =>
      `${status} · ${cache ?? "–"} · ${latency(took_ms)} · ${cache_status ?? ""}`,
  );
  const put = act("/playground/put", () => "The origins have new data now.");
  let seen: Explained | "absent" | undefined;

  async function look(): Promise<void> {
    if (document.hidden || seen === "absent") return;
    try {
      seen = await getJson<Explained>(`/explain?${new URLSearchParams({ url })}`);
    } catch (error) {
      seen = error instanceof ApiFailure && error.status === 404 ? "absent" : undefined;
    }
    draw();
  }

  function draw(): void {
    if (seen === undefined || seen === "absent") {
      windows.replaceChildren(
        seen === "absent" ? "Windows are not available: this admin API explains nothing." : "…",
      );
      return;
    }
    const { stored } = seen;
    windows.replaceChildren(
      stored === null ? "Nothing is stored." : drawTimeline(windowsOf(stored), Date.now()),
    );
    const sentence = `Next: ${seen.next.sentence}`;
    if (next.textContent !== sentence) next.textContent = sentence;
  }

  void look();
  setInterval(() => void look(), LOOK_EVERY_MS);
  setInterval(draw, DRAW_EVERY_MS);
  return element(
    "article",
    { class: "scene", "aria-label": about },
    element("h3", {}, about),
    element("code", { class: "url", title: url }, url),
    windows,
    next,
    element(
      "div",
      { class: "buttons" },
      element(
        "button",
        { class: "primary", "aria-label": `Ask for data ${id}`, click: () => void ask() },
        "Ask",
      ),
      element(
        "button",
        { "aria-label": `Change data ${id} at the origins`, click: () => void put() },
        "PUT new data",
      ),
      element("button", { "aria-label": `Explain data ${id}`, click: () => explain(url) }, "Explain"),
    ),
    told,
  );
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
