import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { expect } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import type { EpochMs } from "../../src/policy/stored-response.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { startSite } from "../scenario/site.ts";

/** Field lines: name, value, name, value, … */
type Lines = readonly string[];

/** One request to the proxy, what the origin would say to it, and what has to come of it. */
export interface Step {
  /** Seconds that pass before it. */
  readonly after?: number;
  readonly method?: string;
  /** What is asked for; `/thing` when absent. */
  readonly path?: string;
  readonly ask?: Lines;
  /** Dates are made from the clock: `{-60}` is a minute ago. */
  readonly answer?: Lines;
  /** A 304 is one only to a request with a condition; without one the origin says 200. */
  readonly status?: number;
  readonly body?: string;
  /** What the origin sends ahead of its answer. */
  readonly interim?: readonly (readonly [status: number, fields: Lines])[];
  /** The origin closes the connection and says nothing. */
  readonly hangsUp?: true;
  /** `validated`: a stored response, after the origin was asked about it. */
  readonly from: "origin" | "cache" | "validated" | "nowhere";
  /** The origin is asked, but the client does not wait for it. */
  readonly inTheBackground?: true;
  readonly expect?: {
    readonly status?: number;
    readonly body?: string;
    /** By lower-case name; null for a field that must be absent. */
    readonly fields?: Readonly<Record<string, string | null>>;
    /** Of the request that reaches the origin. */
    readonly sent?: Readonly<Record<string, string | null>>;
    readonly interim?: readonly number[];
  };
}

export interface Row {
  readonly name: string;
  readonly clause: string;
  readonly settings?: Partial<Record<SettingName, string>>;
  readonly steps: readonly Step[];
}

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly interim: readonly { status: number; headers: IncomingMessage["headers"] }[];
}

/** Which step an answer was made in; it travels with the stored response. */
const MADE_IN = "Made-In-Step";
const DEADLINE_MS = 10_000;

/** Plays the steps of a row against a proxy of its own; the clock stands between them. */
export async function play({ steps, settings }: Row, redisUrl?: string): Promise<void> {
  let current = 0;
  const origin = await startOrigin((request, response) => {
    const step = steps[current];
    if (step !== undefined) answer(step, request, response, { step: current, now: now() });
  });
  const site = await startSite({
    standingClock: true,
    settings: { ORIGINS: origin.url, ...settings },
    ...(redisUrl === undefined ? {} : { redisUrl }),
  });
  // Never before the proxy's own standing clock, or a response would be a second old when it comes.
  const startedAt = Date.now();
  const now = () => startedAt + site.clock.addedMs;
  if (redisUrl !== undefined) await site.until("Redis is attached", () => site.proxy.redisAttached());
  const stored = () => site.events.filter((event) => event.type === "stored").length;
  let storedBefore = 0;
  for (const [index, step] of steps.entries()) {
    current = index;
    if (step.after !== undefined) {
      // What Redis is still writing would be stale before it is there.
      if (step.from !== "origin") await site.until("it is stored", () => stored() > storedBefore);
      site.advance(step.after);
    }
    if (step.from === "origin") storedBefore = stored();
    const before = origin.requests.length;
    const got = await exchange(`http://127.0.0.1:${site.proxy.port}${step.path ?? "/thing"}`, step);
    if (step.inTheBackground) await site.until("the origin is asked", () => origin.requests.length > before);
    check(index, step, got, origin.requests[before]);
  }
}

function answer(
  step: Step,
  request: IncomingMessage,
  response: ServerResponse,
  at: { readonly step: number; readonly now: EpochMs },
): void {
  if (step.hangsUp) {
    response.socket?.destroy();
    return;
  }
  for (const [status, fields] of step.interim ?? []) {
    const lines = pairs(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    // Not by writeEarlyHints, which wants a Link and knows no other status.
    response.socket?.write(`HTTP/1.1 ${status} Ahead\r\n${lines.join("")}\r\n`, "latin1");
  }
  const asks = ["if-none-match", "if-modified-since"].some((name) => request.headers[name] !== undefined);
  const status = step.status === 304 && !asks ? 200 : (step.status ?? 200);
  const lines = (step.answer ?? []).map((text) =>
    text.replace(/^\{(-?\d+)\}$/, (_, seconds) => formatHttpDate(at.now + Number(seconds) * 1000)),
  );
  if (!lines.some((name, i) => i % 2 === 0 && name.toLowerCase() === "date")) {
    lines.push("Date", formatHttpDate(at.now));
  }
  // A 304 tells of what the client has.
  if (status !== 304) lines.push(MADE_IN, String(at.step));
  response.sendDate = false;
  response
    .writeHead(status, lines)
    .end(status === 204 || status === 304 ? undefined : (step.body ?? `${at.step}`));
}

function check(index: number, step: Step, got: Got, sent: IncomingMessage | undefined): void {
  const madeIn = got.headers[MADE_IN.toLowerCase()];
  const asked = sent !== undefined && !step.inTheBackground;
  const old = asked ? "validated" : "cache";
  const from = madeIn === undefined ? "nowhere" : Number(madeIn) === index ? "origin" : old;
  const { status, body, fields = {}, sent: sentFields = {}, interim } = step.expect ?? {};
  const subset = (headers: IncomingMessage["headers"], wanted: Readonly<Record<string, string | null>>) =>
    Object.fromEntries(Object.keys(wanted).map((name) => [name, headers[name]?.toString() ?? null]));
  expect({
    step: index,
    from,
    ...(status === undefined ? {} : { status: got.status }),
    ...(body === undefined ? {} : { body: got.body }),
    ...(interim === undefined ? {} : { interim: got.interim.map((one) => one.status) }),
    fields: subset(got.headers, fields),
    sent: subset(sent?.headers ?? {}, sentFields),
  }).toEqual({
    step: index,
    from: step.from,
    ...(status === undefined ? {} : { status }),
    ...(body === undefined ? {} : { body }),
    ...(interim === undefined ? {} : { interim }),
    fields,
    sent: sentFields,
  });
}

function exchange(url: string, { method = "GET", ask = [] }: Step): Promise<Got> {
  const target = new URL(url);
  // Node leaves the Host to whoever gives it lines.
  const headers = ["Host", target.host, "Connection", "close", ...ask];
  if (method !== "GET" && method !== "HEAD") headers.push("Content-Length", "0");
  return new Promise((resolve, reject) => {
    const interim: { status: number; headers: IncomingMessage["headers"] }[] = [];
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("latin1").on("data", (text: string) => {
        body += text;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, interim }),
      );
    });
    request.on("information", ({ statusCode, headers: fields }) =>
      interim.push({ status: statusCode, headers: fields }),
    );
    request.on("error", reject);
    request.setTimeout(DEADLINE_MS, () => request.destroy(new Error(`no answer from ${url}`)));
    request.end();
  });
}

const pairs = (lines: Lines): [string, string][] =>
  Array.from({ length: lines.length / 2 }, (_, i) => [lines[2 * i] ?? "", lines[2 * i + 1] ?? ""]);
