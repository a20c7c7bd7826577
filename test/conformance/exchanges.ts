import { deepStrictEqual } from "node:assert/strict";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { SettingName } from "../../src/config/settings.ts";
import { formatHttpDate } from "../../src/policy/http-date.ts";
import type { EpochMs } from "../../src/policy/stored-response.ts";
import { until } from "../until.ts";
import { type Stage, startStage } from "./stage.ts";

/** Field lines: name, value, name, value, … */
type Lines = readonly string[];
/** By lower-case name; null for a field that must be absent. */
type Wanted = Readonly<Record<string, string | null>>;

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
    /** Dates as in `answer`. */
    readonly fields?: Wanted;
    /** Of the request that reaches the origin. */
    readonly sent?: Wanted;
    readonly interim?: readonly (readonly [status: number, fields: Wanted])[];
  };
}

export interface Row {
  readonly name: string;
  readonly clause: string;
  /** The id of the test in the survey's current suite that this row stands for. */
  readonly survey?: string;
  readonly settings?: Partial<Record<SettingName, string>>;
  readonly steps: readonly Step[];
}

/** One request twice: the first answer, and where the second comes from after so many seconds. */
export const twice = (
  answer: Lines,
  after: number,
  from: Step["from"],
  { expect, first }: { readonly expect?: Step["expect"]; readonly first?: Step["expect"] } = {},
): Step[] => [
  { answer, from: "origin", ...(first === undefined ? {} : { expect: first }) },
  { after, from, ...(expect === undefined ? {} : { expect }) },
];

interface Head {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
}
interface Got extends Head {
  readonly body: string;
  readonly interim: readonly Head[];
}

/** Which step an answer was made in; it travels with the stored response. */
const MADE_IN = "Made-In-Step";
const DEADLINE_MS = 10_000;

/** Plays the steps of a row against a proxy of its own; rejects at the first that does not go as it should. */
export async function play(row: Row, settings: Partial<Record<SettingName, string>> = {}): Promise<void> {
  let current = 0;
  const stage: Stage = await startStage(
    (request, response) => {
      const step = row.steps[current];
      if (step !== undefined) answer(step, request, response, { step: current, now: stage.now() });
    },
    { ...settings, ...row.settings },
  );
  try {
    for (const [index, step] of row.steps.entries()) {
      current = index;
      await playStep(stage, step, index);
    }
  } finally {
    await stage.close();
  }
}

async function playStep(stage: Stage, step: Step, index: number): Promise<void> {
  stage.advance(step.after ?? 0);
  const { length: asked } = stage.requests;
  const kept = stage.told("stored", "not-stored");
  const refreshed = stage.told("refreshed");
  const got = await exchange(`${stage.url}${step.path ?? "/thing"}`, step);
  if (step.inTheBackground) await until("it is refreshed", () => stage.told("refreshed") > refreshed);
  // What Redis is still writing would neither be there for the next step nor be missed by it.
  if (/; stored\b/.test(got.headers["cache-status"]?.toString() ?? "")) {
    await until("it is stored", () => stage.told("stored", "not-stored") > kept);
  }
  check(index, step, got, stage.requests[asked], stage.now());
}

const dated = (text: string, now: EpochMs): string =>
  text.replace(/^\{(-?\d+)\}$/, (_, seconds) => formatHttpDate(now + Number(seconds) * 1000));

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
  const lines = (step.answer ?? []).map((text) => dated(text, at.now));
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

function check(index: number, step: Step, got: Got, sent: IncomingMessage | undefined, now: EpochMs): void {
  const madeIn = got.headers[MADE_IN.toLowerCase()];
  const old = sent !== undefined && !step.inTheBackground ? "validated" : "cache";
  const from = madeIn === undefined ? "nowhere" : Number(madeIn) === index ? "origin" : old;
  const { status, body, fields = {}, sent: sentFields = {}, interim } = step.expect ?? {};
  const dates = Object.entries(fields).map(([name, value]) => [name, value && dated(value, now)]);
  deepStrictEqual(
    {
      step: index,
      from,
      ...(status === undefined ? {} : { status: got.status }),
      ...(body === undefined ? {} : { body: got.body }),
      ...(interim === undefined
        ? {}
        : { interim: got.interim.map((one, i) => [one.status, subset(one.headers, interim[i]?.[1] ?? {})]) }),
      fields: subset(got.headers, fields),
      sent: subset(sent?.headers ?? {}, sentFields),
    },
    {
      step: index,
      from: step.from,
      ...(status === undefined ? {} : { status }),
      ...(body === undefined ? {} : { body }),
      ...(interim === undefined ? {} : { interim }),
      fields: Object.fromEntries(dates),
      sent: sentFields,
    },
  );
}

const subset = (headers: IncomingMessage["headers"], wanted: Wanted) =>
  Object.fromEntries(Object.keys(wanted).map((name) => [name, headers[name]?.toString() ?? null]));

function exchange(url: string, { method = "GET", ask = [] }: Step): Promise<Got> {
  const target = new URL(url);
  // Node leaves the Host to whoever gives it lines.
  const headers = ["Host", target.host, "Connection", "close", ...ask];
  if (method !== "GET" && method !== "HEAD") headers.push("Content-Length", "0");
  return new Promise((resolve, reject) => {
    const interim: Head[] = [];
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
