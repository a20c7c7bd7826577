import { validateHeaderValue } from "node:http";
import type { Hono } from "hono";
import { isToken } from "../policy/fields.ts";
import { REASON_CODES, reasonOf } from "../policy/reasons.ts";
import type { Explained, ShownReason } from "./answers.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, jsonAnswer } from "./errors.ts";
import { isHost, namedTarget } from "./targets.ts";

/** Which request is to be explained (cache/explain.ts). */
export interface AskedToExplain {
  readonly method: string;
  readonly proto: "http" | "https";
  readonly host?: string;
  readonly target: string;
  /** Field lines: name, value, name, value, … */
  readonly fields: readonly string[];
  readonly fetch: boolean;
  readonly body: boolean;
}

/** Only looks; with `fetch` it asks an origin, and stores nothing. */
export type ExplainRequest = (asked: AskedToExplain) => Promise<Explained>;

const MAX_HEADERS = 100;
const MAX_HEADER_LENGTH = 8192;

/** GET /explain and GET /reasons. */
export function addExplain(app: Hono<AdminEnv>, explain: ExplainRequest): void {
  const reasons = REASON_CODES.map((code): ShownReason => {
    const { group, sentence, decidedBy, change } = reasonOf(code);
    return { code, group, sentence, decided_by: decidedBy, change };
  });
  app.get("/reasons", (c) => jsonAnswer(c, reasons));
  app.get("/explain", async (c) => {
    const asked = askedIn(new URL(c.req.url, "http://localhost").searchParams);
    // A page that a browser here shows could else send origins what it may send nobody.
    const site = c.req.header("sec-fetch-site") ?? "none";
    if (asked.fetch && site !== "same-origin" && site !== "none")
      throw new ApiError(403, "cross_site", "another site's page may not have an origin asked");
    return jsonAnswer(c, await explain(asked));
  });
}

const KNOWN: ReadonlySet<string> = new Set(["url", "method", "header", "fetch", "body"]);

/** Throws ApiError 400 for what is not understood in full. */
function askedIn(query: URLSearchParams): AskedToExplain {
  for (const name of query.keys())
    if (!KNOWN.has(name)) throw wrong(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  const url = query.get("url") ?? "";
  if (url === "") throw wrong("url is missing: GET /explain?url=http://shop.example/path");
  const { target, host } = namedTarget(url);
  if (host !== undefined && !isHost(host)) throw wrong("the URL's host is none");
  const method = query.get("method") ?? "GET";
  if (!isToken(method) || method.length > 32) throw wrong("method is none");
  const headers = query.getAll("header");
  if (headers.length > MAX_HEADERS) throw wrong(`at most ${MAX_HEADERS} headers`);
  return {
    method,
    proto: /^https:/i.test(url) ? "https" : "http",
    ...(host === undefined ? {} : { host }),
    target,
    fields: headers.flatMap(fieldLine),
    fetch: isOn(query, "fetch"),
    body: isOn(query, "body"),
  };
}

/** `Name: value`; a value's bytes are one character each, as on the wire. */
function fieldLine(line: string): [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon)).trim();
  const value = Buffer.from(line.slice(colon + 1).trim(), "utf8").toString("latin1");
  if (!isToken(name) || !isFieldValue(name, value))
    throw wrong(`header must be "Name: value", not ${JSON.stringify(line.slice(0, 64))}`);
  return [name, value];
}

function isFieldValue(name: string, value: string): boolean {
  try {
    validateHeaderValue(name, value);
    return value.length <= MAX_HEADER_LENGTH;
  } catch {
    return false;
  }
}

function isOn(query: URLSearchParams, name: "fetch" | "body"): boolean {
  const value = query.get(name);
  if (value === null || value === "0") return false;
  if (value === "1" || value === "") return true;
  throw wrong(`${name} must be 1 or absent`);
}

const wrong = (message: string): ApiError => new ApiError(400, "bad_request", message);
