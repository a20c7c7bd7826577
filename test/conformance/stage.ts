import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CacheEvent } from "../../src/cache/events.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { loadConfig } from "../../src/config.ts";
import type { EpochMs } from "../../src/policy/stored-response.ts";
import { start } from "../../src/start.ts";

/** One proxy before one origin, on a clock that stands until it is told to move. */
export interface Stage {
  readonly url: string;
  /** What reached the origin, in its order. */
  readonly requests: readonly IncomingMessage[];
  now(): EpochMs;
  advance(seconds: number): void;
  /** How often the proxy told of something. */
  told(...types: readonly CacheEvent["type"][]): number;
  /** Resolves when the condition holds; rejects after ten seconds. */
  until(what: string, condition: () => boolean): Promise<void>;
  close(): Promise<void>;
}

const DEADLINE_MS = 10_000;

/** Starts both, with a real Redis where the settings name one. No test runner is needed: `make conformance` has none. */
export async function startStage(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  settings: Partial<Record<SettingName, string>>,
): Promise<Stage> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    // A 404 there counts as healthy.
    if (request.url === "/health-check") {
      response.writeHead(404).end();
      return;
    }
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const closeOrigin = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };

  const startedAt = Date.now();
  let addedMs = 0;
  const now = () => startedAt + addedMs;
  const events: CacheEvent[] = [];
  const told = (...types: readonly CacheEvent["type"][]) =>
    events.filter(({ type }) => types.includes(type)).length;
  const until = async (what: string, condition: () => boolean) => {
    const deadline = performance.now() + DEADLINE_MS;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    const loaded = loadConfig({
      flags: {
        ORIGINS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        HEALTH_CHECK_INTERVAL: "1h",
        SHUTDOWN_TIMEOUT: "1s",
        ...settings,
      },
    });
    if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
    const config = { ...loaded.config, HOST: "127.0.0.1", PORT: 0, ADMIN_PORT: 0 };
    const proxy = await start(config, { observers: [(event) => events.push(event)], now });
    if (settings.REDIS_URL !== undefined) await until("Redis is attached", () => proxy.redisAttached());
    return {
      url: `http://127.0.0.1:${proxy.port}`,
      requests,
      now,
      advance(seconds) {
        addedMs += seconds * 1000;
      },
      told,
      until,
      async close() {
        await proxy.stop();
        await closeOrigin();
      },
    };
  } catch (error) {
    await closeOrigin();
    throw error;
  }
}
