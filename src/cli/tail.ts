import type { ShownAnswer } from "../admin/answers.ts";
import type { AdminConfig } from "./admin-client.ts";
import { type Admin, adminsOf } from "./admins.ts";
import { complain, readJson, strangerAt, type Terminal } from "./commands.ts";
import { hearEvents, type ServerSent } from "./event-stream.ts";
import { pause, untilInterrupted } from "./interrupted.ts";
import type { LiveWords } from "./live-words.ts";
import { bytes, count, latency } from "./quantities.ts";
import { type Colour, harmless, openScreen, type Paint } from "./screen.ts";

const AGAIN_MS = 1000;

/**
 * `freshline tail`: answers while they are given. A proxy that was there and goes is waited for, as one
 * that is started anew; one that never was, or that refuses the query, is told, and the rest go on.
 */
export async function tail(config: AdminConfig, words: LiveWords, terminal: Terminal): Promise<number> {
  const { signal, release } = untilInterrupted();
  const { paint } = openScreen(process.stdout, process.env, false);
  const admins = adminsOf(config, words.admins);
  /** False where no Freshline says so. */
  const show = (admin: Admin, { event, data }: ServerSent): boolean => {
    const from = admins.length === 1 ? undefined : admin.name;
    if (event === "dropped") {
      const dropped = readJson(data)?.["count"];
      if (typeof dropped !== "number") return false;
      if (words.json) terminal.out(JSON.stringify({ dropped }));
      else terminal.err(`freshline: ${count(dropped)} answers came too fast to be shown`);
    } else if (event === "answered") {
      const said = readJson(data);
      if (!isAnswer(said)) return false;
      if (words.json) terminal.out(JSON.stringify(from === undefined ? said : { admin: from, ...said }));
      else terminal.out(tailLine(said, from, paint));
    }
    return true;
  };
  try {
    const codes = await Promise.all(
      admins.map((admin) => follow(admin, words.query, signal, terminal, (event) => show(admin, event))),
    );
    return Math.max(...codes);
  } finally {
    release();
  }
}

async function follow(
  admin: Admin,
  query: string,
  signal: AbortSignal,
  terminal: Terminal,
  hear: (event: ServerSent) => boolean,
): Promise<number> {
  let heard = false;
  let waiting = false;
  const stranger = new AbortController();
  const either = AbortSignal.any([signal, stranger.signal]);
  for (;;) {
    const ending = await hearEvents(
      admin.config,
      `/events?q=${encodeURIComponent(query)}`,
      either,
      (event) => {
        waiting = false;
        if (!stranger.signal.aborted && !hear(event)) stranger.abort();
      },
    );
    if (signal.aborted) return 0;
    if (stranger.signal.aborted) {
      terminal.err(`freshline: ${strangerAt(admin.config)}`);
      return 1;
    }
    if (ending === "ended") {
      heard = true;
      if (!waiting) terminal.err(`freshline: the proxy at ${admin.name} is gone; waiting for it`);
      waiting = true;
    } else if (!heard || ending.type === "answered") {
      complain(admin.config, ending, terminal);
      return 1;
    }
    await pause(AGAIN_MS, signal);
    if (signal.aborted) return 0;
  }
}

/** As far as a line goes by it. */
const isAnswer = (said: Readonly<Record<string, unknown>> | undefined): said is Answered =>
  said !== undefined &&
  (["time", "cache", "method", "url"] as const).every((name) => typeof said[name] === "string") &&
  (["status", "ttfb_ms", "bytes"] as const).every((name) => typeof said[name] === "number");

type Answered = Readonly<Record<string, unknown>> & ShownAnswer;

const COLOURS: Readonly<Record<string, Colour>> = {
  HIT: "green",
  UPDATING: "cyan",
  STALE: "cyan",
  REVALIDATED: "cyan",
  EXPIRED: "yellow",
  MISS: "yellow",
  BYPASS: "dim",
};

export function tailLine(answered: ShownAnswer, from: string | undefined, paint: Paint): string {
  const { time, cache, status, method, url, reason, fwd, worker } = answered;
  const why = reason ?? fwd;
  return [
    time.slice(11, 23),
    paint(COLOURS[cache] ?? "dim", cache.padEnd(11)),
    paint(status >= 500 ? "red" : "bold", String(status)),
    latency(answered.ttfb_ms).padStart(8),
    bytes(answered.bytes).padStart(9),
    harmless(method).padEnd(4),
    harmless(url),
    ...(why === null ? [] : [paint("yellow", why)]),
    ...(worker === undefined ? [] : [paint("dim", `worker ${worker}`)]),
    ...(from === undefined ? [] : [paint("dim", from)]),
  ].join(" ");
}
