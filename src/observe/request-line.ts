import type { CacheEvent } from "../cache/events.ts";
import { xCacheStatus } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { keyHash } from "./key-hash.ts";
import { ownBytes } from "./own-bytes.ts";
import { shownUri } from "./redact.ts";

type Answered = CacheEvent & { readonly type: "answered" };
type Level = "info" | "warn";

/** Of so many URIs it is kept what their last lines said; when there are more, it begins anew. */
const MAX_KEPT = 1024;
const MAX_URI_LENGTH = 512;

/** The last line of a URI. */
interface Kept {
  readonly level: Level;
  readonly event: Omit<Answered, "asker">;
  /** Path, host and key. */
  readonly where: string;
  /** From the end of the id to the first time. */
  readonly said: string;
  readonly bytes: Buffer;
  readonly idAt: number;
  readonly headAt: number;
  head: string;
  duration: string;
  age: number | undefined;
  ttl: number | undefined;
  /** What is said of both. */
  ages: string;
  writtenAt: EpochMs;
}

/**
 * Writes the line of one request, as the logger itself would: at a tenth of the cost, because most lines
 * are of hits, which cost little themselves. Where a line differs from the last one of its URI in its times and its
 * id alone, those are written over. It is valid until the next line.
 */
export function requestLines(now: () => EpochMs, worker: number | undefined) {
  const timeOf = times();
  const behindTime = `"${worker === undefined ? "" : `,"worker":${worker}`},"request_id":"`;
  const kept = new Map<string, Kept>();

  return (level: Level, event: Answered): Buffer => {
    const { uri, requestId, headMs, durationMs, outcome } = event;
    const { age, ttl } = outcome;
    const at = event.at ?? now();
    const last = kept.get(uri);
    const alike = last !== undefined && isAlike(last.event, event) ? last : undefined;
    const head = milliseconds(headMs);
    const duration = durationMs === headMs ? head : milliseconds(durationMs);
    const ages = alike !== undefined && alike.age === age && alike.ttl === ttl ? alike.ages : agesOf(outcome);
    const isAsLong =
      alike?.head.length === head.length &&
      alike.duration.length === duration.length &&
      alike.ages.length === ages.length;
    if (isAsLong && differsInTimes(alike, level, event)) {
      rewrite(alike, at, requestId, head, duration, ages);
      alike.age = age;
      alike.ttl = ttl;
      return alike.bytes;
    }
    const where = last?.where ?? whereOf(uri);
    const said = alike?.said ?? saidOf(where, event);
    const opening = `${timeAt(level)}${timeOf(at)}${behindTime}`;
    const tail = `${head}${DURATION}${duration}${ages}${endOf(event)}`;
    // No id needs escaping: a client's own is taken only where it has nothing of the kind (server/read-request.ts).
    const bytes = ownBytes(`${opening}${requestId}${said}${tail}`);
    if (last === undefined && kept.size >= MAX_KEPT) kept.clear();
    const { asker: _, at: __, ...fewer } = event;
    const places = { idAt: opening.length, headAt: bytes.length - tail.length };
    const times = { head, duration, age, ttl, ages, writtenAt: at };
    if (uri.length <= MAX_URI_LENGTH)
      kept.set(uri, { level, event: fewer, where, said, bytes, ...places, ...times });
    return bytes;
  };

  function rewrite(last: Kept, at: EpochMs, id: string, head: string, duration: string, ages: string): void {
    const { bytes, headAt } = last;
    const durationAt = headAt + head.length + DURATION.length;
    if (at !== last.writtenAt) put(bytes, timeOf(at), timeAt(last.level).length);
    bytes.write(id, last.idAt, id.length, "latin1");
    if (head !== last.head) put(bytes, head, headAt);
    if (duration !== last.duration) put(bytes, duration, durationAt);
    if (ages !== last.ages) put(bytes, ages, durationAt + duration.length);
    last.head = head;
    last.duration = duration;
    last.ages = ages;
    last.writtenAt = at;
  }
}

const DURATION = ',"duration_ms":';
const timeAt = (level: Level): string => (level === "info" ? INFO : WARN);
const INFO = '{"level":"info","time":"';
const WARN = '{"level":"warn","time":"';

/** Of a few characters of ASCII: a call into the system's own code costs more than these. */
function put(into: Buffer, text: string, at: number): void {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i);
}

/** The time of a line, as ISO 8601 has it. */
function times(): (at: EpochMs) => string {
  let second = Number.NaN;
  let upToSecond = "";
  let millisecond = Number.NaN;
  let text = "";

  return (at) => {
    if (at === millisecond) return text;
    const whole = Math.floor(at / 1000);
    if (whole !== second) {
      second = whole;
      upToSecond = new Date(whole * 1000).toISOString().slice(0, -4);
    }
    millisecond = at;
    text = `${upToSecond}${padded(Math.floor(at - whole * 1000))}Z`;
    return text;
  };
}

/** Would `saidOf` tell the same of it? */
const isAlike = (one: Kept["event"], other: Answered): boolean =>
  one.method === other.method &&
  one.status === other.status &&
  one.bytes === other.bytes &&
  one.tier === other.tier &&
  one.origin === other.origin &&
  one.outcome.word === other.outcome.word &&
  one.outcome.body === other.outcome.body &&
  one.outcome.reason === other.outcome.reason;

/** Does it differ from that line, which is alike, in its id and its times alone, and is the id as long? */
const differsInTimes = ({ level, event }: Kept, itsLevel: Level, other: Answered): boolean =>
  level === itsLevel &&
  event.requestId.length === other.requestId.length &&
  event.outcome.collapsed === other.outcome.collapsed &&
  event.aborted === other.aborted &&
  event.traceId === other.traceId;

function whereOf(uri: string): string {
  const { path, host } = shownUri(uri);
  const at = host === undefined ? "" : `,"host":${JSON.stringify(host)}`;
  return `,"path":${JSON.stringify(path)}${at},"key_hash":"${keyHash(uri)}"`;
}

/** From the end of the id to the first time. */
function saidOf(where: string, { method, status, outcome, tier, origin, bytes }: Answered): string {
  let text = `","method":${JSON.stringify(method)}${where},"status":${status}`;
  text += `,"cache":"${outcome.word}","x_cache_status":"${xCacheStatus(outcome)}"`;
  if (outcome.reason !== undefined) text += `,"reason":"${outcome.reason}"`;
  if (tier !== undefined) text += `,"tier":"${tier}"`;
  if (origin !== undefined) text += `,"origin":${JSON.stringify(origin)}`;
  return `${text},"bytes":${bytes},"head_ms":`;
}

/** What changes with every second, and so is no part of what is kept. */
function agesOf({ age, ttl }: Answered["outcome"]): string {
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
