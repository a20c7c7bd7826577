import { expect, it, onTestFinished } from "vitest";
import { startRedis, startSentinel, type TestRedis, untilReplicated } from "../redis-server.ts";
import { keep } from "../store/own-redis.ts";
import { until } from "../until.ts";
import { type Site, startSite } from "./site.ts";
import { tagOf, versionedOrigin, versionOf } from "./troubled-fleet.ts";

const ITEMS = 6;
const HOST = { Host: "shop.test" };

it("purges that go on while the master changes hold on every instance that has acknowledged them", async () => {
  const master = await keep(startRedis());
  const replica = await keep(startRedis(["--replicaof", "127.0.0.1", String(master.port)]));
  await untilReplicated(master, replica);
  const sentinel = await keep(
    startSentinel([
      `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds mymaster 500",
      "sentinel failover-timeout mymaster 3000",
    ]),
  );
  const origin = await versionedOrigin(ITEMS, () => 3);
  const redisUrl = `redis-sentinel://127.0.0.1:${sentinel.port}?master=mymaster`;
  const settings = { ORIGINS: origin.url, PURGE_ACK_TIMEOUT: "300ms" };
  const a = await startSite({ redisUrl, settings });
  const b = await startSite({ redisUrl, settings, beside: a });
  const sites = [a, b];
  const floors = new Map(sites.map((site) => [site, Array.from({ length: ITEMS }, () => 0)]));
  const wrong: string[] = [];
  const told = { hits: 0, receipts: 0, acknowledged: 0, refused: 0 };
  let running = true;

  async function ask(site: Site, n: number): Promise<void> {
    const item = n % ITEMS;
    const floor = floors.get(site)?.[item] ?? 0;
    const { status, text, cache } = await site.get(`/item/${item}`, HOST);
    if (status !== 200) wrong.push(`${item}: ${status}`);
    else if (versionOf(text) < floor) wrong.push(`${item}: ${versionOf(text)} (${cache}), not ${floor}`);
    if (cache === "HIT/HIT") told.hits++;
  }
  async function purge(site: Site, n: number): Promise<void> {
    const item = n % ITEMS;
    const version = origin.change(item);
    const targets = [n % 2 === 0 ? { tag: tagOf(item) } : { url: `http://shop.test/item/${item}` }];
    const mode = n % 3 === 0 ? "invalidate" : "delete";
    const answer = await site.admin("/purge", { method: "POST", body: JSON.stringify({ targets, mode }) });
    if (answer.status !== 200) {
      told.refused++;
      return;
    }
    told.receipts++;
    const { instances, acked } = answer.json<{ instances: number; acked: number }>();
    const heard = instances === 2 && acked === 2 ? sites : [site];
    if (heard.length === 2) told.acknowledged++;
    for (const one of heard) {
      const known = floors.get(one) ?? [];
      known[item] = Math.max(known[item] ?? 0, version);
    }
  }
  onTestFinished(() => {
    running = false;
  });
  const loop = async (work: (n: number) => Promise<void>, pauseMs: number) => {
    for (let n = 0; running; n++) {
      await work(n).catch((error: unknown) => {
        if (running) wrong.push(String(error));
      });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const loops = sites.flatMap((site, i) => [
    loop((n) => ask(site, n), 4),
    loop((n) => ask(site, n * 5 + 3), 4),
    loop((n) => purge(site, n * 7 + i), 20),
  ]);
  const more = (n: number) => {
    const wanted = told.acknowledged + n;
    return () => told.acknowledged >= wanted;
  };
  const soon = (what: string, happened: () => boolean | Promise<boolean>) => until(what, happened, 30_000);
  const isMaster = async (server: TestRedis) => String(await server.command("ROLE")).startsWith("master");

  await soon("purges are acknowledged", more(10));
  await soon("the Sentinel knows the replica", async () => {
    const state = String(await sentinel.command("INFO", "sentinel"));
    return state.includes(`status=ok,address=127.0.0.1:${master.port},slaves=1`);
  });
  // Handed over.
  await sentinel.command("SENTINEL", "FAILOVER", "mymaster");
  await soon("the replica is master", () => isMaster(replica));
  await soon("purges are acknowledged by way of it", more(10));
  await soon("the old master follows it", async () =>
    String(await master.command("INFO", "replication")).includes("master_link_status:up"),
  );
  await soon("purges are acknowledged again", more(10));
  // Killed.
  await replica.stop();
  await soon("the old master is master again", () => isMaster(master));
  await soon("purges are acknowledged by way of that", more(10));
  running = false;
  await Promise.all(loops);
  console.info(JSON.stringify(told));
  expect(wrong).toEqual([]);
  expect(told.hits).toBeGreaterThan(50);
});
