import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { Crew } from "../../scripts/children.ts";
import { findRedis } from "../../scripts/find-redis.ts";
import { anyFreePort, portState } from "../../scripts/ports.ts";
import { addressOf, answers } from "../../scripts/redis-line.ts";
import { startRedis } from "../redis-server.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const crews: Crew[] = [];
afterEach(async () => {
  await Promise.all(crews.splice(0).map((crew) => crew.stopAll(5_000)));
});

/** As one run looks for its Redis. */
async function find(url: string, { named = false, signal = new AbortController().signal } = {}) {
  const crew = new Crew();
  crews.push(crew);
  return findRedis({ url, named, root, crew, spokenFor: [], say: () => {}, signal });
}

const aFreeUrl = async (): Promise<string> => `redis://127.0.0.1:${await anyFreePort()}`;

test("a second run has a Redis of its own, and each stops its own alone", async () => {
  const url = await aFreeUrl();
  const first = await find(url);
  expect(first).toMatchObject({ url, origin: "started here" });
  const second = await find(url);
  expect(second.origin).toBe(`started here: the one at ${url} is another make run's`);
  expect(second.url).not.toBe(url);

  await first.leave();
  expect(await portState(addressOf(url).port)).toBe("free");
  expect(await answers(second.url ?? "", 5_000)).toBe(true);
  await second.leave();
  expect(await portState(addressOf(second.url ?? "").port)).toBe("free");
});

test("another run's Redis is used by who names it, and left to that run", async () => {
  const url = await aFreeUrl();
  const first = await find(url);
  const second = await find(url, { named: true });
  expect(second).toMatchObject({ url, origin: "another make run's, and stops with that" });
  await second.leave();
  expect(await answers(url, 5_000)).toBe(true);
  await first.leave();
});

test("the user's own Redis is used and never stopped", async () => {
  await using redis = await startRedis();
  const found = await find(redis.url);
  expect(found).toMatchObject({ url: redis.url, origin: "was running already" });
  await found.leave();
  expect(await answers(redis.url, 5_000)).toBe(true);
});

test("a Cluster or Sentinels are taken as they are, and nothing is started in their place", async () => {
  for (const url of ["redis-cluster://127.0.0.1:1,127.0.0.1:2", "rediss-sentinel://a,b?master=m"])
    expect(await find(url)).toMatchObject({ url, origin: "as REDIS_URL says" });
});

test("a run that is stopped meanwhile starts none", async () => {
  const url = await aFreeUrl();
  expect((await find(url, { signal: AbortSignal.abort() })).url).toBeUndefined();
  expect(await portState(addressOf(url).port)).toBe("free");
});
