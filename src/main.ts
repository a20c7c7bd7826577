import { createEvents } from "./cache/events.ts";
import { readWarmList } from "./config/warm-list.ts";
import type { Config } from "./config.ts";
import { createLogger, type Log } from "./observe/log.ts";
import { redisCredentials } from "./start/shared.ts";
import { type Running, start } from "./start.ts";
import { RedisConnection } from "./store/connection.ts";
import { RedisPurgeLog } from "./store/purge-log.ts";
import { isForgedAnswer } from "./store/uncaught.ts";

/** The proxy as a process: starts, says where it is, and ends well on SIGTERM and SIGINT. */
export async function main(config: Config): Promise<void> {
  const log = createLogger({ level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const warmList = await readWarmList(config.WARM_URLS, process.cwd());
  // A defect that nobody awaited must not end a process that thousands of clients are using.
  process.on("unhandledRejection", (error) => log.logger.error({ err: error }, "unhandled rejection"));
  process.on("uncaughtException", (error) => {
    log.logger.error({ err: error }, "uncaught exception");
    if (!isForgedAnswer(error)) void log.close().finally(() => process.exit(1));
  });
  const running = await start(config, { observers: [log.listen] });
  stopOnSignals(running, log);
  process.stdout.write(`Freshline on http://localhost:${running.port} → ${config.ORIGINS.join(", ")}\n`);
  if (!running.redisAttached()) process.stdout.write(`${withoutRedis(config)}\n`);
  const { maxObjectBytes } = running;
  if (maxObjectBytes < config.CACHE_MAX_OBJECT_BYTES) {
    log.logger.info(
      { max_object_bytes: maxObjectBytes },
      "without Redis no body is stored that takes more than an eighth of CACHE_MEMORY_BYTES",
    );
  }
  if (warmList.length > 0) void warm(running, warmList, log);
}

const withoutRedis = (config: Config): string =>
  config.REDIS_URL === undefined
    ? "No REDIS_URL is set: the cache is this process's memory alone."
    : "Redis does not answer: the cache is this process's memory alone until it does.";

async function warm(running: Running, urls: readonly string[], log: Log): Promise<void> {
  const { requested, warmed, failed } = await running.warm(urls);
  log.logger.info({ requested, warmed, failed: failed.slice(0, 10) }, "warmed");
}

function stopOnSignals(running: Running, log: Log): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait.
    if (stopping) process.exit(130);
    stopping = true;
    log.logger.info({ signal }, "stopping");
    void running
      .stop()
      .catch((error: unknown) => log.logger.error({ err: error }, "a stop that went wrong"))
      .then(() => log.close())
      .then(() => process.exit(0));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

/** How long clearing waits for Redis. */
const CLEAR_PATIENCE_MS = 2000;

/** Clears the cache in Redis where no proxy runs to be asked. */
export async function clearSharedCache(config: Config): Promise<"cleared" | "no-redis"> {
  if (config.REDIS_URL === undefined) return "no-redis";
  const { emit } = createEvents();
  const connection = new RedisConnection({
    url: config.REDIS_URL,
    ...redisCredentials(config),
    now: Date.now,
    emit,
    commandTimeoutMs: 1000,
  });
  const log = new RedisPurgeLog({ connection, emit, namespace: config.CACHE_NAMESPACE });
  try {
    const deadline = performance.now() + CLEAR_PATIENCE_MS;
    log.follow(() => {});
    while (!log.attached()) {
      if (performance.now() > deadline) throw new Error("Redis does not answer");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await log.append([{ type: "everything" }], "delete");
    return "cleared";
  } finally {
    await log.close();
    await connection.close();
  }
}
