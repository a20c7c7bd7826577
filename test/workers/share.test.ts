import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { shareOf } from "../../src/start/worker-share.ts";
import { configFor } from "../config-for.ts";

const ORIGINS = "http://127.0.0.1:1";

test("what bounds connections and memory is divided among workers, and nothing else", () => {
  const config = configFor({ ORIGINS, WORKERS: "4", CACHE_MEMORY_BYTES: "64MiB", MAX_CONNECTIONS: "10001" });
  const share = shareOf(config);
  expect(share).toMatchObject({
    MAX_CONNECTIONS: 2500,
    ORIGIN_CONNECTIONS: 64,
    ORIGIN_QUEUE: 256,
    CACHE_MEMORY_BYTES: 16 * 1024 * 1024,
    CACHE_FLIGHT_BYTES: 64 * 1024 * 1024,
    REFRESH_CONCURRENCY: 16,
  });
  const changed = Object.entries(config).filter(
    ([name, value]) => share[name as keyof typeof share] !== value,
  );
  expect(changed).toHaveLength(6);
});

test("a share is never none of what there must be one of, and none of what is none", () => {
  const few = { ORIGIN_CONNECTIONS: "1", ORIGIN_QUEUE: "0", MAX_CONNECTIONS: "2", REFRESH_CONCURRENCY: "1" };
  const share = shareOf(configFor({ ORIGINS, WORKERS: "4", CACHE_MEMORY_BYTES: "0", ...few }));
  expect(share).toMatchObject({
    MAX_CONNECTIONS: 1,
    ORIGIN_CONNECTIONS: 1,
    ORIGIN_QUEUE: 0,
    CACHE_MEMORY_BYTES: 0,
    REFRESH_CONCURRENCY: 1,
  });
});

test("auto is as many workers as the machine runs at once", () => {
  expect(configFor({ ORIGINS, WORKERS: "auto" }).WORKERS).toBe(availableParallelism());
  expect(configFor({ ORIGINS, WORKERS: "Auto" }).WORKERS).toBe(availableParallelism());
  expect(configFor({ ORIGINS }).WORKERS).toBe(1);
});
