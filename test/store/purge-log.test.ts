import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { PurgeNews, PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import type { StoreError } from "../../src/cache/ports/store.ts";
import { LocalPurgeLog } from "../../src/store/local-purge-log.ts";
import { RedisPurgeLog } from "../../src/store/purge-log.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";

const url = (key: string): PurgeTarget => ({ type: "url", key });
const EVERYTHING: PurgeTarget = { type: "everything" };
const DAY_MS = 24 * 60 * 60 * 1000;

let redis: TestRedis;
beforeEach(async () => {
  redis = await keep(startRedis());
});

interface Following {
  readonly url?: string;
  readonly keepRecords?: number;
  readonly elapsed?: () => number;
  readonly commandTimeoutMs?: number;
}

/** One instance that follows the log; `heard` is all it was told. */
function follow(options: Following = {}) {
  const { commandTimeoutMs = 1000 } = options;
  const { connection, log: events } = connect(options.url ?? redis.url, { commandTimeoutMs });
  const keepRecords = options.keepRecords ?? 10_000;
  const { elapsed = () => performance.now() } = options;
  const log = new RedisPurgeLog({ connection, emit: events.emit, keepRecords, elapsed });
  onTestFinished(() => log.close());
  const heard: Exclude<PurgeNews, { type: "attached" }>[] = [];
  const travelled: number[] = [];
  let attachments = 0;
  log.follow((news) => {
    if (news.type === "attached") attachments++;
    else if (news.type === "floor") heard.push(news);
    else {
      const { travelledMs, ...record } = news.record;
      heard.push({ type: "record", record });
      if (travelledMs !== undefined) travelled.push(travelledMs);
    }
  });
  const keys = () =>
    heard.flatMap((news) =>
      news.type === "record" && news.record.target.type === "url" ? [news.record.target.key] : [],
    );
  const floors = () => heard.flatMap((news) => (news.type === "floor" ? [news.floor] : []));
  const epochs = () => heard.map((news) => (news.type === "floor" ? news.epoch : news.record.epoch));
  return { log, connection, events, heard, travelled, keys, floors, epochs, attachments: () => attachments };
}
async function attached(...options: Parameters<typeof follow>) {
  const follower = follow(...options);
  await until("the log is attached", () => follower.log.attached());
  return follower;
}
const INSTANCES = "freshline:instances:{purges}";
const isPresent = async () => (await redis.command("EXISTS", INSTANCES)) === 1;
/** A record at this epoch, whatever the clock says. */
const appendedAt = (epoch: number) =>
  redis.command(
    "EVAL",
    `local last = redis.call('GET', KEYS[2])
     redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'previous', last, 'target', '{"type":"tag","tag":"t"}')
     redis.call('SET', KEYS[2], ARGV[1], 'KEEPTTL')`,
    2,
    ...["freshline:{purges}", "freshline:{purges}:epoch"],
    epoch,
  );
const isGrowing = (epochs: readonly number[]) =>
  epochs.every((epoch, i) => i === 0 || epoch > epochs[i - 1]!);
const commandCalls = async () => {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Object.fromEntries(
    [...stats.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)].map(([, name, n]) => [name, Number(n)]),
  );
};

describe("the shared purge log", () => {
  it("begins with a floor, and is heard by its own instance before append resolves", async () => {
    const { log, heard } = await attached();
    expect(heard).toEqual([{ type: "floor", floor: expect.any(Number), epoch: expect.any(Number) }]);
    const epoch = await log.append([url("a"), EVERYTHING, url("b")], "delete");
    expect(heard.slice(1).map((news) => news.type === "record" && news.record.target)).toEqual([
      url("a"),
      EVERYTHING,
      url("b"),
    ]);
    const record = { epoch, target: url("b"), mode: "delete", at: epoch / 1000 };
    expect(heard.at(-1)).toEqual({ type: "record", record });
    expect(Math.abs(Date.now() - epoch / 1000)).toBeLessThan(60_000);
  });

  it("is heard by the other instance within moments, in order, each record once", async () => {
    const [a, b] = [await attached(), await attached()];
    const started = performance.now();
    await a.log.append([url("1")], "delete");
    await until("b hears", () => b.keys().length === 1);
    expect(performance.now() - started).toBeLessThan(1000);
    const wanted = Array.from({ length: 200 }, (_, i) => `${i}`);
    await Promise.all(wanted.map((key, i) => (i % 2 === 0 ? a : b).log.append([url(key)], "delete")));
    await until("both hear everything", () => a.keys().length === 201 && b.keys().length === 201);
    expect(a.keys()).toEqual(b.keys());
    expect(new Set(a.keys()).size).toBe(200);
    expect(isGrowing(a.epochs())).toBe(true);
  });

  it("tells a new instance what is purged since the floor", async () => {
    const a = await attached();
    await a.log.append([url("before"), EVERYTHING, url("after")], "delete");
    const b = await attached();
    expect(b.floors()).toHaveLength(1);
    expect(b.keys()).toEqual(["after"]);
    expect(b.floors()[0]).toBe(a.epochs().at(-2));
  });

  it("reads a long log in pages", async () => {
    const a = await attached();
    const keys = Array.from({ length: 2500 }, (_, i) => `k${i}`);
    await a.log.append(keys.map(url), "delete");
    expect(a.keys()).toEqual(keys);
    const b = await attached();
    expect(b.keys()).toEqual(keys);
  });

  it("reads fewer records at once when they are long", async () => {
    const a = await attached();
    const keys = Array.from({ length: 100 }, (_, i) => `${i} ${"x".repeat(16_000)}`);
    await a.log.append(keys.map(url), "delete");
    await redis.command("CONFIG", "RESETSTAT");
    const b = await attached();
    expect(b.keys()).toEqual(keys);
    // 1.6 million characters, half a million in a page.
    expect((await commandCalls())["xrange"]).toBeGreaterThanOrEqual(4);
  });

  it("resumes after a lost connection where it was", async () => {
    const [a, b] = [await attached(), await attached()];
    await a.log.append([url("1")], "delete");
    await until("b hears", () => b.keys().length === 1);
    await redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    await until("both are attached again", async () => {
      if (!a.log.attached() || !b.log.attached()) return false;
      return a.log.append([url("2")], "delete").then(
        () => true,
        () => false,
      );
    });
    await until("b hears what came meanwhile", () => b.keys().includes("2"));
    expect(b.keys()[0]).toBe("1");
    expect(b.floors()).toHaveLength(1);
    expect(b.attachments()).toBe(2);
  });

  it.each([
    ["flushed", () => redis.command("FLUSHALL")],
    ["half evicted", () => redis.command("DEL", "freshline:{purges}:epoch")],
    ["without its stream", () => redis.command("DEL", "freshline:{purges}")],
    ["overwritten", () => redis.command("SET", "freshline:{purges}", "x")],
    ["of nonsense", () => redis.command("SET", "freshline:{purges}:epoch", "nan")],
    ["ahead of its stream", () => redis.command("INCR", "freshline:{purges}:epoch")],
    ["behind its stream", () => redis.command("SET", "freshline:{purges}:epoch", "5")],
    ["at an epoch that nothing could follow", () => appendedAt(Number.MAX_SAFE_INTEGER - 1)],
  ])("makes a log that is %s a purge of everything, at once and for all", async (_name, lose) => {
    const [a, b] = [await attached(), await attached()];
    const last = await a.log.append([url("1")], "delete");
    await until("b hears", () => b.keys().length === 1);
    await lose();
    await until("both hear a floor", () => a.floors().length === 2 && b.floors().length === 2);
    expect(a.floors()[1]).toBeGreaterThan(last);
    expect(a.floors()[1]).toBe(b.floors()[1]);
    const next = await a.log.append([url("2")], "delete");
    expect(next).toBeGreaterThan(a.floors()[1]!);
    await until("b hears", () => b.keys().includes("2"));
    expect([a.floors().length, b.floors().length]).toEqual([2, 2]);
    expect(isGrowing(a.epochs()) && isGrowing(b.epochs())).toBe(true);
  });

  it.each([
    ["an unknown target", '{"type":"planet","name":"earth"}'],
    ["an unknown mode", '{"type":"url","key":"a","mode":"freeze"}'],
    ["a target that lacks a member", '{"type":"site"}'],
    ["a group of no site", '{"type":"group","group":"g"}'],
    ["a member of another type", '{"type":"tag","site":7,"tag":"t"}'],
    ["nonsense", "{"],
  ])("takes a record of %s for a purge of everything so far", async (_name, record) => {
    const a = await attached();
    const before = await a.log.append([url("1")], "delete");
    await redis.command(
      "EVAL",
      `redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'previous', ARGV[2], 'target', ARGV[3])
       redis.call('SET', KEYS[2], ARGV[1], 'KEEPTTL')`,
      2,
      ...["freshline:{purges}", "freshline:{purges}:epoch"],
      ...[before + 1, before, record],
    );
    await until("it is heard", () => a.floors().length === 2);
    expect(a.heard.at(-1)).toEqual({ type: "floor", floor: before + 1, epoch: before + 1 });
  });

  it("tells every kind of purge as it was appended, also to one that comes later", async () => {
    const a = await attached();
    const targets: PurgeTarget[] = [
      url("http://a/x"),
      { type: "path", path: "/x?é" },
      { type: "prefix", path: "/x/" },
      { type: "prefix", site: "http://a", path: "/x/" },
      { type: "site", site: "https://a:8443" },
      { type: "tag", tag: "news of the day" },
      { type: "tag", site: "http://a", tag: "" },
      { type: "group", site: "http://a", group: "g" },
      EVERYTHING,
    ];
    await a.log.append(targets, "invalidate");
    const b = await attached();
    for (const { heard } of [a, b]) {
      const records = heard.flatMap((news) => (news.type === "record" ? [news.record] : []));
      expect(records.map(({ target, mode }) => ({ target, mode }))).toEqual(
        targets.map((target) => ({ target, mode: "invalidate" })),
      );
      expect(records.map(({ epoch, at }) => at === epoch / 1000)).toEqual(targets.map(() => true));
    }
  });

  it("measures how long the purges of others were on their way, by the clock of Redis", async () => {
    const a = await attached();
    await a.log.append([url("before")], "delete");
    const b = await attached();
    await a.log.append([url("1"), url("2")], "delete");
    await until("b hears", () => b.keys().length === 3);
    expect([a.travelled.length, b.travelled.length]).toEqual([0, 2]);
    for (const ms of b.travelled) expect(ms > 0 && ms < 2000).toBe(true);
    // What waits in the log while nobody reads it is on its way.
    const startedAt = performance.now();
    await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    await redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until("a is attached again and appends", () =>
      a.log.append([url("3")], "delete").then(
        () => true,
        () => false,
      ),
    );
    await until("b hears", () => b.keys().includes("3"));
    expect(b.travelled.at(-1)).toBeLessThan(performance.now() - startedAt + 50);
  });

  it("says for how long it has not been heard: infinite before, 0 while attached, growing when cut off", async () => {
    const link = await openFaultyLink(redis.port);
    const clock = { at: 1000 };
    await link.breakBy({ resets: true });
    const a = follow({ url: `redis://127.0.0.1:${link.port}`, elapsed: () => clock.at });
    expect(a.log.behindMs()).toBe(Number.POSITIVE_INFINITY);
    await link.mend();
    await until("it is attached", () => a.log.attached());
    expect(a.log.behindMs()).toBe(0);
    await link.breakBy({ resets: true });
    await until("the loss is noticed", () => !a.log.attached());
    clock.at += 7000;
    expect(a.log.behindMs()).toBe(7000);
    await link.mend();
    await until("it is attached again", () => a.log.attached());
    expect(a.log.behindMs()).toBe(0);
  });

  it("that slept is behind for as long, although its connections seem to be there, until the next beat", async () => {
    const clock = { at: 1000 };
    const a = await attached({ elapsed: () => clock.at });
    clock.at += 60_000;
    expect(a.log.attached()).toBe(true);
    expect(a.log.behindMs()).toBe(60_000);
    await until("a heartbeat was answered", () => a.log.behindMs() === 0);
  });

  it("is known to be lost within two seconds when its connections carry nothing any more", async () => {
    const link = await openFaultyLink(redis.port);
    const a = await attached({ url: `redis://127.0.0.1:${link.port}` });
    link.swallow();
    const startedAt = performance.now();
    await until("the loss is noticed", () => a.log.behindMs() > 0);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  it("makes a log that an older backup replaced a purge of everything", async () => {
    const a = await attached();
    await a.log.append([url("1")], "delete");
    const script = `
      local kept = {}
      for i, key in ipairs(KEYS) do kept[i] = redis.call('GET', 'backup:' .. i) end
      for i, key in ipairs(KEYS) do
        if kept[i] then redis.call('RESTORE', key, 0, kept[i], 'REPLACE')
        else redis.call('SET', 'backup:' .. i, redis.call('DUMP', key)) end
      end`;
    const keys = ["freshline:{purges}", "freshline:{purges}:epoch", "freshline:{purges}:floor"];
    await redis.command("EVAL", script, 3, ...keys);
    const last = await a.log.append([url("2")], "delete");
    await redis.command("EVAL", script, 3, ...keys);
    await until("the floor is heard", () => a.floors().length === 2);
    expect(a.floors()[1]).toBeGreaterThan(last);
    expect((await attached()).floors()).toEqual([a.floors()[1]]);
  });

  it("lets epochs grow even when the clock of Redis goes back", async () => {
    const a = await attached();
    const future = (Date.now() + DAY_MS) * 1000;
    await redis.command(
      "EVAL",
      `redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'previous', '0', 'target', '{"type":"everything"}')
       redis.call('SET', KEYS[2], ARGV[1]) redis.call('SET', KEYS[3], ARGV[1])`,
      3,
      ...["freshline:{purges}", "freshline:{purges}:epoch", "freshline:{purges}:floor"],
      future,
    );
    await until("the future is heard", () => a.floors().includes(future));
    await redis.command("FLUSHALL");
    await until("the loss is heard", () => a.floors().length === 3);
    expect(a.floors()[2]).toBe(future + 1);
    expect(await a.log.append([url("1")], "delete")).toBe(future + 2);
  });

  it("attaches again by itself when Redis has refused for a while, and tells it once", async () => {
    await redis.command("ACL", "SETUSER", "odd", "on", ">pw", "~*", "&*", "+@all");
    const odd = await attached({ url: redis.url.replace("redis://", "redis://odd:pw@") });
    await until("it has said that it is here", isPresent);
    await redis.command("ACL", "SETUSER", "odd", "-evalsha", "-eval");
    await expect(odd.log.append([url("1")], "delete")).rejects.toMatchObject({ code: "refused" });
    expect(odd.log.attached()).toBe(false);
    await until("it was refused more than once", async () =>
      /cmdstat_evalsha:.*rejected_calls=([2-9]|\d\d)/.test(
        String(await redis.command("INFO", "commandstats")),
      ),
    );
    await redis.command("ACL", "SETUSER", "odd", "+@all");
    await until("the log is attached again", () => odd.log.attached());
    expect(odd.events.of("store-failed")).toMatchObject([{ operation: "follow", code: "refused" }]);
    await odd.log.append([url("2")], "delete");
    expect(odd.keys()).toEqual(["2"]);
  });

  it("puts a floor under what was trimmed while an instance was away, and under nothing else", async () => {
    const link = await openFaultyLink(redis.port);
    const a = await attached({ keepRecords: 100 });
    const b = await attached({ keepRecords: 100, url: `redis://127.0.0.1:${link.port}` });
    await link.breakBy({ resets: true });
    await until("b has lost Redis", () => !b.log.attached());
    for (let i = 0; i < 1000; i += 50)
      await a.log.append(
        Array.from({ length: 50 }, (_, j) => url(`k${i + j}`)),
        "delete",
      );
    expect(a.keys()).toHaveLength(1000);
    expect(a.floors()).toHaveLength(1);
    const left = (await redis.command("XLEN", "freshline:{purges}")) as number;
    expect(left).toBeLessThan(400);
    await link.mend();
    await until("b is back", () => b.log.attached());
    expect(b.keys()).toEqual(a.keys().slice(-left));
    expect(b.floors()).toEqual([a.floors()[0], a.epochs().at(-left - 1)]);
    expect((await attached({ keepRecords: 100 })).heard).toEqual(b.heard.slice(1));
  });

  it("notices a half-open link by its heartbeat, and hears what came meanwhile", async () => {
    const link = await openFaultyLink(redis.port);
    const a = await attached();
    const b = await attached({ url: `redis://127.0.0.1:${link.port}` });
    link.swallow();
    await a.log.append([url("1")], "delete");
    await until("b hears", () => b.keys().length === 1);
    await until("b is attached", () => b.log.attached());
    expect(b.floors()).toHaveLength(1);
  });

  it("attaches again after Redis was killed and came back empty", async () => {
    const a = await attached();
    const last = await a.log.append([url("1")], "delete");
    await redis.stop();
    await until("the loss is noticed", () => !a.log.attached());
    await expect(a.log.append([url("2")], "delete")).rejects.toMatchObject({
      name: "StoreError",
      code: "unavailable",
    });
    await redis.restart();
    const ms = await until("the log is attached again", () => a.log.attached());
    expect(ms).toBeLessThan(5000);
    expect(a.floors()).toHaveLength(2);
    expect(a.floors()[1]).toBeGreaterThan(last);
    await a.log.append([url("3")], "delete");
    expect(a.keys()).toEqual(["1", "3"]);
    expect(isGrowing(a.epochs())).toBe(true);
  });

  it("notices a Redis that hangs, and attaches again when it goes on", async () => {
    const a = await attached();
    process.kill(redis.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(redis.pid, "SIGCONT"));
    await until("the silence is noticed", () => !a.log.attached());
    process.kill(redis.pid, "SIGCONT");
    await until("the log is attached again", () => a.log.attached());
    await a.log.append([url("1")], "delete");
    expect(a.floors()).toHaveLength(1);
  });

  it("is not attached, and rejects at once, while Redis was never there", async () => {
    await redis.stop();
    const commandTimeoutMs = 10_000;
    const a = follow({ commandTimeoutMs });
    const started = performance.now();
    await expect(a.log.append([url("1")], "delete")).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - started).toBeLessThan(commandTimeoutMs / 2);
    expect(a.heard).toEqual([]);
    await redis.restart();
    await until("the log is attached", () => a.log.attached());
    await a.log.append([url("2")], "delete");
  });

  it("leaves no key without a time to live, renews it in good time, and bounds its stream", async () => {
    const a = await attached();
    await a.log.append([url("1"), EVERYTHING], "delete");
    const keys = ["freshline:{purges}", "freshline:{purges}:epoch", "freshline:{purges}:floor"];
    await until("it has said that it is here", isPresent);
    expect(((await redis.command("KEYS", "*")) as string[]).sort()).toEqual([INSTANCES, ...keys]);
    const left = (await redis.command("PTTL", INSTANCES)) as number;
    expect(left > 0 && left <= 60_000).toBe(true);
    const ttls = async () => (await Promise.all(keys.map((key) => redis.command("PTTL", key)))) as number[];
    expect((await ttls()).every((ttl) => ttl > 29 * DAY_MS && ttl <= 30 * DAY_MS)).toBe(true);
    for (const key of keys) await redis.command("PEXPIRE", key, 14 * DAY_MS);
    await until("the log is renewed", async () => (await ttls()).every((ttl) => ttl > 29 * DAY_MS));
    expect(a.floors()).toHaveLength(1);
  });

  it("purges even when Redis is full", async () => {
    const a = await attached();
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    await a.log.append([url("1")], "delete");
    expect(a.keys()).toEqual(["1"]);
  });

  it("costs an idle Redis a heartbeat, now and then one that is written down, and nothing else", async () => {
    await attached();
    await until("it has said that it is here", isPresent);
    await redis.command("CONFIG", "RESETSTAT");
    await until("it says that it is here", async () => ((await commandCalls())["evalsha"] ?? 0) > 0);
    const calls = await commandCalls();
    const presence = ["evalsha", "hgetall", "hset", "pexpire", "time", "type"];
    // The connection that presence is told on is tested then: before or after this was asked.
    const { echo = 0, ...others } = calls;
    expect(Object.keys(others).sort()).toEqual(["config|resetstat", "info", "ping", ...presence].sort());
    expect(echo).toBeLessThanOrEqual(1);
    expect(calls["evalsha"]).toBe(1);
    expect(calls["ping"]).toBeLessThanOrEqual(6);
  });

  it("polls, and says so once, where Redis allows no tracking", async () => {
    await redis.command("ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-client|tracking");
    const poor = await attached({ url: redis.url.replace("redis://", "redis://poor:pw@") });
    const a = await attached();
    await a.log.append([url("1")], "delete");
    await until("the poll hears", () => poor.keys().length === 1);
    await poor.log.append([url("2")], "delete");
    await until("the other hears", () => a.keys().includes("2"));
    await redis.command("FLUSHALL");
    await until("the poll hears the floor", () => poor.floors().length === 2);
    expect(poor.events.of("store-failed")).toMatchObject([{ operation: "follow", code: "refused" }]);
  });

  it("survives a follower that throws", async () => {
    const { connection, log: events } = connect(redis.url);
    const log = new RedisPurgeLog({ connection, emit: events.emit });
    onTestFinished(() => log.close());
    log.follow(() => {
      throw new Error("no");
    });
    await until("the log is attached", () => log.attached());
    await log.append([url("1")], "delete");
    // Once for each: the floor, the attachment, the record.
    expect(events.of("store-failed")).toHaveLength(3);
  });

  it("bounds the purges that wait", async () => {
    const a = await attached();
    const many = Array.from({ length: 6000 }, (_, i) => url(`${i}`));
    const [first, second, third] = await Promise.allSettled([
      a.log.append([url("x")], "delete"),
      a.log.append(many, "delete"),
      a.log.append(many, "delete"),
    ]);
    expect([first.status, second.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(third).toMatchObject({ status: "rejected", reason: { code: "refused" } });
  });

  it("bounds the purges that wait by their length, too", async () => {
    const a = await attached();
    const long = Array.from({ length: 150 }, (_, i) => url(`${i} ${"x".repeat(16_000)}`));
    const [first, second, third] = await Promise.allSettled([
      a.log.append([url("x")], "delete"),
      a.log.append(long, "delete"),
      a.log.append(long, "delete"),
    ]);
    expect([first.status, second.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(third).toMatchObject({ status: "rejected", reason: { code: "refused" } });
    await expect(a.log.append(long, "delete")).resolves.toBeGreaterThan(0);
  });

  it("rejects what still waits when it is closed, and hears no more", async () => {
    const a = await attached();
    const heard = a.heard.length;
    const waiting = [a.log.append([url("1")], "delete"), a.log.append([url("2")], "delete")].map((append) =>
      append.then(
        () => "appended",
        (error: StoreError) => error.code,
      ),
    );
    await a.log.close();
    expect((await Promise.all(waiting))[1]).toBe("unavailable");
    expect(a.heard).toHaveLength(heard);
    expect(a.log.attached()).toBe(false);
  });
});

describe("the local purge log", () => {
  it("counts, and is heard before append resolves", async () => {
    const log = new LocalPurgeLog();
    const heard: PurgeNews[] = [];
    log.follow((news) => heard.push(news));
    expect(await log.append([url("a"), EVERYTHING], "delete")).toBe(2);
    expect(await log.append([], "delete")).toBe(2);
    expect(heard).toEqual([
      { type: "floor", floor: 0, epoch: 0 },
      { type: "attached" },
      { type: "record", record: { epoch: 1, target: url("a"), mode: "delete" } },
      { type: "record", record: { epoch: 2, target: EVERYTHING, mode: "delete" } },
    ]);
  });

  it("rejects when nobody follows it", async () => {
    const log = new LocalPurgeLog();
    await expect(log.append([EVERYTHING], "delete")).rejects.toMatchObject({ code: "unavailable" });
  });
});
