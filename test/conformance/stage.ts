import type { IncomingMessage, ServerResponse } from "node:http";
import type { CacheEvent } from "../../src/cache/events.ts";
import type { SettingName } from "../../src/config/settings.ts";
import type { EpochMs } from "../../src/policy/stored-response.ts";
import { start } from "../../src/start.ts";
import { configFor } from "../config-for.ts";
import { openOrigin } from "../open-origin.ts";
import { until } from "../until.ts";

/** One proxy before one origin, on a clock that stands until it is told to move. */
export interface Stage {
  readonly url: string;
  /** What reached the origin, in its order. */
  readonly requests: readonly IncomingMessage[];
  now(): EpochMs;
  advance(seconds: number): void;
  /** How often the proxy told of something. */
  told(...types: readonly CacheEvent["type"][]): number;
  close(): Promise<void>;
}

/** Starts both, with a real Redis where the settings name one. No test runner is needed: `make conformance` has none. */
export async function startStage(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  settings: Partial<Record<SettingName, string>>,
): Promise<Stage> {
  const origin = await openOrigin(answer);
  const startedAt = Date.now();
  let addedMs = 0;
  const now = () => startedAt + addedMs;
  const events: CacheEvent[] = [];
  const told = (...types: readonly CacheEvent["type"][]) =>
    events.filter(({ type }) => types.includes(type)).length;
  try {
    const config = configFor({
      ORIGINS: origin.url,
      HOST: "127.0.0.1",
      HEALTH_CHECK_INTERVAL: "1h",
      SHUTDOWN_TIMEOUT: "1s",
      ...settings,
    });
    const proxy = await start(config, { observers: [(event) => events.push(event)], now });
    if (settings.REDIS_URL !== undefined) await until("Redis is attached", () => proxy.redisAttached());
    return {
      url: `http://127.0.0.1:${proxy.port}`,
      requests: origin.requests,
      now,
      advance(seconds) {
        addedMs += seconds * 1000;
      },
      told,
      async close() {
        await proxy.stop();
        await origin.close();
      },
    };
  } catch (error) {
    await origin.close();
    throw error;
  }
}
