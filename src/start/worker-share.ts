import type { Config } from "../config.ts";

const DIVIDED = [
  "MAX_CONNECTIONS",
  "ORIGIN_CONNECTIONS",
  "ORIGIN_QUEUE",
  "CACHE_MEMORY_BYTES",
  "CACHE_FLIGHT_BYTES",
  "REFRESH_CONCURRENCY",
] as const;

/** One worker's share of what the settings allow to all; at least one of what must not be none. */
export function shareOf(config: Config): Config {
  const share = (name: (typeof DIVIDED)[number]) =>
    Math.max(Math.floor(config[name] / config.WORKERS), Math.min(config[name], 1));
  return { ...config, ...Object.fromEntries(DIVIDED.map((name) => [name, share(name)])) };
}
