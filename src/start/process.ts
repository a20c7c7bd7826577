import type { WarmResult } from "../cache/warm.ts";
import type { Config } from "../config.ts";
import type { Log } from "../observe/log.ts";
import { redactUrl } from "../observe/redact.ts";
import { isForgedAnswer } from "../store/uncaught.ts";

/** What has come of a start. */
export interface Served {
  readonly port: number;
  readonly maxObjectBytes: number;
  readonly redisAttached: boolean;
}

/** A defect that nobody awaited must not end a process that thousands of clients are using. */
export function surviveDefects(log: Log): void {
  process.on("unhandledRejection", (error) => log.logger.error({ err: error }, "unhandled rejection"));
  process.on("uncaughtException", (error) => {
    log.logger.error({ err: error }, "uncaught exception");
    if (!isForgedAnswer(error)) void log.close().finally(() => process.exit(1));
  });
}

/** Calls back at SIGTERM and SIGINT, and exits with 0 when that has resolved. */
export function stopOnSignals(stop: () => Promise<void>, log: Log): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait.
    if (stopping) process.exit(130);
    stopping = true;
    log.logger.info({ signal }, "stopping");
    void stop()
      .catch((error: unknown) => log.logger.error({ err: error }, "a stop that went wrong"))
      .then(() => log.close())
      .then(() => process.exit(0));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

/** Fetches these into the cache, and tells how that went. Never rejects. */
export async function warmUp(
  warm: (urls: readonly string[]) => Promise<WarmResult>,
  urls: readonly string[],
  log: Log,
): Promise<void> {
  if (urls.length === 0) return;
  try {
    const { requested, warmed, failed } = await warm(urls);
    const shown = failed.slice(0, 10).map(({ url, detail }) => ({ url: redactUrl(url), detail }));
    log.logger.info({ requested, warmed, failed: shown }, "warmed");
  } catch (error) {
    log.logger.error({ err: error }, "a warming that went wrong");
  }
}

/** Says where the proxy is, and what is not as it was asked for. */
export function announce(config: Config, served: Served, log: Log): void {
  const workers = config.WORKERS === 1 ? "" : ` (${config.WORKERS} workers)`;
  const secure = config.TLS_CERT.length === 0 ? "" : ` and https://localhost:${config.TLS_PORT}`;
  const where = `Freshline on http://localhost:${served.port}${secure} → ${config.ORIGINS.join(", ")}${workers}`;
  process.stdout.write(`${where}\n${served.redisAttached ? "" : `${withoutRedis(config)}\n`}`);
  const { maxObjectBytes } = served;
  if (maxObjectBytes >= config.CACHE_MAX_OBJECT_BYTES) return;
  log.logger.info(
    { max_object_bytes: maxObjectBytes },
    config.WORKERS === 1
      ? "without Redis no body is stored that takes more than an eighth of CACHE_MEMORY_BYTES"
      : "without Redis no body is stored that takes more than an eighth of a worker's share of CACHE_MEMORY_BYTES",
  );
}

function withoutRedis({ REDIS_URL, WORKERS }: Config): string {
  const cache =
    WORKERS === 1
      ? "the cache is this process's memory alone"
      : "each worker has a cache of its own, in memory";
  return REDIS_URL === undefined
    ? `No REDIS_URL is set: ${cache}.`
    : `Redis does not answer: ${cache}${WORKERS === 1 ? "" : ","} until it does.`;
}
