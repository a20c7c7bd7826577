import type { Hono } from "hono";
import type { ShownEntries } from "./answers.ts";
import type { AdminEnv } from "./env.ts";
import { ApiError, jsonAnswer } from "./errors.ts";

/** Which page of what is stored is wanted (cache/entries.ts). */
export interface AskedForEntries {
  readonly tier?: "memory" | "redis";
  /** What keys contain that are meant. */
  readonly match: string;
  readonly limit: number;
  readonly cursor: string;
}

/** Only looks. Rejects with StoreError where Redis does not answer. */
export type ListEntries = (asked: AskedForEntries) => Promise<ShownEntries | { readonly problem: string }>;

/** Entries of one page at most; of Redis there may be about a hundred more. */
export const MAX_ENTRIES = 200;
const USUAL_ENTRIES = 50;
const MAX_MATCH = 2048;
/** Lists that are made at once. */
const MAX_LISTS = 4;

const KNOWN: ReadonlySet<string> = new Set(["tier", "match", "limit", "cursor"]);

/** GET /entries. */
export function addEntries(app: Hono<AdminEnv>, list: ListEntries): void {
  let lists = 0;
  app.get("/entries", async (c) => {
    const asked = askedIn(new URL(c.req.url, "http://localhost").searchParams);
    if (lists >= MAX_LISTS)
      throw new ApiError(503, "too_many_readers", `${MAX_LISTS} lists of entries are made already`);
    lists++;
    const page = await list(asked).finally(() => lists--);
    if ("problem" in page) throw wrong(page.problem);
    return jsonAnswer(c, page);
  });
}

/** Throws ApiError 400 for what is not understood in full. */
function askedIn(query: URLSearchParams): AskedForEntries {
  for (const name of query.keys())
    if (!KNOWN.has(name)) throw wrong(`unknown parameter ${JSON.stringify(name.slice(0, 64))}`);
  const tier = query.get("tier");
  if (tier !== null && tier !== "memory" && tier !== "redis") throw wrong("tier is memory or redis");
  const match = query.get("match") ?? "";
  if (match.length > MAX_MATCH) throw wrong(`match has at most ${MAX_MATCH} characters`);
  const cursor = query.get("cursor") ?? "";
  if (!/^[\w.-]{0,64}$/.test(cursor)) throw wrong("the cursor is none that a page has named");
  const text = query.get("limit") ?? String(USUAL_ENTRIES);
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_ENTRIES) throw wrong(`limit is a whole number from 1 to ${MAX_ENTRIES}`);
  return { ...(tier === null ? {} : { tier }), match, limit, cursor };
}

const wrong = (message: string): ApiError => new ApiError(400, "bad_request", message);
