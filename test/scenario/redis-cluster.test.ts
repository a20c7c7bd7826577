import { afterAll, beforeAll, expect, it } from "vitest";
import { startCluster, type TestCluster } from "../redis-cluster.ts";
import { untilReplicated } from "../redis-server.ts";
import { startSite } from "./site.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster(3, 3);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

it("a master that is lost costs misses and no errors; with its replica come the hits and the purges", async () => {
  const site = await startSite({ redisUrl: cluster.url, settings: { CACHE_MEMORY_BYTES: "0" } });
  await site.until("Redis is attached", () => site.proxy.redisAttached());
  const path = (id: number | string) => `/data?id=${id}&cache-control=max-age=600`;
  const ownerOf = (one: string) => cluster.ownerOf(`{http://127.0.0.1:${site.proxy.port}${one}}`);
  const all = Array.from({ length: 200 }, (_, id) => path(id));
  const paths = cluster.nodes
    .slice(0, 3)
    .flatMap((node) => all.filter((one) => ownerOf(one) === node).slice(0, 3));
  expect(paths).toHaveLength(9);
  for (const one of paths) expect((await site.get(one)).cache).toBe("MISS/MISS");
  for (const one of paths)
    await site.until("all are kept", async () => (await site.get(one)).cache === "HIT/HIT");

  // The one that has the purge log, too.
  const master = cluster.ownerOf("{purges}");
  await untilReplicated(master, cluster.replicaOf(master));
  await master.stop();
  const states = () => site.events.flatMap((event) => (event.type === "store-state" ? [event.up] : []));
  const statuses = new Set<number>();
  const deadline = performance.now() + 30_000;
  while (!(states().length === 3 && site.proxy.redisAttached())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for the replica: ${states()}`);
    for (const one of [...paths, path("traffic")]) statuses.add((await site.get(one)).status);
  }
  expect([...statuses]).toEqual([200]);
  expect(states()).toEqual([true, false, true]);
  for (const one of paths) expect((await site.get(one)).cache).toBe("HIT/HIT");
  for (const one of paths) expect((await site.admin(`/cache${one}`, { method: "DELETE" })).status).toBe(200);
  for (const one of paths) expect((await site.get(one)).cache).toBe("MISS/MISS");
});

it("a purge on one instance holds on another", async () => {
  const a = await startSite({ redisUrl: cluster.url });
  const b = await startSite({ redisUrl: cluster.url, beside: a });
  for (const site of [a, b]) await site.until("Redis is attached", () => site.proxy.redisAttached());
  const host = { host: "example.test" };
  const path = "/data?id=shared&cache-control=max-age=600";
  await a.get(path, host);
  await b.until("both have it", async () => (await b.get(path, host)).cache === "HIT/HIT");
  const purge = await a.admin("/purge", { method: "POST", body: '{"everything":true}' });
  expect(purge.json()).toMatchObject({ instances: 2, acked: 2 });
  expect((await b.get(path, host)).cache).toBe("MISS/MISS");
});
