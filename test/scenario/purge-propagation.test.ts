import { expect, it } from "vitest";
import { openFaultyLink } from "../faulty-link.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const HOST = { Host: "shop.test" };
const DATA = "/data?id=1&cache-control=max-age=3600";

const purgesHeard = (site: Site) => site.events.filter((event) => event.type === "purged");
const stored = (site: Site, n = 1) =>
  site.until("it is stored", () => site.events.filter(({ type }) => type === "stored").length >= n);
const metric = async (site: Site, name: string): Promise<string | undefined> => {
  const { text } = await site.admin("/metrics");
  return text
    .split("\n")
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
};

it("500 purges of tags reach the other instance, by its own measure within moments", async () => {
  const settings = { CACHE_NAMESPACE: "travel" };
  const a = await startSite({ settings, redisUrl: redis.url });
  const b = await startSite({ settings, redisUrl: redis.url, beside: a });
  for (let i = 0; i < 500; i++) {
    const targets = [{ tag: `tag-${i}`, host: "shop.test" }];
    const receipt = await a.admin("/purge", { method: "POST", body: JSON.stringify({ targets }) });
    expect(receipt.json()).toMatchObject({ instances: 2, acked: 2 });
  }
  // Both sites of the host, each a record.
  const travelled = purgesHeard(b).flatMap(({ travelledMs }) =>
    travelledMs === undefined ? [] : [travelledMs],
  );
  expect(travelled).toHaveLength(1000);
  travelled.sort((x, y) => x - y);
  const [p50 = 0, p99 = 0, max = 0] = [0.5, 0.99, 1].map((share) => travelled[Math.ceil(share * 1000) - 1]);
  console.info(
    `purges heard after p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, at most ${max.toFixed(2)} ms`,
  );
  // Under 10 ms on a machine that does nothing else.
  expect(p99).toBeLessThan(250);
  expect(await metric(b, "freshline_purge_propagation_seconds_count")).toBe("1000");
  expect(await metric(a, "freshline_purge_propagation_seconds_count")).toBe("0");
  expect(await metric(b, 'freshline_purges_total{type="tag",mode="delete"}')).toBe("1000");
});

it("an instance that is cut off from the log uses what it has for the grace alone, says so, and recovers", async () => {
  const link = await openFaultyLink(redis.port);
  const settings = { CACHE_NAMESPACE: "grace", CACHE_MEMORY_GRACE: "1s", PURGE_ACK_TIMEOUT: "2s" };
  const a = await startSite({ settings, redisUrl: redis.url });
  const b = await startSite({ settings, redisUrl: `redis://127.0.0.1:${link.port}`, beside: a });
  await a.get(DATA, HOST);
  await stored(a);
  for (const _ of [1, 2]) expect((await b.get(DATA, HOST)).cache).toBe("HIT/HIT");
  const ready = async () => (await b.admin("/health/ready")).json();
  expect(await ready()).toEqual({ ready: true, detail: "ok" });
  expect(await metric(b, "freshline_purge_log_attached")).toBe("1");

  // What came a moment ago is used in any case.
  a.advance(60);
  await link.breakBy({ resets: true });
  await b.until("the loss is noticed", async () => (await metric(b, "freshline_purge_log_attached")) === "0");
  expect(await ready()).toEqual({
    ready: true,
    detail: expect.stringMatching(/^ok, but purges of other instances cannot be heard for \d+ s$/),
  });
  const url = `http://shop.test${DATA}`;
  await b.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' });
  const receipt = await a.admin("/purge", { method: "POST", body: JSON.stringify({ urls: [url] }) });
  expect(receipt.json()).toMatchObject({ instances: 2, acked: 1 });
  await b.until("the purged response is not used any more", async () => {
    const answer = await b.get(DATA, HOST);
    return answer.json()["value"] === "new";
  });
  expect(Number(await metric(b, "freshline_purge_log_behind_seconds"))).toBeGreaterThan(1);

  await link.mend();
  await b.until(
    "the log is heard again",
    async () => (await metric(b, "freshline_purge_log_attached")) === "1",
  );
  expect(await ready()).toEqual({ ready: true, detail: "ok" });
  expect(await metric(b, "freshline_purge_log_behind_seconds")).toBe("0");
});

it("says nothing of a log where there is no Redis", async () => {
  const site = await startSite();
  expect((await site.admin("/health/ready")).json()).toEqual({ ready: true, detail: "ok" });
  expect((await site.admin("/metrics")).text).not.toMatch(/freshline_purge_(log|propagation)/);
});
