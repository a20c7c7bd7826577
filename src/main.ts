import { createEvents } from "./cache/events.ts";
import type { Settled } from "./config/changes.ts";
import { readWarmList } from "./config/warm-list.ts";
import type { Config, Loaded } from "./config.ts";
import { createLogger } from "./observe/log.ts";
import { collectPassingBuffers } from "./start/passing-buffers.ts";
import { announce, stopOnSignals, surviveDefects, warmUp } from "./start/process.ts";
import { reloadOnHangup, tellSteering } from "./start/reload.ts";
import { redisCredentials } from "./start/shared.ts";
import { keepHeapSmall } from "./start/small-heap.ts";
import { start } from "./start.ts";
import { RedisConnection } from "./store/connection.ts";
import { RedisPurgeLog } from "./store/purge-log.ts";

/** The proxy as a process: starts, says where it is, and ends well on SIGTERM and SIGINT. */
export async function main({ config, settings }: Settled, reread: () => Loaded): Promise<void> {
  // One process alone loads nothing of what several need.
  if (config.WORKERS > 1) return (await import("./start/primary.ts")).primary({ config, settings }, reread);
  const log = createLogger({
    level: config.LOG_LEVEL,
    format: config.LOG_FORMAT,
    sample: config.LOG_SAMPLE,
  });
  const warmList = await readWarmList(config.WARM_URLS, process.cwd());
  surviveDefects(log);
  keepHeapSmall();
  collectPassingBuffers();
  const running = await start(config, {
    observers: [log.listen],
    settings,
    reread,
    applied: ({ LOG_LEVEL: level, LOG_SAMPLE: sample }) => log.apply({ level, sample }),
    steered: (news) => tellSteering(news, log),
  });
  stopOnSignals(running.stop, log);
  reloadOnHangup(running.reload, log);
  announce(config, { ...running, redisAttached: running.redisAttached() }, log);
  void warmUp(running.warm, warmList, log);
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

/** What a start with these settings would find. Loads nothing of it before it is asked. */
export const examine: typeof import("./start/examine.ts").examine = async (config, directory) =>
  (await import("./start/examine.ts")).examine(config, directory);
