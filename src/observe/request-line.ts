import type { CacheEvent } from "../cache/events.ts";
import { xCacheStatus } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { shownUri } from "./redact.ts";

type Answered = CacheEvent & { readonly type: "answered" };

/** URIs that are asked for often are taken apart once; when there are more than so many, it begins anew. */
const MAX_SHOWN = 1024;
const MAX_URI_LENGTH = 512;

/**
 * Writes the line of one request, as the logger itself would: at a fifth of the cost, because most lines
 * are of hits, which cost little themselves.
 */
export function requestLines(now: () => EpochMs, worker: number | undefined) {
  /** Path and host of URIs, as JSON. */
  const shown = new Map<string, string>();
  const base = worker === undefined ? "" : `,"worker":${worker}`;
  let second = Number.NaN;
  let upToSecond = "";

  return (level: "info" | "warn", event: Answered): string => {
    const { outcome, tier, origin } = event;
    let line = `{"level":"${level}","time":"${time(now())}"${base}`;
    line += `,"request_id":${JSON.stringify(event.requestId)},"method":${JSON.stringify(event.method)}`;
    line += `${where(event.uri)},"status":${event.status},"cache":"${outcome.word}"`;
    line += `,"x_cache_status":"${xCacheStatus(outcome)}"`;
    if (outcome.reason !== undefined) line += `,"reason":"${outcome.reason}"`;
    if (tier !== undefined) line += `,"tier":"${tier}"`;
    if (origin !== undefined) line += `,"origin":${JSON.stringify(origin)}`;
    line += `,"bytes":${event.bytes},"head_ms":${thousandths(event.headMs)}`;
    line += `,"duration_ms":${thousandths(event.durationMs)},"collapsed":${outcome.collapsed === true}`;
    return `${line},"aborted":${event.aborted},"msg":"request"}\n`;
  };

  function time(at: EpochMs): string {
    const whole = Math.floor(at / 1000);
    if (whole !== second) {
      second = whole;
      upToSecond = new Date(whole * 1000).toISOString().slice(0, -4);
    }
    return `${upToSecond}${padded(Math.floor(at - whole * 1000))}Z`;
  }

  function where(uri: string): string {
    const known = shown.get(uri);
    if (known !== undefined) return known;
    const { path, host } = shownUri(uri);
    const json = `,"path":${JSON.stringify(path)}${host === undefined ? "" : `,"host":${JSON.stringify(host)}`}`;
    if (shown.size >= MAX_SHOWN) shown.clear();
    if (uri.length <= MAX_URI_LENGTH) shown.set(uri, json);
    return json;
  }
}

/** Milliseconds with three decimals. */
function thousandths(milliseconds: number): string {
  const micros = Math.round(milliseconds * 1000);
  const whole = Math.floor(micros / 1000);
  return `${whole}.${padded(micros - whole * 1000)}`;
}

const padded = (n: number): string => (n < 10 ? `00${n}` : n < 100 ? `0${n}` : `${n}`);
