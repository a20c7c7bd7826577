import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { StoreError } from "../../src/cache/ports/store.ts";
import { slotOf } from "../../src/store/cluster-slots.ts";
import { RedisConnection } from "../../src/store/connection.ts";
import { RedisPurgeLog } from "../../src/store/purge-log.ts";
import { RedisStore } from "../../src/store/redis.ts";
import { startCluster, type TestCluster } from "../redis-cluster.ts";
import { startRedis, type TestRedis, untilReplicated } from "../redis-server.ts";
import { until } from "../until.ts";
import { storeContract } from "./contract.ts";
import { connect, keep } from "./own-redis.ts";
import { eventLog, sampleEntry, testClock, textOf } from "./sample.ts";

function open(url: string, commandTimeoutMs = 1000) {
  const { connection, log } = connect(url, { commandTimeoutMs });
  const store = new RedisStore({ connection, now: testClock().now, emit: log.emit });
  /** What the store has: the body, `miss`, or how it failed. */
  const read = (key: string) =>
    store.lookup(key, []).then(
      (lookup) => (lookup.type === "found" ? textOf(lookup) : "miss"),
      (error: StoreError) => error.code,
    );
  const write = (key: string, body: string) =>
    store.put(key, sampleEntry(body, { uri: key })).then(
      () => true,
      () => false,
    );
  const states = () => log.of("store-state").map(({ up }) => up);
  return { connection, store, log, read, write, states };
}

async function connected(url: string, commandTimeoutMs?: number) {
  const client = open(url, commandTimeoutMs);
  await until("every master answers", () => client.connection.up());
  return client;
}

const redirections = async (node: TestRedis) =>
  Number(/errorstat_MOVED:count=(\d+)/.exec(String(await node.command("INFO", "errorstats")))?.[1] ?? 0);

describe("a cluster", () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster(3);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  describe("as a store", () => {
    const { emit } = eventLog();
    let connection: RedisConnection;
    beforeAll(async () => {
      connection = new RedisConnection({ url: cluster.url, emit, commandTimeoutMs: 1000 });
      await until("every master answers", () => connection.up());
    });
    afterAll(() => connection.close());
    storeContract("RedisStore", async ({ now }) => {
      for (const node of cluster.nodes) await node.command("FLUSHALL");
      return new RedisStore({ connection, now, emit });
    });
  });

  it("is known by one node, and each key asked of the node that has it", async () => {
    const { read, write, states, log } = await connected(cluster.url);
    const before = await Promise.all(cluster.nodes.map(redirections));
    const keys = cluster.nodes.flatMap((node) => [0, 1, 2].map((n) => cluster.keyOf(node, n)));
    expect(await Promise.all(keys.map((key) => write(key, key)))).toEqual(keys.map(() => true));
    expect(await Promise.all(keys.map(read))).toEqual(keys);
    for (const node of cluster.nodes)
      expect(await node.command("EXISTS", `freshline:{${cluster.keyOf(node)}}`)).toBe(1);
    expect(await Promise.all(cluster.nodes.map(redirections))).toEqual(before);
    expect(states()).toEqual([true]);
    expect(log.of("store-state")[0]!.detail).toBe(`connected to ${cluster.url}`);
  });

  it("sends what is asked at once to a node in one go", async () => {
    const { connection, read } = await connected(cluster.url);
    const node = cluster.nodes[1]!;
    const reads = async () =>
      Number(/total_reads_processed:(\d+)/.exec(String(await node.command("INFO", "stats")))?.[1]);
    const before = await reads();
    const keys = Array.from({ length: 200 }, (_, n) => cluster.keyOf(node, n));
    await Promise.all(keys.map(read));
    expect((await reads()) - before).toBeLessThan(20);
    expect(connection.up()).toBe(true);
  });

  it("that moves a slot answers all along: ASK and MOVED are followed", async () => {
    const { read, write, states } = await connected(cluster.url);
    const key = cluster.keyOf(cluster.nodes[0]!, 50);
    const base = `freshline:{${key}}`;
    expect(await write(key, "here")).toBe(true);
    const answers = new Set<string>();
    let running = true;
    onTestFinished(() => {
      running = false;
    });
    const traffic = (async () => {
      for (; running; await new Promise(setImmediate)) answers.add(await read(key));
    })();
    const move = await cluster.beginMove(base, [base]);
    await until("what has moved is found", async () => (await read(key)) === "here");
    expect(await move.to.command("CLUSTER", "COUNTKEYSINSLOT", slotOf(base))).toBe(1);
    await move.end();
    await until("what has moved is found", async () => (await read(key)) === "here");
    const redirected = await redirections(cluster.nodes[0]!);
    for (let i = 0; i < 50; i++) expect(await read(key)).toBe("here");
    expect(await redirections(cluster.nodes[0]!)).toBe(redirected);
    running = false;
    await traffic;
    // The first to ask finds the other node's connection not open yet.
    expect([...answers].filter((answer) => answer !== "here" && answer !== "unavailable")).toEqual([]);
    expect(states()).toEqual([true]);
    expect(await write(key, "again")).toBe(true);
    expect(await read(key)).toBe("again");
  });

  it("whose purge log moves to another node loses no purge", async () => {
    const follow = async () => {
      const { connection, log: events } = await connected(cluster.url);
      const log = new RedisPurgeLog({ connection, emit: events.emit });
      onTestFinished(() => log.close());
      const heard: string[] = [];
      log.follow((news) => {
        if (news.type === "record" && news.record.target.type === "url") heard.push(news.record.target.key);
      });
      await until("the log is attached", () => log.attached());
      return { log, heard };
    };
    const [one, two] = [await follow(), await follow()];
    const purge = async (key: string) => {
      await until(`${key} is purged`, () =>
        one.log.append([{ type: "url", key }], "delete").then(
          () => true,
          () => false,
        ),
      );
      await until(`${key} is heard`, () => two.heard.includes(key));
    };
    await purge("before");
    const keys = ["", ":epoch", ":floor"].map((name) => `freshline:{purges}${name}`);
    const move = await cluster.beginMove("{purges}", [...keys, "freshline:instances:{purges}"]);
    await purge("meanwhile");
    await move.end();
    await purge("after");
    await until("both listen to the new node", async () => {
      const clients = String(await move.to.command("CLIENT", "LIST", "TYPE", "pubsub"));
      return clients.split("\n").filter((line) => line.includes("freshline-follower")).length === 2;
    });
    const startedAt = performance.now();
    await purge("told at once");
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(two.heard).toEqual(["before", "meanwhile", "after", "told at once"]);
  });

  it("is looked for again and again, and found when it comes", async () => {
    await cluster.nodes[0]!.stop();
    const { connection, log, read } = open(cluster.url);
    await until("its absence is told", () => log.of("store-state").length === 1);
    expect(log.of("store-state")[0]!.detail).toMatch(/ECONNREFUSED/);
    expect(await read("a")).toBe("unavailable");
    await cluster.nodes[0]!.restart();
    await until("it is found", () => connection.up());
  });
});

describe("a node that is away", () => {
  it("costs its own keys, at once, and no others; and is used again when it is back", async () => {
    const cluster = await keep(startCluster(3));
    const [first, second, third] = cluster.nodes as [TestRedis, TestRedis, TestRedis];
    const { read, write, states, log } = await connected(cluster.url, 250);
    const key = (node: TestRedis) => cluster.keyOf(node);
    for (const node of cluster.nodes) expect(await write(key(node), "stored")).toBe(true);

    process.kill(second.pid, "SIGSTOP");
    try {
      const answers: string[] = [];
      for (let i = 0; i < 10; i++) answers.push(await read(key(second)));
      expect(answers.filter((answer) => answer === "timeout").length).toBeLessThanOrEqual(3);
      expect(answers.at(-1)).toBe("unavailable");
      expect(await read(key(third))).toBe("stored");
    } finally {
      process.kill(second.pid, "SIGCONT");
    }
    await until("the hanging node is used again", async () => (await read(key(second))) === "stored");
    await until("its return is told", () => states().length === 3);

    // The seed is no more than any other node.
    await first.stop();
    await until("the loss is told", () => states().length === 4);
    expect(log.of("store-state")[3]!.detail).toContain(`127.0.0.1:${first.port}: `);
    const startedAt = performance.now();
    for (let i = 0; i < 100; i++) expect(await read(key(first))).toBe("unavailable");
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(await read(key(second))).toBe("stored");
    expect(await read(key(third))).toBe("stored");

    await first.restart();
    await until("it takes entries again", () => write(key(first), "again"));
    expect(await read(key(first))).toBe("again");
    await until("its return is told", () => states().at(-1) === true);
  });

  it("is replaced by its replica, and the entries that this has are hits", async () => {
    const cluster = await keep(startCluster(3, 1));
    const [master] = cluster.nodes as [TestRedis, ...TestRedis[]];
    const { read, write, states } = await connected(cluster.url, 250);
    const key = cluster.keyOf(master);
    expect(await write(key, "kept")).toBe(true);
    await untilReplicated(master, cluster.replicaOf(master));
    await master.stop();
    await until("the replica's entries are hits", async () => (await read(key)) === "kept", 30_000);
    await until("the cluster is whole again", () => states().at(-1) === true);
    expect(await write(key, "new")).toBe(true);
  });
});

describe("what is no cluster", () => {
  it("is told as such", async () => {
    const redis = await keep(startRedis());
    const { log, read } = open(redis.url.replace("redis:", "redis-cluster:"));
    await until("it is told", () => log.of("store-state").length === 1);
    expect(log.of("store-state")[0]!.detail).toContain("cluster support disabled");
    expect(await read("a")).toBe("unavailable");
  });
});
