import { readWarmList, WarmListError } from "../config/warm-list.ts";
import type { Config } from "../config.ts";
import { originOf } from "../origin/address.ts";
import { createHealthChecks } from "../origin/health.ts";
import { examineRedis } from "../store/fitness.ts";
import { healthOptions } from "./origin-options.ts";
import { redisCredentials } from "./shared.ts";

/** One thing that was tried before a start. */
export interface Finding {
  readonly what: string;
  readonly verdict: "good" | "warning" | "bad";
  readonly detail: string;
  readonly advice?: string;
}

/** How long Redis may take to be there, and then for each command. */
const REDIS_PATIENCE_MS = 3_000;

/** What a start with these settings would find: the list to warm, origins, Redis. Never rejects, and ends in bounded time. */
export async function examine(config: Config, directory: string): Promise<readonly Finding[]> {
  const found = await Promise.all([warmList(config, directory), origins(config), redis(config)]);
  return found.flat();
}

async function warmList({ WARM_URLS }: Config, directory: string): Promise<Finding[]> {
  if (WARM_URLS.length === 0) return [];
  const what = "WARM_URLS";
  try {
    const urls = await readWarmList(WARM_URLS, directory);
    return [{ what, verdict: "good", detail: `${urls.length} URLs to fetch at the start` }];
  } catch (error) {
    if (!(error instanceof WarmListError)) throw error;
    return [
      { what, verdict: "bad", detail: error.message, advice: "mend the list: the start fails over it" },
    ];
  }
}

/** Each is asked once, as a health check asks it, within HEALTH_CHECK_TIMEOUT. */
async function origins(config: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  const options = { ...healthOptions(config), every: () => () => {} };
  const checks = createHealthChecks(config.ORIGINS.map(originOf), options, (origin, healthy, detail) =>
    found.push(originFinding(config, origin, healthy, detail)),
  );
  await checks.ready;
  await checks.close();
  return found.toSorted((a, b) => a.detail.localeCompare(b.detail));
}

function originFinding(config: Config, origin: string, healthy: boolean, said: string): Finding {
  const what = "origin";
  const detail = said.startsWith(origin) ? said : `${origin}: ${said}`;
  const path = config.HEALTH_CHECK_PATH;
  if (!healthy)
    return {
      what,
      verdict: "bad",
      detail,
      advice: `start it, mend ORIGINS, or have it answer ${path} with less than 500 within HEALTH_CHECK_TIMEOUT`,
    };
  return /answered [23]/.test(said)
    ? { what, verdict: "good", detail }
    : {
        what,
        verdict: "warning",
        detail: `${detail} to ${path}`,
        advice:
          "name in HEALTH_CHECK_PATH what tells whether it is healthy; as it is it counts as healthy while it answers",
      };
}

async function redis(config: Config): Promise<readonly Finding[]> {
  if (config.REDIS_URL === undefined)
    return [{ what: "redis", verdict: "good", detail: "none is set: the cache is in memory alone" }];
  return examineRedis({
    url: config.REDIS_URL,
    ...redisCredentials(config),
    namespace: config.CACHE_NAMESPACE,
    patienceMs: REDIS_PATIENCE_MS,
  });
}
