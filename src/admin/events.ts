import type { Context, Hono } from "hono";
import type { Hist, Series, ShownAnswer, Top } from "./answers.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, jsonAnswer } from "./errors.ts";

/** What can be seen of a proxy while it serves. */
export interface Live {
  /** Listens for the answers that a query means, or says what is wrong with the query; `at` is from 1 on. */
  watch(query: string): Watching | { readonly problem: string; readonly at: number };
  top(most: number): Promise<Top>;
  hist(): Promise<Hist>;
  series(minutes: number): Promise<Series>;
}

export interface Watching {
  /** What has come since the last time; `dropped` of it came too fast to be kept. Undefined when no more will come. */
  take(): Taken | undefined;
  close(): void;
}

interface Taken {
  readonly events: readonly ShownAnswer[];
  readonly dropped: number;
}

/** A reader hears so often of what has come; what it can hear of is bounded by what is kept in between. */
const TAKE_MS = 100;
/** A comment now and then, for intermediaries and readers that take silence for an end. */
const ALIVE_MS = 15_000;
const MAX_READERS = 32;

/** The longest lists, and the longest time, that may be asked for. */
export const MOST = { k: 512, minutes: 10 } as const;

/** GET /events, /top, /hist and /series. */
export function addLive(app: Hono<AdminEnv>, live: Live): void {
  let readers = 0;

  app.get("/events", (c) => {
    const query = c.req.query("q") ?? "";
    // A HEAD has no reader whose leaving could be told.
    if (c.req.method !== "HEAD" && readers >= MAX_READERS)
      throw new ApiError(503, "too_many_readers", `${MAX_READERS} readers watch already`);
    const watching = live.watch(query);
    if ("problem" in watching)
      throw new ApiError(
        400,
        "bad_request",
        `${watching.problem} (at character ${watching.at} of the query)`,
      );
    c.header("Content-Type", "text/event-stream");
    if (c.req.method === "HEAD") {
      watching.close();
      return c.body(null);
    }
    readers++;
    return c.body(
      eventStream(watching, () => {
        readers--;
      }),
    );
  });
  app.get("/top", async (c) => jsonAnswer(c, await live.top(asked(c, "k", 20))));
  app.get("/hist", async (c) => jsonAnswer(c, await live.hist()));
  app.get("/series", async (c) => jsonAnswer(c, await live.series(asked(c, "minutes", 10))));
}

/** A parameter that is a whole number from 1 to its most. */
function asked(c: Context<AdminEnv>, name: keyof typeof MOST, absent: number): number {
  const text = c.req.query(name);
  if (text === undefined) return absent;
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MOST[name]) return number;
  throw new ApiError(400, "bad_request", `${name} is a whole number from 1 to ${MOST[name]}`);
}

/**
 * What is watched, as server-sent events. Its reader pulls: while it takes nothing, nothing is
 * taken for it, and what comes meanwhile gives way to what comes later.
 */
function eventStream(watching: Watching, ended: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    watching.close();
    ended();
  };
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(": watching\n\n")),
    async pull(controller) {
      const since = performance.now();
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, TAKE_MS));
        // Its reader has left, and the stream is closed.
        if (!open) return;
        const taken = watching.take();
        if (taken === undefined) {
          close();
          return controller.close();
        }
        const text = eventsText(taken);
        if (text === "" && performance.now() - since < ALIVE_MS) continue;
        return controller.enqueue(encoder.encode(text === "" ? ": alive\n\n" : text));
      }
    },
    cancel: close,
  });
}

function eventsText({ events, dropped }: Taken): string {
  let text = dropped === 0 ? "" : `event: dropped\ndata: ${JSON.stringify({ count: dropped })}\n\n`;
  for (const event of events) text += `event: answered\ndata: ${JSON.stringify(event)}\n\n`;
  return text;
}
