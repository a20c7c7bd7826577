import { type Logger, pino } from "pino";
import type { CacheEvent, Emit } from "../cache/events.ts";
import type { PurgeTarget } from "../cache/ports/purge-log.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { combinedLines } from "./combined.ts";
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
  /** How many of all requests have a line, from 0 to 1; those that fail and those that break off have one always. Default 1. */
  readonly sample?: number;
  /** From 0 to 1; Math.random when absent. */
  readonly random?: () => number;
}

export interface Log {
  /** For what is not an event: start, stop, settings. */
  readonly logger: Logger;
  /** Writes events: one line per request, and one per thing that an operator wants to know. */
  readonly listen: Emit;
  /** Goes by these from now on. */
  apply(settings: Required<Pick<LogOptions, "level" | "sample">>): void;
  /** Writes what is pending before it returns. */
  flush(): void;
  /** Writes what is pending and ends the log; waits a second at most for a reader that paused. */
  close(): Promise<void>;
}

/** A store or an origin that is away fails with every request: it says so once a second. */
const REPEAT_MS = 1000;

/**
 * The log. Of requests' and responses' fields no value is in it, but for Referer and User-Agent in the combined
 * format; and secrets in URLs are not either (`redact.ts`).
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
  const requestLine =
    options.format === "combined" ? withoutLevel(combinedLines(now)) : requestLines(now, options.worker);
  let { sample = 1 } = options;
  const enabled = () => ({ info: logger.isLevelEnabled("info"), warn: logger.isLevelEnabled("warn") });
  /** The logger takes longer to ask, and every request asks. */
  let tells = enabled();
  logger.on("level-change", () => {
    tells = enabled();
  });
  const { random = Math.random } = options;
  const repeats = limitRepeats(REPEAT_MS, now);

  const warnOnceASecond = (subject: string, fields: Record<string, unknown>, message: string): void => {
    if (!logger.isLevelEnabled("warn")) return;
    const suppressed = repeats(subject);
    if (suppressed === undefined) return;
    logger.warn(suppressed === 0 ? fields : { ...fields, suppressed }, message);
  };

  const answered = (event: Answered): void => {
    const level = event.status >= 500 && isRefusal(event.outcome.reason) ? "warn" : "info";
    if (!tells[level]) return;
    if (sample < 1 && event.status < 500 && !event.aborted && random() >= sample) return;
    output.request(requestLine(level, event));
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
      case "origin-ejected": {
        const { origin, forMs, detail } = event;
        logger.warn({ origin, detail, for_ms: forMs }, "origin ejected");
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
      case "certificates":
        if (event.replaced) logger.info({ detail: event.detail }, "certificates replaced");
        else logger.error({ detail: event.detail }, "certificates unusable, and the old ones stay");
        return;
      case "foreign-value":
        logger.debug({ key: redactQuery(event.key), detail: event.detail }, "foreign value");
        return;
      case "connection-refused":
        return warnOnceASecond(
          "connection",
          {},
          "connection refused: as many are open as MAX_CONNECTIONS lets in",
        );
      case "spans-lost": {
        const { spans, detail } = event;
        return warnOnceASecond("spans", { spans, detail }, "spans lost");
      }
      case "origin-answered":
      case "coalesced":
      case "store-asked":
      case "not-stored":
      case "stored":
        return;
    }
  };
  return {
    logger,
    listen,
    apply(settings) {
      logger.level = settings.level;
      sample = settings.sample;
    },
    flush: output.flush,
    close: output.close,
  };
}

type Answered = CacheEvent & { readonly type: "answered" };

const withoutLevel =
  (line: (event: Answered) => string) =>
  (_level: string, event: Answered): string =>
    line(event);

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
