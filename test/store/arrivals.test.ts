import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Arrival, Outgoing, Sending } from "../../src/cache/arrivals.ts";
import type { ByteStream } from "../../src/cache/ports/body.ts";
import { StoreError } from "../../src/cache/ports/store.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { type ArrivalsOptions, RedisArrivals } from "../../src/store/arrivals.ts";
import { SLOTS, slotOf } from "../../src/store/cluster-slots.ts";
import { RedisPurgeLog } from "../../src/store/purge-log.ts";
import { chunkGate, RedisStore } from "../../src/store/redis.ts";
import { ScriptedBody } from "../cache/harness.ts";
import { startCluster } from "../redis-cluster.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";
import { bytes, entryOf, KEY } from "./sample.ts";

const CHUNK = 1000;
const BASE = `freshline:{${KEY}}`;
/** Four chunks, the last of one byte. */
const WHOLE = Buffer.from(bytes(3 * CHUNK + 1));
const STORED: StoredResponse = { ...entryOf(WHOLE).stored, responseTime: Date.now() };
/** Nobody waits for it in a test that passes. */
const LONG_MS = 60_000;

let redis: TestRedis;
beforeEach(async () => {
  redis = await keep(startRedis());
});

/** One instance of several. */
async function instance(name: string, options: Partial<ArrivalsOptions> = {}, url = redis.url) {
  const { connection, log: events } = connect(url, { commandTimeoutMs: 10_000 });
  const common = { connection, emit: events.emit, namespace: "freshline", instance: name };
  const gate = chunkGate(CHUNK);
  const arrivals = new RedisArrivals({ ...common, ttlMs: LONG_MS, chunkBytes: CHUNK, gate, ...options });
  const log = new RedisPurgeLog({ ...common, listeners: [arrivals.listener] });
  log.follow(() => {});
  onTestFinished(() => log.close());
  onTestFinished(() => arrivals.close());
  await until("the log is attached", () => log.attached());
  const store = new RedisStore({ connection, now: Date.now, emit: events.emit, chunkBytes: CHUNK });

  /** What the test pushes, on its way into Redis. */
  function send(changes: Partial<StoredResponse> = {}, key = KEY) {
    const source = new ScriptedBody();
    const { promise: told, resolve: tell } = Promise.withResolvers<string>();
    const stored = { ...STORED, ...changes };
    const body = { read: (): ByteStream => source };
    const outgoing: Outgoing = { key, stored, origin: "http://origin.test", body, tell };
    const sending = arrivals.send(outgoing) as Sending;
    return { source, told, sending, stored };
  }
  return { arrivals, connection, events, store, send };
}

const keys = async (pattern = "*") => ((await redis.command("KEYS", pattern)) as string[]).sort();
const chunks = async () => (await keys(`${BASE}:*`)).filter((key) => !key.endsWith(":arriving"));
const calls = async (command: string) => {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
};
const has = (arrival: Arrival | undefined): Arrival => {
  if (arrival === undefined) throw new Error("it cannot be had");
  return arrival;
};

/** Reads a body for as long as there is something. */
function reading({ body }: Arrival) {
  const taken: Uint8Array[] = [];
  const ended = (async () => {
    for await (const piece of body) taken.push(piece);
  })().then(
    () => "whole",
    (error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      return "broken";
    },
  );
  const all = () => Buffer.concat(taken);
  return { ended, all, has: (n: number) => until(`there are ${n} bytes`, () => all().length >= n) };
}

describe("a body that arrives", () => {
  it("is read by others chunk by chunk, and can be stored without being written again", async () => {
    const [a, b, c] = [await instance("a"), await instance("b"), await instance("c")];
    const { source, told, sending } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const at = await told;
    const early = has(await b.arrivals.follow(at));
    expect([early.stored, early.origin]).toEqual([STORED, "http://origin.test"]);
    const first = reading(early);
    await first.has(1000);
    source.push(WHOLE.subarray(1500, 1999), WHOLE.subarray(1999, 2001));
    await first.has(2000);
    expect(first.all().length).toBe(2000);
    const second = reading(has(await c.arrivals.follow(at)));
    await second.has(2000);
    source.push(WHOLE.subarray(2001)).end();
    for (const reader of [first, second]) {
      expect(await reader.ended).toBe("whole");
      expect(reader.all().equals(WHOLE)).toBe(true);
    }
    expect(await early.over).toBe(true);
    const sent = await sending.sent;
    const before = await chunks();
    expect(before).toHaveLength(4);
    await a.store.put(KEY, entryOf(WHOLE, STORED), sent);
    expect(await chunks()).toEqual(before);
    const found = await b.store.lookup(KEY, []);
    expect(found.type).toBe("found");
    await until("nothing is sent or followed", () => [a, b, c].every(({ arrivals }) => arrivals.size === 0));
  });

  it("costs a message a chunk, and who reads it one more and each chunk once", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const warm = a.send();
    warm.source.push(WHOLE.subarray(0, 1500));
    await b.arrivals.follow(await warm.told);
    warm.source.fail();
    await warm.sending.sent;
    await redis.command("CONFIG", "RESETSTAT");
    const { source, told, sending } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const reader = reading(has(await b.arrivals.follow(await told)));
    await reader.has(1000);
    source.push(WHOLE.subarray(1500)).end();
    await sending.sent;
    expect(await reader.ended).toBe("whole");
    const all = [await calls("set"), await calls("evalsha"), await calls("get"), await calls("eval")];
    expect(all).toEqual([4, 4 + 1, 4, 0]);
  });

  it("is not complete for anybody before it has ended cleanly, though all bytes are there", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending } = a.send();
    source.push(WHOLE);
    const reader = reading(has(await b.arrivals.follow(await told)));
    await reader.has(3000);
    await redis.command("PING");
    expect([reader.all().length, (await chunks()).length]).toEqual([3000, 3]);
    source.fail();
    expect([await reader.ended, await sending.sent]).toEqual(["broken", undefined]);
    expect(reader.all().length).toBe(3000);
    expect(await keys(`${BASE}*`)).toEqual([]);
  });

  it.each([
    ["longer than its head says", WHOLE.length - 1],
    ["shorter than its head says", WHOLE.length + 1],
  ])("is broken when it is %s", async (_, bodyLength) => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending } = a.send({ bodyLength });
    source.push(WHOLE.subarray(0, 1500));
    const reader = reading(has(await b.arrivals.follow(await told)));
    source.push(WHOLE.subarray(1500)).end();
    expect([await reader.ended, await sending.sent]).toEqual(["broken", undefined]);
    expect(reader.all().length).toBeLessThan(bodyLength);
  });

  it("is not sent where it is no longer than a chunk, or is closed", async () => {
    const a = await instance("a");
    const body = {
      read: () => {
        throw new Error("it was read");
      },
    };
    const outgoing = { key: KEY, origin: "", body, tell: () => {} };
    const short = { ...STORED, bodyLength: CHUNK };
    expect(a.arrivals.send({ ...outgoing, stored: short })).toBeUndefined();
    await a.arrivals.close();
    expect(a.arrivals.send({ ...outgoing, stored: STORED })).toBeUndefined();
  });

  it("of a variant, lies beside that variant's entry", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending, stored } = a.send({ selectingFields: { coding: "br" } });
    source.push(WHOLE).end();
    expect(has(await b.arrivals.follow(await told)).stored).toEqual(stored);
    await a.store.put(KEY, { stored, body: WHOLE }, await sending.sent);
    expect((await b.store.lookup(KEY, ["Coding", "br"])).type).toBe("found");
  });

  it("is read no faster than it is taken", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    await redis.command("CONFIG", "RESETSTAT");
    const { source, told, sending } = a.send();
    source.push(WHOLE).end();
    const { body } = has(await b.arrivals.follow(await told));
    await sending.sent;
    expect(await calls("get")).toBe(1);
    const pieces = body[Symbol.asyncIterator]();
    await pieces.next();
    expect(await calls("get")).toBe(1);
    await pieces.next();
    expect(await calls("get")).toBe(2);
    await pieces.return?.();
  });
});

describe("a sender", () => {
  it("that pauses says that it is there, for as long as that takes, and keeps every chunk", async () => {
    const short = { ttlMs: 2000, graceMs: 2500 };
    const [a, b] = [await instance("a", short), await instance("b", short)];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 2500));
    const reader = reading(has(await b.arrivals.follow(await told)));
    await reader.has(2000);
    const startedAt = performance.now();
    await until("several of its lives have passed", () => performance.now() - startedAt > 4500);
    const late = reading(has(await b.arrivals.follow(await told)));
    source.push(WHOLE.subarray(2500)).end();
    for (const each of [reader, late]) {
      expect(await each.ended).toBe("whole");
      expect(each.all().equals(WHOLE)).toBe(true);
    }
  });

  it("that is gone without a word is noticed, and leaves no key without an end", async () => {
    const [a, b] = [await instance("a", { ttlMs: 2000 }), await instance("b", { ttlMs: 2000 })];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 2500));
    const at = await told;
    const reader = reading(has(await b.arrivals.follow(at)));
    await reader.has(2000);
    for (const key of await keys(`${BASE}*`)) expect(await redis.command("PTTL", key)).not.toBe(-1);
    await a.connection.close();
    const startedAt = performance.now();
    expect(await reader.ended).toBe("broken");
    expect(performance.now() - startedAt).toBeLessThan(2000 + 2700);
    expect(reader.all().equals(WHOLE.subarray(0, 2000))).toBe(true);
    await until("it cannot be had", async () => (await b.arrivals.follow(at)) === undefined);
  });

  it("that is gone is noticed, whatever the clock of Redis has added to the life of its record", async () => {
    const [a, b] = [await instance("a", { ttlMs: 2000 }), await instance("b", { ttlMs: 2000 })];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const at = await told;
    const reader = reading(has(await b.arrivals.follow(at)));
    await reader.has(1000);
    await a.connection.close();
    await redis.command("PEXPIRE", at, 3_600_000);
    expect(await reader.ended).toBe("broken");
  });

  it("that closes breaks it off at once", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending } = a.send();
    source.push(WHOLE.subarray(0, 2500));
    const reader = reading(has(await b.arrivals.follow(await told)));
    await reader.has(2000);
    await a.arrivals.close();
    expect([await reader.ended, await sending.sent, source.returned]).toEqual(["broken", undefined, true]);
  });

  it("whose body is not kept goes on for those who read it, and ends where nobody does", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const read = a.send();
    read.source.push(WHOLE.subarray(0, 1500));
    const reader = reading(has(await b.arrivals.follow(await read.told)));
    read.sending.unkept();
    const unread = a.send();
    unread.source.push(WHOLE.subarray(0, 1500));
    await unread.told;
    unread.sending.unkept();
    expect([await unread.sending.sent, unread.source.returned]).toEqual([undefined, true]);
    read.source.push(WHOLE.subarray(1500)).end();
    expect(await reader.ended).toBe("whole");
    const unbegun = a.send();
    unbegun.sending.unkept();
    expect(await unbegun.sending.sent).toBeUndefined();
  });

  it("waits for a Redis that is away where somebody reads it, and gives up where nobody does", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const read = a.send();
    read.source.push(WHOLE.subarray(0, 1500));
    const reader = reading(has(await b.arrivals.follow(await read.told)));
    read.source.push(WHOLE.subarray(1500, 2500));
    await reader.has(2000);
    const unread = a.send();
    unread.source.push(WHOLE.subarray(0, 1500));
    await unread.told;
    await redis.command("CLIENT", "PAUSE", "1200", "ALL");
    for (const { source } of [read, unread]) source.push(WHOLE.subarray(2500)).end();
    expect(await unread.sending.sent).toBeUndefined();
    expect(await read.sending.sent).toMatchObject({ record: expect.stringMatching(/^FL2c /) });
    expect(await reader.ended).toBe("whole");
    expect(a.events.of("store-failed")).toMatchObject([{ operation: "put" }]);
  });

  it("whose Redis is full breaks it off at once, and frees what there is of it", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending } = a.send();
    source.push(WHOLE.subarray(0, 2500));
    const reader = reading(has(await b.arrivals.follow(await told)));
    await reader.has(2000);
    await redis.command("CONFIG", "SET", "maxmemory", "1");
    source.push(WHOLE.subarray(2500)).end();
    expect([await reader.ended, await sending.sent]).toEqual(["broken", undefined]);
    expect(a.events.of("store-failed")).toMatchObject([{ operation: "put", code: "refused" }]);
    expect(await keys(`${BASE}*`)).toEqual([]);
  });

  it("of which Redis has forgotten everything stops, and the body is stored as a whole", async () => {
    const a = await instance("a");
    const { source, told, sending } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    await told;
    await redis.command("FLUSHALL");
    source.push(WHOLE.subarray(1500)).end();
    expect(await sending.sent).toBeUndefined();
    expect(await keys(`${BASE}*`)).toEqual([]);
  });

  it("whose chunks are gone in the end has the body stored anew", async () => {
    const a = await instance("a");
    const { source, sending } = a.send();
    source.push(WHOLE).end();
    const sent = await sending.sent;
    const [gone = ""] = await chunks();
    await redis.command("DEL", gone);
    await a.store.put(KEY, entryOf(WHOLE, STORED), sent);
    const found = await a.store.lookup(KEY, []);
    expect(found.type === "found" && found.entry.body.length).toBe(WHOLE.length);
  });
});

describe("who reads it", () => {
  it("has lost messages: it asks once more, and goes on", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const reader = reading(has(await b.arrivals.follow(await told)));
    await reader.has(1000);
    const pubsub = String(await redis.command("CLIENT", "LIST", "TYPE", "PUBSUB"));
    expect(pubsub.trim().split("\n")).toHaveLength(2);
    await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    source.push(WHOLE.subarray(1500)).end();
    expect(await reader.ended).toBe("whole");
    expect(reader.all().equals(WHOLE)).toBe(true);
  });

  it("leaves: nothing more is read, and nothing is waited for", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const { body, over } = has(await b.arrivals.follow(await told));
    const pieces = body[Symbol.asyncIterator]();
    await pieces.next();
    const next = pieces.next().catch(() => "broken");
    await pieces.return?.();
    expect([await next, await over, b.arrivals.size]).toEqual(["broken", false, 0]);
  });

  it.each([
    ["gone", async (key: string) => redis.command("DEL", key)],
    ["damaged", async (key: string) => redis.command("SETRANGE", key, 500, "spoilt")],
    ["another", async (key: string) => redis.command("COPY", key.replace(/2$/, "1"), key, "REPLACE")],
    [
      "of another type",
      async (key: string) => redis.command("DEL", key).then(() => redis.command("LPUSH", key, "x")),
    ],
  ])("comes to a chunk that is %s: it is told, and has no byte of it", async (_, damage) => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending } = a.send();
    source.push(WHOLE).end();
    const arrival = has(await b.arrivals.follow(await told));
    await sending.sent;
    await damage((await chunks())[2] as string);
    const reader = reading(arrival);
    expect(await reader.ended).toBe("broken");
    expect(reader.all().equals(WHOLE.subarray(0, 2000))).toBe(true);
    expect(b.events.of("foreign-value")).toMatchObject([{ key: KEY }]);
  });

  it("has not the last of it where the whole is not what was sent", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told, sending } = a.send();
    source.push(WHOLE).end();
    await sending.sent;
    const at = await told;
    await redis.command("HSET", at, "checksum", "1");
    const reader = reading(has(await b.arrivals.follow(at)));
    expect(await reader.ended).toBe("broken");
    expect(reader.all().equals(WHOLE.subarray(0, 3000))).toBe(true);
    expect(b.events.of("foreign-value")).toMatchObject([{ key: KEY }]);
  });

  it("has it only where it is what it says, and hears of it", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const at = await told;
    const copy = at.replace(/[0-9a-f]{32}/, "0".repeat(32));
    await redis.command("COPY", at, copy);
    for (const other of [copy, `${BASE}:arriving`, BASE, "x", ""])
      expect(await b.arrivals.follow(other)).toBeUndefined();
    await redis.command("HSET", copy, "head", "FL2e00000000[]");
    expect(await b.arrivals.follow(copy)).toBeUndefined();
    await redis.command("SET", copy, "x");
    expect(await b.arrivals.follow(copy)).toBeUndefined();
    expect(b.arrivals.size).toBe(0);
    has(await b.arrivals.follow(at));
    await b.arrivals.close();
    expect(await b.arrivals.follow(at)).toBeUndefined();
  });

  it("is not misled by messages of others on its channel", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const at = await told;
    const reader = reading(has(await b.arrivals.follow(at)));
    const odd = [
      "",
      "{",
      "null",
      "[]",
      "[1]",
      '["x"]',
      JSON.stringify([at, -1, null]),
      JSON.stringify([at, "1", 2]),
    ];
    for (const message of odd) await redis.command("PUBLISH", "freshline:arriving:b", message);
    source.push(WHOLE.subarray(1500)).end();
    expect(await reader.ended).toBe("whole");
    expect(reader.all().equals(WHOLE)).toBe(true);
  });

  it("is not more than a thousand at once", async () => {
    const [a, b] = [await instance("a"), await instance("b")];
    const { source, told } = a.send();
    source.push(WHOLE.subarray(0, 1500));
    const at = await told;
    const all = await Promise.all(Array.from({ length: 1010 }, () => b.arrivals.follow(at)));
    expect(all.filter((arrival) => arrival !== undefined)).toHaveLength(1000);
    expect(b.arrivals.size).toBe(1000);
  });
});

it("in a Cluster, whichever node has the chunks, who reads them is told", async () => {
  const cluster = await keep(startCluster(3));
  const [a, b] = [await instance("a", {}, cluster.url), await instance("b", {}, cluster.url)];
  await until("every node is reached", () => [a, b].every(({ connection }) => connection.up()));
  const keys = Array.from({ length: 9 }, (_, i) => `http://shop.test/${i}`);
  const thirds = keys.map((key) => Math.floor(slotOf(`freshline:{${key}}`) / (SLOTS / 3)));
  expect(new Set(thirds).size).toBe(3);
  await Promise.all(
    keys.map(async (key) => {
      const { source, told, sending, stored } = a.send({ uri: key }, key);
      source.push(WHOLE.subarray(0, 1500));
      const reader = reading(has(await b.arrivals.follow(await told)));
      await reader.has(1000);
      source.push(WHOLE.subarray(1500)).end();
      expect(await reader.ended).toBe("whole");
      expect(reader.all().equals(WHOLE)).toBe(true);
      await a.store.put(key, { stored, body: WHOLE }, await sending.sent);
      expect((await b.store.lookup(key, [])).type).toBe("found");
    }),
  );
});
