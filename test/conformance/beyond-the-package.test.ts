import { afterAll, beforeAll, describe, it } from "vitest";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { play, type Row } from "./exchanges.ts";
import { PARSING, TARGETED } from "./rows-of-directives.ts";
import { CONDITIONAL, PARTIAL } from "./rows-of-one-response.ts";
import { INVALIDATION, STALE, VARY } from "./rows-of-several.ts";

// Behaviours that the survey's current suite asks for, or that its newer sections are about, and the package lacks.

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "targeted fields": TARGETED,
  "parsing Cache-Control and Expires": PARSING,
  invalidation: INVALIDATION,
  vary: VARY,
  "partial responses": PARTIAL,
  "conditional requests": CONDITIONAL,
  "stale responses": STALE,
};

const titled = (rows: readonly Row[]) => rows.map((row) => [`${row.name} (${row.clause})`, row] as const);

describe.each(Object.entries(ROWS))("%s", (_, rows) => {
  it.each(titled(rows))("%s, from memory", async (_, row) => {
    await play(row);
  });
});

describe.each(Object.entries(ROWS))("%s", (_, rows) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  it.each(titled(rows))("%s, from Redis", async (_, row) => {
    const settings = { CACHE_MEMORY_BYTES: "0", REDIS_COMMAND_TIMEOUT: "10s", ...row.settings };
    await play({ ...row, settings }, redis.url);
  });
});
