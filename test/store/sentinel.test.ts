import { describe, expect, it, onTestFinished } from "vitest";
import { startRedis, startSentinel, type TestRedis, untilReplicated } from "../redis-server.ts";
import { startSite } from "../scenario/site.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";

/** A Sentinel that alone decides, and soon, that the master is down. */
const watch = (master: TestRedis) =>
  keep(
    startSentinel([
      `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds mymaster 500",
      "sentinel failover-timeout mymaster 3000",
    ]),
  );

describe("the master that Sentinels name", () => {
  it("fails, and another takes over: no request fails for that, and the entries are hits again", async () => {
    const master = await keep(startRedis());
    const replica = await keep(startRedis(["--replicaof", "127.0.0.1", String(master.port)]));
    await untilReplicated(master, replica);
    const sentinel = await watch(master);
    await until("the Sentinel knows the replica", async () =>
      String(await sentinel.command("INFO", "sentinel")).includes(
        `status=ok,address=127.0.0.1:${master.port},slaves=1`,
      ),
    );
    const site = await startSite({
      redisUrl: `redis-sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/3?master=mymaster`,
      settings: { CACHE_MEMORY_BYTES: "0" },
    });
    await site.until("Redis is attached", () => site.proxy.redisAttached());
    const path = (id: number | string) => `/data?id=${id}&cache-control=max-age=600`;
    for (let id = 0; id < 5; id++) expect((await site.get(path(id))).cache).toBe("MISS/MISS");
    await site.until("they are kept", async () => (await site.get(path(4))).cache === "HIT/HIT");
    expect(String(await master.command("INFO", "keyspace"))).toMatch(/^db3:/m);
    await untilReplicated(master, replica);

    const states = () => site.events.flatMap((event) => (event.type === "store-state" ? [event.up] : []));
    await master.stop();
    const answers = new Map<number, number>();
    const deadline = performance.now() + 15_000;
    while (!(states().length === 3 && site.proxy.redisAttached())) {
      if (performance.now() > deadline) throw new Error(`waited in vain for the new master: ${states()}`);
      const { status } = await site.get(path("traffic"));
      answers.set(status, (answers.get(status) ?? 0) + 1);
    }
    expect([...answers.keys()]).toEqual([200]);
    expect(states()).toEqual([true, false, true]);
    for (let id = 0; id < 5; id++) expect((await site.get(path(id))).cache).toBe("HIT/HIT");
    expect((await site.admin(`/cache${path(0)}`, { method: "DELETE" })).status).toBe(200);
    expect((await site.get(path(0))).cache).toBe("MISS/MISS");
    expect(String(await replica.command("ROLE"))).toMatch(/^master/);
  });

  it("hands over while it lives, and the follower of its keys goes with the commands", async () => {
    const master = await keep(startRedis());
    const replica = await keep(startRedis(["--replicaof", "127.0.0.1", String(master.port)]));
    const sentinel = await watch(master);
    await until("the Sentinel knows a good replica", async () =>
      /flags,slave,link-pending-commands/.test(
        String(await sentinel.command("SENTINEL", "REPLICAS", "mymaster")),
      ),
    );
    const { connection, states } = connect(`redis-sentinel://127.0.0.1:${sentinel.port}?master=mymaster`);
    const follower = connection.follower(1000);
    onTestFinished(() => follower.disconnect());
    let readies = 0;
    follower.on("ready", () => readies++);
    await until("it follows", () => readies === 1);
    const startedAt = performance.now();
    await until("the failover begins", () =>
      sentinel.command("SENTINEL", "FAILOVER", "mymaster").then(
        () => true,
        () => false,
      ),
    );
    const write = () =>
      connection
        .run((client) => client.set("a", "b"))
        .then(
          () => true,
          () => false,
        );
    await until(
      "the new master takes writes",
      async () =>
        ((await replica.command("ROLE")) as string[])[0] === "master" &&
        (await write()) &&
        (await replica.command("GET", "a")) === "b",
    );
    await until("the follower is at the new master", async () =>
      String(await replica.command("CLIENT", "LIST")).includes("freshline-follower"),
    );
    // The old master throws its clients out only when the Sentinel makes a replica of it, ten seconds later.
    expect(performance.now() - startedAt).toBeLessThan(9000);
    expect(states().at(-1)!.up).toBe(true);
  });
});

describe("Sentinels that do not help", () => {
  it("are told: none answers", async () => {
    const { states } = connect("redis-sentinel://127.0.0.1:1,127.0.0.1:2?master=mymaster");
    await until("it is told", () => states().length > 0);
    expect(states()[0]!.detail).toMatch(
      /^no Sentinel names the master: failed to connect to sentinel 127\.0\.0\.1:[12] /,
    );
  });

  it("are told: none knows the master", async () => {
    const sentinel = await watch(await keep(startRedis()));
    const { states } = connect(`redis-sentinel://127.0.0.1:${sentinel.port}?master=other`);
    await until("it is told", () => states().length > 0);
    expect(states()[0]!.detail).toMatch(/^no Sentinel names the master: .*No such master/);
  });

  it("are told: they want a password; with it they name a master, which wants its own", async () => {
    const master = await keep(startRedis());
    const sentinel = await watch(master);
    await until("the Sentinel has seen the master", async () =>
      String(await sentinel.command("INFO", "sentinel")).includes("status=ok"),
    );
    await sentinel.command("ACL", "SETUSER", "default", "resetpass", ">watcher");
    await master.command("ACL", "SETUSER", "cache", "on", ">its-own", "~*", "&*", "+@all");
    const url = `redis-sentinel://cache:its-own@127.0.0.1:${sentinel.port}?master=mymaster`;
    const without = connect(url);
    await until("it is told", () => without.states().length > 0);
    expect(without.states()[0]!.detail).toMatch(/^no Sentinel names the master: .*NOAUTH/);
    expect(without.states()[0]!.detail).not.toContain("its-own");

    const { connection } = connect(url, { sentinelPassword: "watcher" });
    await until("Redis answers", () => connection.up());
    expect(await connection.run((client) => client.acl("WHOAMI"))).toBe("cache");
  });
});
