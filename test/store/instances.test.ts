import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Acknowledged, PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { RedisPurgeLog } from "../../src/store/purge-log.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";

const KEY = "freshline:instances:{purges}";
const TARGETS: PurgeTarget[] = [
  { type: "path", path: "/x" },
  { type: "path", path: "/y" },
];

let redis: TestRedis;
beforeEach(async () => {
  redis = await keep(startRedis());
});

/** One instance that follows the log; its purges wait long, unless a test says otherwise. */
async function instance(name: string, { url = redis.url, patienceMs = 20_000 } = {}) {
  const { connection, log: events } = connect(url, { commandTimeoutMs: 1000 });
  const log = new RedisPurgeLog({
    connection,
    emit: events.emit,
    instance: name,
    ackTimeoutMs: patienceMs,
  });
  onTestFinished(() => log.close());
  log.follow(() => {});
  await until("the log is attached", () => log.attached());
  await until("it is known", async () => (await redis.command("HEXISTS", KEY, name)) === 1);
  const purge = async (): Promise<Acknowledged> =>
    log.acknowledged(await log.append(TARGETS, "delete", true));
  return { log, connection, events, purge };
}

const all = (instances: number): Acknowledged => ({
  shared: true,
  instances,
  acked: instances,
  missing: [],
});
const published = async (): Promise<number> =>
  Number(/cmdstat_publish:calls=(\d+)/.exec(String(await redis.command("INFO", "commandstats")))?.[1] ?? 0);

describe("the receipt of a purge", () => {
  it("counts one instance where there is one, at once", async () => {
    const a = await instance("a");
    expect(await a.purge()).toEqual(all(1));
  });

  it("is given when all instances have heard of it, whoever purges", async () => {
    const [a, b, c] = [await instance("a"), await instance("b"), await instance("c")];
    const startedAt = performance.now();
    for (const purger of [a, b, c, a]) expect(await purger.purge()).toEqual(all(3));
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it("is right for many purges at once", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const receipts = await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? a : b).purge()));
    expect(receipts).toEqual(Array.from({ length: 100 }, () => all(2)));
  });

  it("names who has not heard of it when its patience ends", async () => {
    const link = await openFaultyLink(redis.port);
    const a = await instance("a", { patienceMs: 300 });
    await instance("b", { url: `redis://127.0.0.1:${link.port}` });
    link.swallow();
    const startedAt = performance.now();
    expect(await a.purge()).toEqual({ shared: true, instances: 2, acked: 1, missing: ["b"] });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
  });

  it("does not wait for one that has been closed", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    await b.log.close();
    expect(await a.purge()).toEqual(all(1));
  });

  it("does not wait for one that has said nothing for long, and forgets it", async () => {
    const a = await instance("a", { patienceMs: 300 });
    await redis.command("HSET", KEY, "ghost", `1 ${Date.now()}`, "bones", `1 ${Date.now() - 60_000}`);
    await redis.command("HSET", KEY, "odd", "nonsense", "ahead", `1 ${Date.now() + 3_600_000}`);
    expect(await a.purge()).toEqual({ shared: true, instances: 2, acked: 1, missing: ["ghost"] });
    expect(((await redis.command("HKEYS", KEY)) as string[]).sort()).toEqual(["a", "ghost"]);
  });

  it("finds in Redis what no message told", async () => {
    await redis.command("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all");
    await redis.command("ACL", "SETUSER", "deaf", "&__redis__:invalidate");
    const a = await instance("a", {
      url: redis.url.replace("redis://", "redis://deaf:pw@"),
      patienceMs: 500,
    });
    const b = await instance("b", { patienceMs: 500 });
    expect(await a.purge()).toEqual(all(2));
    // It may not publish either, and it has said it all the same.
    expect(await b.purge().then(({ instances }) => instances)).toBe(2);
  });

  it("is given with Redis full, and with another type under the key", async () => {
    const [a] = [await instance("a"), await instance("b")];
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    expect(await a.purge()).toEqual(all(2));
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    await redis.command("SET", KEY, "x");
    expect(await a.purge()).toMatchObject({ shared: true, acked: 1 });
  });

  it("goes by who was there last when Redis has gone meanwhile", async () => {
    const [a] = [await instance("a", { patienceMs: 200 }), await instance("b")];
    expect(await a.purge()).toEqual(all(2));
    const epoch = await a.log.append(TARGETS, "delete", true);
    await redis.stop();
    expect(await a.log.acknowledged(epoch + 1)).toMatchObject({ instances: 2, missing: ["b"] });
  });

  it("costs nothing where nobody asks for it", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    await a.log.append(TARGETS, "delete");
    const before = await published();
    for (let i = 0; i < 10; i++) await a.log.append(TARGETS, "delete");
    expect(await published()).toBe(before);
    expect(await b.purge()).toEqual(all(2));
    expect(await published()).toBe(before + 1);
  });

  it("is of no concern to one that comes later", async () => {
    const a = await instance("a");
    for (let i = 0; i < 10; i++) await a.purge();
    await instance("b");
    expect(await published()).toBe(0);
    expect(await a.purge()).toEqual(all(2));
  });
});

describe("an instance", () => {
  it("says a few times within the time that it counts as alive that it is here", async () => {
    await instance("a");
    await redis.command("HSET", KEY, "a", "0 0");
    await until("it says so again", async () => String(await redis.command("HGET", KEY, "a")) !== "0 0");
    expect(await redis.command("PTTL", KEY)).toBeGreaterThan(0);
  });

  it("that may not say so is told once, and purges all the same", async () => {
    await redis.command("ACL", "SETUSER", "shy", "on", ">pw", "~freshline:{purges}*", "&*", "+@all");
    const url = redis.url.replace("redis://", "redis://shy:pw@");
    const { connection, log: events } = connect(url, { commandTimeoutMs: 1000 });
    const log = new RedisPurgeLog({ connection, emit: events.emit, instance: "shy" });
    onTestFinished(() => log.close());
    log.follow(() => {});
    await until("the log is attached", () => log.attached());
    const epoch = await log.append(TARGETS, "delete", true);
    expect(await log.acknowledged(epoch)).toEqual(all(1));
    const b = await instance("b");
    for (let i = 0; i < 3; i++) expect(await b.purge()).toEqual(all(1));
    await until("it has been refused more than once", async () => {
      const stats = String(await redis.command("INFO", "commandstats"));
      return Number(/cmdstat_evalsha:.*?rejected_calls=(\d+)/.exec(stats)?.[1]) > 2;
    });
    await log.append(TARGETS, "delete");
    expect(events.of("store-failed")).toMatchObject([{ operation: "follow", code: "refused" }]);
  });
});
