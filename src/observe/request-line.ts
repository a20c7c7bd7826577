import type { CacheEvent } from "../cache/events.ts";
import { xCacheStatus } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { keyHash } from "./key-hash.ts";
import { shownUri } from "./redact.ts";

type Answered = CacheEvent & { readonly type: "answered" };
type Level = "info" | "warn";

/** Of so many URIs it is kept what their last lines said; when there are more, it begins anew. */
const MAX_KEPT = 1024;
const MAX_URI_LENGTH = 512;

/** What is between the id and the times, and the event that says it. */
interface Kept {
  /** Path, host and key. */
  readonly where: string;
  readonly event: Omit<Answered, "asker">;
  readonly text: string;
}

/**
 * Writes the line of one request, as the logger itself would: at a tenth of the cost, because most lines
 * are of hits, which cost little themselves. Much of a line is what the last one of its URI said, too; and
 * few long pieces cost less to join than many short ones.
 */
export function requestLines(now: () => EpochMs, worker: number | undefined) {
  const openingOf = openings(worker);
  const kept = new Map<string, Kept>();

  return (level: Level, event: Answered): string => {
    const { headMs, durationMs } = event;
    const head = milliseconds(headMs);
    const duration = durationMs === headMs ? head : milliseconds(durationMs);
    // No id needs escaping: a client's own is taken only where it has nothing of the kind (server/read-request.ts).
    return `${openingOf(level, now())}${event.requestId}${saidOf(event)}${head},"duration_ms":${duration}${timesOf(event)}${endOf(event)}`;
  };

  function saidOf(event: Answered): string {
    const last = kept.get(event.uri);
    if (last !== undefined && isAlike(last.event, event)) return last.text;
    const where = last?.where ?? whereOf(event.uri);
    const text = inOnePiece(said(where, event));
    if (last === undefined && kept.size >= MAX_KEPT) kept.clear();
    const { asker: _, ...fewer } = event;
    if (event.uri.length <= MAX_URI_LENGTH) kept.set(event.uri, { where, event: fewer, text });
    return text;
  }
}

/** The beginning of a line, up to the id. */
function openings(worker: number | undefined) {
  const base = worker === undefined ? "" : `,"worker":${worker}`;
  let second = Number.NaN;
  let upToSecond = "";
  let millisecond = Number.NaN;
  const opening = { info: "", warn: "" };

  return (level: Level, at: EpochMs): string => {
    if (at !== millisecond) {
      millisecond = at;
      const said = `"time":"${time(at)}"${base},"request_id":"`;
      opening.info = inOnePiece(`{"level":"info",${said}`);
      opening.warn = inOnePiece(`{"level":"warn",${said}`);
    }
    return opening[level];
  };

  function time(at: EpochMs): string {
    const whole = Math.floor(at / 1000);
    if (whole !== second) {
      second = whole;
      upToSecond = new Date(whole * 1000).toISOString().slice(0, -4);
    }
    return `${upToSecond}${padded(Math.floor(at - whole * 1000))}Z`;
  }
}

/** V8 keeps what is joined in pieces, and would join them for each line anew. */
const inOnePiece = (text: string): string => Buffer.from(text).toString();

/** Would `said` tell the same of it? */
const isAlike = (one: Kept["event"], other: Answered): boolean =>
  one.method === other.method &&
  one.status === other.status &&
  one.bytes === other.bytes &&
  one.tier === other.tier &&
  one.origin === other.origin &&
  one.outcome.word === other.outcome.word &&
  one.outcome.body === other.outcome.body &&
  one.outcome.reason === other.outcome.reason;

function whereOf(uri: string): string {
  const { path, host } = shownUri(uri);
  const at = host === undefined ? "" : `,"host":${JSON.stringify(host)}`;
  return `,"path":${JSON.stringify(path)}${at},"key_hash":"${keyHash(uri)}"`;
}

/** From the end of the id to the first time. */
function said(where: string, { method, status, outcome, tier, origin, bytes }: Answered): string {
  let text = `","method":${JSON.stringify(method)}${where},"status":${status}`;
  text += `,"cache":"${outcome.word}","x_cache_status":"${xCacheStatus(outcome)}"`;
  if (outcome.reason !== undefined) text += `,"reason":"${outcome.reason}"`;
  if (tier !== undefined) text += `,"tier":"${tier}"`;
  if (origin !== undefined) text += `,"origin":${JSON.stringify(origin)}`;
  return `${text},"bytes":${bytes},"head_ms":`;
}

/** What changes with every second, and so is no part of what is kept. */
function timesOf({ outcome: { age, ttl } }: Answered): string {
  const text = age === undefined ? "" : `,"age":${age}`;
  return ttl === undefined ? text : `${text},"ttl":${ttl}`;
}

function endOf({ outcome, aborted, traceId }: Answered): string {
  const collapsed = outcome.collapsed === true;
  if (!collapsed && !aborted && traceId === undefined) return PLAIN_END;
  const trace = traceId === undefined ? "" : `,"trace_id":"${traceId}"`;
  return `,"collapsed":${collapsed},"aborted":${aborted}${trace},"msg":"request"}\n`;
}

const PLAIN_END = ',"collapsed":false,"aborted":false,"msg":"request"}\n';

/** Milliseconds with three decimals. */
function milliseconds(exact: number): string {
  const micros = Math.round(exact * 1000);
  const below = FIRST_MILLISECOND[micros];
  if (below !== undefined) return below;
  const whole = Math.floor(micros / 1000);
  return `${whole}.${padded(micros - whole * 1000)}`;
}

const padded = (n: number): string => (n < 10 ? `00${n}` : n < 100 ? `0${n}` : `${n}`);

/** Most of a proxy's times, by their microseconds. */
const FIRST_MILLISECOND = Array.from({ length: 1000 }, (_, micros) => `0.${padded(micros)}`);
