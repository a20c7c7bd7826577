import { beforeEach, describe, expect, it } from "vitest";
import { type ChunkedBody, readBytes } from "../../src/cache/ports/body.ts";
import { type Entry, StoreError } from "../../src/cache/ports/store.ts";
import { divide, parseChunks } from "../../src/store/chunks.ts";
import { bodyChecksum } from "../../src/store/codec.ts";
import { RedisStore, type RedisStoreOptions } from "../../src/store/redis.ts";
import { until } from "../until.ts";
import { connect, redisOfFile } from "./own-redis.ts";
import { bytes, entryOf, KEY, sampleEntry, T0, testClock } from "./sample.ts";

const { redis, connection, log } = await redisOfFile();

const CHUNK = 1000;
const GRACE = 60_000;
const BASE = `freshline:{${KEY}}`;
const OTHER = "http://example.test/other";
/** Four chunks, the last of one byte. */
const WHOLE = Buffer.from(bytes(3 * CHUNK + 1));

let store: RedisStore;
let clock: ReturnType<typeof testClock>;
const open = (options: Partial<RedisStoreOptions> = {}) =>
  new RedisStore({
    connection,
    now: clock.now,
    emit: log.emit,
    chunkBytes: CHUNK,
    graceMs: GRACE,
    ...options,
  });
beforeEach(async () => {
  await redis.command("FLUSHALL");
  log.events.length = 0;
  clock = testClock();
  store = open();
});

const keys = async (pattern = "*") => ((await redis.command("KEYS", pattern)) as string[]).sort();
const ttl = async (key: string) => (await redis.command("PTTL", key)) as number;
const ttls = async (pattern: string) => Promise.all((await keys(pattern)).map(ttl));
/** The key of a chunk of the entry that is stored under the base key now, or under another hash. */
async function chunk(index: number, name = BASE): Promise<string> {
  const field = (await redis.command("HGET", name, "body")) as string;
  return `${name}:${field.split(" ")[1]}:${index}`;
}
async function found(request: string[] = []): Promise<Entry> {
  const lookup = await store.lookup(KEY, request);
  if (lookup.type === "none") throw new Error("not found");
  return lookup.entry;
}
const missed = async () => (await store.lookup(KEY, [])).type === "none";
const chunked = (entry: Entry): ChunkedBody => {
  if (entry.body instanceof Uint8Array) throw new Error("not in chunks");
  return entry.body;
};
const calls = async (command: string) => {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
};

describe("a body longer than a chunk", () => {
  it("lies beside its entry, in values no longer than a chunk, readable for people", async () => {
    await store.put(KEY, entryOf(WHOLE));
    const field = (await redis.command("HGET", BASE, "body")) as string;
    const [, id] = /^FL2c ([0-9a-f]{32}) 1000 4$/.exec(field) ?? [];
    expect(await keys()).toEqual([BASE, ...[0, 1, 2, 3].map((n) => `${BASE}:${id}:${n}`)]);
    const lengths = await Promise.all([0, 1, 2, 3].map(async (n) => redis.command("STRLEN", await chunk(n))));
    expect(lengths).toEqual([1004, 1004, 1004, 5]);
  });

  it("is kept a little longer than its entry, for those who read it, every chunk of it", async () => {
    await store.put(KEY, entryOf(WHOLE));
    expect(await ttl(BASE)).toBeLessThanOrEqual(120_000);
    for (const left of await ttls(`${BASE}:*`)) {
      expect(left).toBeGreaterThan(118_000 + GRACE);
      expect(left).toBeLessThanOrEqual(120_000 + GRACE);
    }
  });

  it("leaves Redis empty when it is over", async () => {
    store = open({ chunkBytes: 100_000, graceMs: 2000 });
    const used = async () =>
      Number(/used_memory:(\d+)/.exec(String(await redis.command("INFO", "memory")))?.[1]);
    await store.put(OTHER, entryOf(bytes(1_000_000), { uri: OTHER, freshnessLifetime: 0.1, keep: 0 }));
    await redis.command("FLUSHALL");
    const before = await used();
    await store.put(KEY, entryOf(bytes(10_000_000), { freshnessLifetime: 0.5, keep: 0 }));
    expect((await used()) - before).toBeGreaterThan(10_000_000);
    await until("everything has expired", async () => (await redis.command("DBSIZE")) === 0);
    await until("the memory is free", async () => (await used()) - before < 1_000_000);
  });

  it("is read in chunks, and of a range only those that it touches", async () => {
    await store.put(KEY, entryOf(WHOLE));
    await redis.command("CONFIG", "RESETSTAT");
    const body = chunked(await found());
    expect([await calls("hmget"), await calls("evalsha"), await calls("get")]).toEqual([1, 1, 0]);
    const reads = async (first: number, last: number) => {
      await redis.command("CONFIG", "RESETSTAT");
      expect(WHOLE.subarray(first, last + 1).equals(await readBytes(body, first, last))).toBe(true);
      return calls("get");
    };
    expect(await reads(0, 0)).toBe(1);
    expect(await reads(CHUNK - 1, CHUNK)).toBe(2);
    expect(await reads(CHUNK, 2 * CHUNK - 1)).toBe(1);
    expect(await reads(3 * CHUNK, 3 * CHUNK)).toBe(1);
    expect(await reads(0, 3 * CHUNK)).toBe(4);
  });

  it("has no more of its chunks on their way at once than make up a MiB, however many read it", async () => {
    store = open({ chunkBytes: 300_000 });
    await store.put(KEY, entryOf(bytes(3_000_000)));
    const run = connection.run.bind(connection);
    let [underWay, most] = [0, 0];
    const counting = Object.assign(Object.create(connection), {
      fields: connection.fields.bind(connection),
      run: async (...args: Parameters<typeof run>) => {
        most = Math.max(most, ++underWay);
        try {
          return await run(...args);
        } finally {
          underWay--;
        }
      },
    });
    store = open({ chunkBytes: 300_000, connection: counting });
    const body = chunked(await found());
    most = 0;
    const read = await Promise.all(Array.from({ length: 20 }, () => readBytes(body)));
    expect(read.every((whole) => whole.length === 3_000_000)).toBe(true);
    expect(most).toBe(3);
  });

  it("is read no faster than it is taken", async () => {
    store = open({ chunkBytes: 200_000 });
    await store.put(KEY, entryOf(bytes(1_000_000)));
    await redis.command("CONFIG", "RESETSTAT");
    const reader = chunked(await found())
      .read(0, 999_999)
      [Symbol.asyncIterator]();
    for (let taken = 0; taken < 200_000; ) taken += (await reader.next()).value?.length ?? Number.NaN;
    expect(await calls("get")).toBe(1);
    await reader.next();
    expect(await calls("get")).toBe(2);
    await reader.return?.();
  });

  it("is another one each time that it is written, whatever its content", async () => {
    await store.put(KEY, entryOf(WHOLE));
    const first = await chunk(0);
    await store.put(KEY, entryOf(WHOLE));
    expect(await chunk(0)).not.toBe(first);
  });

  it("lies beside each variant", async () => {
    for (const coding of ["gzip", "br"])
      await store.put(KEY, entryOf(Buffer.from(bytes(2500, coding.length)), { selectingFields: { coding } }));
    for (const coding of ["gzip", "br"]) {
      const read = await readBytes((await found(["Coding", coding])).body);
      expect(Buffer.from(bytes(2500, coding.length)).equals(read)).toBe(true);
    }
    expect(await keys(`${BASE}:*:*:*`)).toHaveLength(6);
  });

  it("has a bounded number of chunks, and a record that says no other", () => {
    const chunks = divide(512 * 1024 * 1024, 16 * 1024);
    expect([chunks.count, chunks.chunkBytes]).toEqual([2048, 256 * 1024]);
    const parse = (record: string) => parseChunks(Buffer.from(record), 3001);
    const id = "0123456789abcdef".repeat(2);
    expect(parse(`FL2c ${id} 1000 4`)).toEqual({ id, chunkBytes: 1000, count: 4 });
    const others = [`1000 3`, `1000 5`, `0 4`, `1000`, `1000 4 `, `-1000 4`, `9999999999 1`, `99999999 1`];
    for (const other of others) expect(parse(`FL2c ${id} ${other}`)).toBeUndefined();
    expect(parseChunks(Buffer.from(`FL2c ${id} 1 3001`), 3001)).toBeUndefined();
    expect(parse(`FL3c ${id} 1000 4`)).toBeUndefined();
  });

  it("that looks like the record of another's chunks is a body like any other", async () => {
    await store.put(KEY, entryOf(WHOLE));
    const record = Buffer.from((await redis.command("HGET", BASE, "body")) as string);
    await store.put(KEY, entryOf(record));
    expect(record.equals((await found()).body as Uint8Array)).toBe(true);
    await store.freshen(KEY, entryOf(record, { epoch: 9 }));
    expect(record.equals((await found()).body as Uint8Array)).toBe(true);
  });
});

describe("chunks that are not as they were written", () => {
  const flip = async (key: string) => {
    const byte = (await redis.command("GETRANGE", key, 500, 500)) as string;
    await redis.command("SETRANGE", key, 500, byte === "x" ? "y" : "x");
  };
  const swap = async (a: string, b: string) => {
    await redis.command("RENAME", a, `${BASE}:swap`);
    await redis.command("RENAME", b, a);
    await redis.command("RENAME", `${BASE}:swap`, b);
  };
  const missing: [string, number, (key: string) => Promise<unknown>][] = [
    ["the first is deleted", 0, (key) => redis.command("DEL", key)],
    ["a later one is deleted", 2, (key) => redis.command("DEL", key)],
    ["one is truncated", 1, async (key) => redis.command("SET", key, "short", "KEEPTTL")],
    [
      "one is of another type",
      1,
      (key) => redis.command("DEL", key).then(() => redis.command("RPUSH", key, "x")),
    ],
    ["the last is longer", 3, (key) => redis.command("APPEND", key, "x")],
  ];
  const foreign: [string, number, (key: string) => Promise<unknown>][] = [
    ["two are swapped", 1, async (key) => swap(key, await chunk(2))],
    ["a bit is flipped", 2, flip],
    [
      "one is the same chunk of another body",
      1,
      async (key) => {
        await store.put(OTHER, entryOf(WHOLE, { uri: OTHER }));
        await redis.command("COPY", await chunk(1, `freshline:{${OTHER}}`), key, "REPLACE");
      },
    ],
  ];

  it.each(missing)("are a miss, told and put anew: %s", async (_, index, damage) => {
    await store.put(KEY, entryOf(WHOLE));
    await damage(await chunk(index));
    expect(await missed()).toBe(true);
    expect(log.of("foreign-value")).toEqual([
      { type: "foreign-value", key: KEY, detail: "a body that lacks chunks" },
    ]);
    await store.put(KEY, entryOf(WHOLE));
    expect(WHOLE.equals(await readBytes((await found()).body))).toBe(true);
  });

  it.each([...missing, ...foreign])(
    "break off the reader who comes to them, and the next one misses: %s",
    async (_, index, damage) => {
      await store.put(KEY, entryOf(WHOLE));
      const body = chunked(await found());
      await damage(await chunk(index));
      const read: Uint8Array[] = [];
      const failure = await (async () => {
        for await (const piece of body.read(0, WHOLE.length - 1)) read.push(piece);
      })().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreError);
      // What was given before is right.
      const given = Buffer.concat(read);
      expect(given.equals(WHOLE.subarray(0, index * CHUNK))).toBe(true);
      expect(log.of("foreign-value")).toHaveLength(1);
      await until("the entry is dropped", async () => (await redis.command("EXISTS", BASE)) === 0);
      expect(await missed()).toBe(true);
      for (const left of await ttls(`${BASE}:*:*`)) expect(left).toBeLessThanOrEqual(GRACE);
    },
  );

  it("do not drop what has replaced them", async () => {
    await store.put(KEY, entryOf(WHOLE));
    const body = chunked(await found());
    await redis.command("DEL", await chunk(0));
    await store.put(KEY, entryOf(WHOLE));
    await expect(readBytes(body)).rejects.toThrow(StoreError);
    await connection.run((client) => client.ping());
    expect(WHOLE.equals(await readBytes((await found()).body))).toBe(true);
  });

  it("are told as a failure of Redis when it does not answer, and the entry stays", async () => {
    const { connection: other } = connect(redis.url, { emit: log.emit, commandTimeoutMs: 200 });
    await until("Redis is connected", () => other.up());
    store = open({ connection: other });
    await store.put(KEY, entryOf(WHOLE));
    const body = chunked(await found());
    await other.close();
    await expect(readBytes(body)).rejects.toMatchObject({ code: "unavailable" });
    expect(log.of("store-failed")).toMatchObject([{ tier: "redis", operation: "read", code: "unavailable" }]);
    expect(await redis.command("EXISTS", BASE)).toBe(1);
  });
});

describe("a Redis that is away for a moment", () => {
  it("is waited for by a reader who has patience, and by no other", async () => {
    const { connection: other } = connect(redis.url, { emit: log.emit, commandTimeoutMs: 100 });
    await until("Redis is connected", () => other.up());
    store = open({ connection: other });
    await store.put(KEY, entryOf(WHOLE));
    const body = chunked(await found());
    await redis.command("CLIENT", "PAUSE", "400", "ALL");
    const patient = (async () => {
      const read: Uint8Array[] = [];
      for await (const piece of body.read(0, WHOLE.length - 1, 20_000)) read.push(piece);
      return Buffer.concat(read);
    })();
    await expect(readBytes(body)).rejects.toMatchObject({ code: "timeout" });
    expect(WHOLE.equals(await patient)).toBe(true);
    expect(log.of("store-failed")).toHaveLength(1);
  });
});

describe("the reader of a body", () => {
  it.each([
    ["replaced", () => store.put(KEY, entryOf(bytes(5000, 2)))],
    ["replaced by a short one", () => store.put(KEY, sampleEntry("short"))],
    ["dropped", () => store.drop({ type: "url", key: KEY })],
    ["divided", () => store.put(KEY, entryOf(bytes(5000, 2), { selectingFields: { coding: "br" } }))],
    ["stored as one that is over", () => store.put(KEY, entryOf(WHOLE, { responseTime: T0 - 200_000 }))],
  ])("may go on when it is %s, for a while, and gets no byte of another", async (_, change) => {
    await store.put(KEY, entryOf(WHOLE));
    const old = (await chunk(0)).slice(0, -1);
    const body = chunked(await found());
    const reader = body.read(0, WHOLE.length - 1)[Symbol.asyncIterator]();
    const read: Uint8Array[] = [(await reader.next()).value as Uint8Array];
    await change();
    for (const left of await ttls(`${old}*`)) {
      expect(left).toBeGreaterThan(GRACE - 2000);
      expect(left).toBeLessThanOrEqual(GRACE);
    }
    for (let next = await reader.next(); next.done !== true; next = await reader.next())
      read.push(next.value);
    expect(WHOLE.equals(Buffer.concat(read))).toBe(true);
  });

  it("breaks off cleanly when it is slower than that", async () => {
    store = open({ graceMs: 50 });
    await store.put(KEY, entryOf(WHOLE));
    const gone = await chunk(3);
    const reader = chunked(await found())
      .read(0, WHOLE.length - 1)
      [Symbol.asyncIterator]();
    await reader.next();
    await store.put(KEY, entryOf(bytes(5000, 2)));
    await until("the old chunks are gone", async () => (await redis.command("EXISTS", gone)) === 0);
    await expect(reader.next()).rejects.toThrow(StoreError);
    expect((await readBytes((await found()).body)).length).toBe(5000);
  });
});

describe("a variant that is one too many", () => {
  it("leaves no chunk behind that stays", async () => {
    for (let i = 0; i < 33; i++)
      await store.put(
        KEY,
        entryOf(bytes(1500, i), { selectingFields: { who: `${i}` }, responseTime: T0 + i }),
      );
    const left = await ttls(`${BASE}:*:*:*`);
    expect(left.filter((ms) => ms <= GRACE)).toHaveLength(2);
    expect(left.filter((ms) => ms > GRACE)).toHaveLength(64);
    await store.put(KEY, sampleEntry("for all"));
    for (const ms of await ttls(`${BASE}:*`)) expect(ms).toBeLessThanOrEqual(GRACE);
  });
});

describe("a freshening", () => {
  const later = (body: Entry["body"]) =>
    entryOf(body as Uint8Array, { responseTime: T0 + 100_000, epoch: 9 });

  it.each([
    ["that is here", async () => WHOLE],
    ["that lies in Redis", async () => (await found()).body],
  ])("of a body %s prolongs its chunks, which are not sent again", async (_, bodyOf) => {
    await store.put(KEY, entryOf(WHOLE));
    const before = await chunk(0);
    const body = await bodyOf();
    await redis.command("CONFIG", "RESETSTAT");
    await store.freshen(KEY, later(body));
    expect([await calls("evalsha"), await calls("set"), await calls("get")]).toEqual([1, 0, 0]);
    expect(await chunk(0)).toBe(before);
    for (const left of await ttls(`${BASE}:*`)) expect(left).toBeGreaterThan(218_000 + GRACE);
    clock.advance(150);
    expect(WHOLE.equals(await readBytes((await found()).body))).toBe(true);
  });

  it("of a body that lacks a chunk puts it again", async () => {
    await store.put(KEY, entryOf(WHOLE));
    await redis.command("DEL", await chunk(2));
    await store.freshen(KEY, later(WHOLE));
    clock.advance(150);
    expect(WHOLE.equals(await readBytes((await found()).body))).toBe(true);
  });

  it("of a body that lacks a chunk, and is nowhere else, is refused, and the next is a miss", async () => {
    await store.put(KEY, entryOf(WHOLE));
    const { body } = await found();
    await redis.command("DEL", await chunk(2));
    await expect(store.freshen(KEY, later(body))).rejects.toThrow(StoreError);
    expect(await missed()).toBe(true);
  });

  it("of a body whose entry was dropped puts it from what readers may still have", async () => {
    await store.put(KEY, entryOf(WHOLE));
    const { body } = await found();
    await store.drop({ type: "url", key: KEY });
    await store.freshen(KEY, later(body));
    expect(WHOLE.equals(await readBytes((await found()).body))).toBe(true);
  });
});

describe("a put that does not come to its end", () => {
  it("stores nothing when a chunk is gone before the last is written, and leaves what was there", async () => {
    await store.put(KEY, sampleEntry("old"));
    const body: ChunkedBody = {
      length: WHOLE.length,
      checksum: bodyChecksum(WHOLE),
      async *read(first, last) {
        if (first > 0) for (const key of await keys(`${BASE}:*:0`)) await redis.command("DEL", key);
        yield WHOLE.subarray(first, last + 1);
      },
    };
    const { stored } = entryOf(WHOLE);
    await expect(store.put(KEY, { stored, body })).rejects.toMatchObject({ code: "refused" });
    expect(Buffer.from((await found()).body as Uint8Array).toString()).toBe("old");
    for (const left of await ttls(`${BASE}:*`)) {
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(GRACE);
    }
  });

  it("leaves chunks that end by themselves when Redis has no room for the others", async () => {
    const body: ChunkedBody = {
      length: WHOLE.length,
      checksum: bodyChecksum(WHOLE),
      async *read(first, last) {
        if (first === 2 * CHUNK) await redis.command("CONFIG", "SET", "maxmemory", "1");
        yield WHOLE.subarray(first, last + 1);
      },
    };
    const failure = await store.put(KEY, { ...entryOf(WHOLE), body }).catch((error: unknown) => error);
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    expect(failure).toMatchObject({ code: "refused", message: expect.stringContaining("OOM") });
    expect(await keys()).toHaveLength(2);
    for (const left of await ttls("*")) {
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(GRACE);
    }
    expect(await missed()).toBe(true);
  });

  it("counts all of a body that is here among the bytes on their way", async () => {
    store = open({ maxPendingBytes: 5000 });
    const puts = [1, 2].map((n) => store.put(`${KEY}${n}`, entryOf(WHOLE, { uri: `${KEY}${n}` })));
    expect((await Promise.allSettled(puts)).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });
});
