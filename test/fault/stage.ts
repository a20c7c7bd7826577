import { type FaultyLink, openFaultyLink } from "../faulty-link.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { type Site, startSite } from "../scenario/site.ts";
import { type Load, startLoad, startVersions } from "./load.ts";

/** A proxy under load, an origin behind it, and a Redis that can be broken. */
export interface ServerStage {
  readonly redis: TestRedis;
  readonly site: Site;
  readonly load: Load;
}

/** The link to it can be broken, too. */
export interface Stage extends ServerStage {
  readonly link: FaultyLink;
}

/** How long Redis may take for one command. */
export const DEADLINE_MS = 400;

export async function setStage(redis: TestRedis, urls?: readonly string[]): Promise<Stage> {
  const link = await openFaultyLink(redis.port);
  return { ...(await setServerStage(redis, `redis://127.0.0.1:${link.port}`, urls)), link };
}

/** Sets the stage, and waits until nearly every answer is a hit. Redis answers each hit: there is no memory tier. */
export async function setServerStage(
  redis: TestRedis,
  redisUrl: string,
  urls?: readonly string[],
): Promise<ServerStage> {
  const origin = await startVersions();
  const site = await startSite({
    redisUrl,
    settings: {
      ORIGINS: origin.url,
      CACHE_MEMORY_BYTES: "0",
      CACHE_CHUNK_BYTES: "16KiB",
      REDIS_COMMAND_TIMEOUT: `${DEADLINE_MS}ms`,
    },
  });
  const load = startLoad(site.proxy.port, urls);
  await site.until("there are hits", () => load.hitRatio(0) > 0.95);
  return { redis, site, load };
}

let shared: Promise<TestRedis> | undefined;

/** The file's one Redis, empty and as it was started. */
export async function freshRedis(): Promise<TestRedis> {
  shared ??= startRedis();
  const redis = await shared;
  await redis.restart();
  return redis;
}

export const stopRedis = async (): Promise<void> => (await shared)?.[Symbol.asyncDispose]();
