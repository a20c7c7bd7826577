import { afterAll } from "vitest";
import { startRedis, type TestRedis } from "./redis-server.ts";

/** One Redis for all tests of a file, which share it by namespaces; gone with the last of them. */
export async function redisOfFile(): Promise<TestRedis> {
  const redis = await startRedis();
  afterAll(() => redis[Symbol.asyncDispose]());
  return redis;
}
