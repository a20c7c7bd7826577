import { type Logger, pino } from "pino";
import type { CacheEvent, Emit } from "../cache/events.ts";
import type { PurgeTarget } from "../cache/ports.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type LogDestination, type LogFormat, openLogOutput } from "./log-output.ts";
import { redactQuery } from "./redact.ts";
import { isRefusal } from "./refusal.ts";
import { limitRepeats } from "./repeats.ts";
import { requestLines } from "./request-line.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Standard output when absent. */
  readonly destination?: LogDestination;
  /** For NO_COLOR; the process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly now?: () => EpochMs;
  /** Which of several workers writes; in every line. */
  readonly worker?: number;
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
 * request-targets are not either (`redact.ts`).
 */
export function createLogger(options: LogOptions): Log {
  const now = options.now ?? Date.now;
  const output = openLogOutput(options.format, options.env ?? process.env, options.destination, (lines) =>
    logger.warn({ lines }, "log lines dropped: their reader is too slow"),
  );
  const logger = pino(
    {
      level: options.level,
      base: options.worker === undefined ? null : { worker: options.worker },
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const requestLine = requestLines(now, options.worker);
  const repeats = limitRepeats(REPEAT_MS, now);

  const warnOnceASecond = (subject: string, fields: Record<string, unknown>, message: string): void => {
    if (!logger.isLevelEnabled("warn")) return;
    const suppressed = repeats(subject);
    if (suppressed === undefined) return;
    logger.warn(suppressed === 0 ? fields : { ...fields, suppressed }, message);
  };

  const answered = (event: CacheEvent & { type: "answered" }): void => {
    const level = event.status >= 500 && isRefusal(event.outcome.reason) ? "warn" : "info";
    if (logger.isLevelEnabled(level)) output.write(requestLine(level, event));
  };

  const listen: Emit = (event) => {
    switch (event.type) {
      case "answered":
        return answered(event);
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
