import { type Logger, pino } from "pino";
import type { CacheEvent, Emit } from "../cache/events.ts";
import type { PurgeTarget } from "../cache/ports.ts";
import { xCacheStatus } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type LogDestination, type LogFormat, openLogOutput } from "./log-output.ts";
import { redactQuery, shownUri } from "./redact.ts";
import { isRefusal } from "./refusal.ts";
import { limitRepeats } from "./repeats.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Standard output when absent. */
  readonly destination?: LogDestination;
  /** For NO_COLOR; the process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly now?: () => EpochMs;
}

export interface Log {
  /** For what is not an event: start, stop, settings. */
  readonly logger: Logger;
  /** Writes events: one line per request, and one per thing that an operator wants to know. */
  readonly listen: Emit;
  /** Writes what is pending before it returns. */
  flush(): void;
  /** Writes what is pending and ends the log; waits a second at most for a reader that paused. */
  close(): Promise<void>;
}

/** A store or an origin that is away fails with every request: it says so once a second. */
const REPEAT_MS = 1000;

/**
 * The log. Field values of requests and responses are never in it, and secrets in
 * request-targets are not either (`redact.ts`). A line costs 2–3 µs.
 */
export function createLogger(options: LogOptions): Log {
  const now = options.now ?? Date.now;
  const output = openLogOutput(options.format, options.env ?? process.env, options.destination, (lines) =>
    logger.warn({ lines }, "log lines dropped: their reader is too slow"),
  );
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const repeats = limitRepeats(REPEAT_MS, now);

  const warnOnceASecond = (subject: string, fields: Record<string, unknown>, message: string): void => {
    if (!logger.isLevelEnabled("warn")) return;
    const suppressed = repeats(subject);
    if (suppressed === undefined) return;
    logger.warn(suppressed === 0 ? fields : { ...fields, suppressed }, message);
  };

  const listen: Emit = (event) => {
    switch (event.type) {
      case "answered":
        return answered(logger, event);
      case "origin-health": {
        const { origin, detail } = event;
        if (event.healthy) logger.info({ origin, detail }, "origin healthy");
        else logger.warn({ origin, detail }, "origin unhealthy");
        return;
      }
      case "origin-failed": {
        const { origin, code, message } = event;
        return warnOnceASecond(
          `origin ${origin} ${code}`,
          { origin, code, detail: message },
          "origin failed",
        );
      }
      case "store-state":
        if (event.up) logger.info({ detail: event.detail }, "store up");
        else logger.warn({ detail: event.detail }, "store down");
        return;
      case "store-failed": {
        const { tier, operation, code, message } = event;
        const fields = { tier, operation, code, detail: message };
        return warnOnceASecond(`store ${tier} ${operation} ${code}`, fields, "store failed");
      }
      case "refreshed":
        if (event.result === "failed") logger.warn({ key: redactQuery(event.key) }, "refresh failed");
        return;
      case "purged": {
        const { target, mode, epoch } = event;
        logger.info({ target: target.type, ...shownTarget(target), mode, epoch }, "purged");
        return;
      }
      case "foreign-value":
        logger.debug({ key: redactQuery(event.key), detail: event.detail }, "foreign value");
        return;
      case "origin-answered":
      case "not-stored":
      case "stored":
        return;
    }
  };
  return { logger, listen, flush: output.flush, close: output.close };
}

function answered(logger: Logger, event: CacheEvent & { type: "answered" }): void {
  const { outcome } = event;
  const level = event.status >= 500 && isRefusal(outcome.reason) ? "warn" : "info";
  if (!logger.isLevelEnabled(level)) return;
  const { host, path } = shownUri(event.uri);
  logger[level](
    {
      request_id: event.requestId,
      method: event.method,
      path,
      host,
      status: event.status,
      cache: outcome.word,
      x_cache_status: xCacheStatus(outcome),
      reason: outcome.reason,
      tier: event.tier,
      origin: event.origin,
      bytes: event.bytes,
      head_ms: toMicroseconds(event.headMs),
      duration_ms: toMicroseconds(event.durationMs),
      collapsed: outcome.collapsed === true,
      aborted: event.aborted,
    },
    "request",
  );
}

/** What a purge names, as it may stand in a log. */
function shownTarget(target: PurgeTarget): Record<string, string> {
  switch (target.type) {
    case "url":
      return { key: redactQuery(target.key) };
    case "path":
      return { path: redactQuery(target.path) };
    case "prefix":
      return { prefix: redactQuery((target.site ?? "") + target.path) };
    case "site":
      return { site: target.site };
    case "tag":
      return { tag: target.tag, ...(target.site === undefined ? {} : { site: target.site }) };
    case "group":
      return { group: target.group, site: target.site };
    case "everything":
      return {};
  }
}

/** Milliseconds with three decimals. */
const toMicroseconds = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
