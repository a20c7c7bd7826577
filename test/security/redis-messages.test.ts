import { expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { startSite } from "../scenario/site.ts";

const redis = await redisOfFile();
const PAGE = "/data?id=1&cache-control=max-age=60";

const MESSAGES: readonly string[] = [
  ...["", "\0", "x", "x NaN", "x Infinity", "x -1", "[]", "{}", "null", "[null]", '["x"]', '["x",null]'],
  ...[
    '["x",{"type":"stored"}]',
    '["__proto__",{"type":"lapsed"}]',
    '["x",1e999,-1]',
    '["x",{"type":"arrives"}]',
  ],
  "[".repeat(50_000),
  "x".repeat(1_000_000),
];

it("whatever is said on its channels in Redis, an instance goes on as before", async () => {
  const settings = { CACHE_NAMESPACE: "told", CACHE_MEMORY_BYTES: "0" };
  const site = await startSite({ redisUrl: redis.url, settings });
  await site.get(PAGE);
  await site.until("it is stored", async () => (await site.get(PAGE)).cache === "HIT/HIT");
  const channels = (await redis.command("PUBSUB", "CHANNELS", "*")) as string[];
  // Purges, receipts, leases, bodies that arrive.
  expect(channels.length).toBeGreaterThanOrEqual(4);
  const heard = channels.flatMap((channel) =>
    MESSAGES.map((message) => redis.command("PUBLISH", channel, message)),
  );
  expect(new Set(await Promise.all(heard))).toEqual(new Set([1]));
  expect((await site.get(PAGE)).cache).toBe("HIT/HIT");
  const purged = await site.admin(`/cache${PAGE}`, { method: "DELETE" });
  expect([purged.status, purged.json()]).toEqual([
    200,
    expect.objectContaining({ instances: 1, acked: 1, missing: [] }),
  ]);
  expect((await site.get(PAGE)).cache).toBe("MISS/MISS");
  await site.until("it is stored again", async () => (await site.get(PAGE)).cache === "HIT/HIT");
  expect(site.events.filter(({ type }) => type === "store-failed")).toEqual([]);
});
