import { describe, expect, it } from "vitest";
import { readBytes } from "../../src/cache/ports/body.ts";
import { type Lookup, type Store, StoreError } from "../../src/cache/ports/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { RedisStore } from "../../src/store/redis.ts";
import { TieredStore } from "../../src/store/tiered.ts";
import { until } from "../until.ts";
import { storeContract } from "./contract.ts";
import { redisOfFile } from "./own-redis.ts";
import { bytes, entryOf, eventLog, KEY, sampleEntry, T0, testClock, textOf } from "./sample.ts";

const { redis, connection, log } = await redisOfFile();

const redisStore = (now: () => number) => new RedisStore({ connection, now, emit: log.emit });

storeContract("TieredStore", async ({ now }) => {
  await redis.command("FLUSHALL");
  const memory = new MemoryStore({ capacity: 8 * 1024 * 1024, now });
  return new TieredStore({ memory, redis: redisStore(now), now, emit: log.emit });
});

storeContract(
  "TieredStore without Redis",
  async ({ now }) => {
    const memory = new MemoryStore({ capacity: 8 * 1024 * 1024, now });
    return new TieredStore({ memory, now, emit: log.emit });
  },
  1024 * 1024,
);

storeContract("TieredStore without memory", async ({ now }) => {
  await redis.command("FLUSHALL");
  const memory = new MemoryStore({ capacity: 0, now });
  return new TieredStore({ memory, redis: redisStore(now), now, emit: log.emit });
});

/** One instance over the shared Redis, whose reads can be held up and whose commands can be made to fail. */
function instance(clock = testClock()) {
  const purgedTags = new Set<string>();
  const memory = new MemoryStore({ capacity: 1e6, now: clock.now });
  const real = redisStore(clock.now);
  const gate: { reads: number; answered: number; hold?: Promise<void>; failure?: StoreError } = {
    reads: 0,
    answered: 0,
  };
  const fail = () => {
    if (gate.failure !== undefined) throw gate.failure;
  };
  const watched: Store = {
    async lookup(key, request) {
      gate.reads++;
      fail();
      const found = await real.lookup(key, request);
      gate.answered++;
      await gate.hold;
      return found;
    },
    async inspect(key) {
      fail();
      return real.inspect(key);
    },
    async put(key, entry) {
      fail();
      await real.put(key, entry);
    },
    async freshen(key, entry) {
      fail();
      await real.freshen(key, entry);
    },
    drop: (target) => real.drop(target),
    close: () => real.close(),
  };
  const events = eventLog();
  const own = { heldBack: false };
  return Object.assign(own, {
    clock,
    memory,
    gate,
    events,
    purgedTags,
    store: new TieredStore({
      memory,
      redis: watched,
      ...clock,
      emit: events.emit,
      purged: (_key, { tags }) => tags.some((tag) => purgedTags.has(tag)),
      heldBack: () => own.heldBack,
    }),
  });
}
/** Holds up every read until the returned function is called. */
function holdReads({ gate }: ReturnType<typeof instance>): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.hold = promise;
  return () => {
    delete gate.hold;
    resolve();
  };
}
const away = new StoreError("unavailable", "Redis is away");
const tierOf = (lookup: Lookup) => (lookup.type === "found" ? lookup.tier : lookup.fwd);

describe("two tiers", () => {
  it("answer a fresh hit in memory at once, without a promise and without Redis", async () => {
    const { store, gate } = instance();
    await store.put(KEY, sampleEntry("hello"));
    const found = store.lookup(KEY, []);
    expect(found).not.toBeInstanceOf(Promise);
    expect(tierOf(await found)).toBe("memory");
    expect(gate.reads).toBe(0);
  });

  it("neither give nor admit what is held back of Redis, and go on with what memory has", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("older, from elsewhere", { tags: ["held"] }));
    b.heldBack = true;
    for (let i = 0; i < 2; i++) expect(tierOf(await b.store.lookup(KEY, []))).toBe("uri-miss");
    b.heldBack = false;
    expect(tierOf(await b.store.lookup(KEY, []))).toBe("redis");
    b.heldBack = true;
    expect(tierOf(await b.store.lookup(KEY, []))).toBe("memory");
  });

  it("show what both have to those who only look, admit nothing for them, and do without Redis while it is away", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("hello"));
    const tiers = async (store: Store) => (await store.inspect(KEY)).map(({ tier }) => tier);
    expect(await tiers(a.store)).toEqual(["memory", "redis"]);
    expect(await tiers(b.store)).toEqual(["redis"]);
    expect(b.memory.stats().entries).toBe(0);
    a.gate.failure = away;
    expect(await tiers(a.store)).toEqual(["memory"]);
    expect(a.events.of("store-failed")).toHaveLength(1);
  });

  it("let a body's memory be used again only where one alone reads it, and memory does not keep it", async () => {
    await redis.command("FLUSHALL");
    const entry = entryOf(bytes(20_000));
    const [small, kept] = [1000, 1e6].map(
      (capacity) =>
        new TieredStore({
          memory: new MemoryStore({ capacity, ...testClock() }),
          redis: redisStore(testClock().now),
          ...testClock(),
          emit: log.emit,
        }),
    ) as [TieredStore, TieredStore];
    await small.put(KEY, entry);
    const look = async (store: TieredStore) => {
      const found = await store.lookup(KEY, []);
      if (found.type === "none") throw new Error("it is not there");
      expect(found.tier).toBe("redis");
      expect(Buffer.compare(await readBytes(found.entry.body), entry.body)).toBe(0);
      return found.giveBack !== undefined;
    };
    expect(await look(small)).toBe(true);
    expect(await Promise.all([look(small), look(small), look(small)])).toEqual([false, false, false]);
    expect(await look(small)).toBe(true);
    expect(await look(kept)).toBe(false);
  });

  it("admit to memory what Redis gave", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("hello"));
    expect(tierOf(await b.store.lookup(KEY, []))).toBe("redis");
    expect(tierOf(await b.store.lookup(KEY, []))).toBe("memory");
    expect(b.gate.reads).toBe(1);
  });

  it("let a newer response of another instance replace a stale copy", async () => {
    await redis.command("FLUSHALL");
    const clock = testClock();
    const [a, b] = [instance(clock), instance(clock)];
    await a.store.put(KEY, sampleEntry("old"));
    clock.advance(61);
    await b.store.put(KEY, sampleEntry("new", { responseTime: T0 + 61_000 }));
    const found = await a.store.lookup(KEY, []);
    expect(textOf(found)).toBe("new");
    expect(a.store.lookup(KEY, [])).not.toBeInstanceOf(Promise);
  });

  it("keep a stale copy when Redis has nothing newer, and ask once for all that wait", async () => {
    await redis.command("FLUSHALL");
    const one = instance();
    await one.store.put(KEY, sampleEntry("old"));
    one.clock.advance(61);
    const found = await Promise.all(Array.from({ length: 20 }, () => one.store.lookup(KEY, [])));
    expect(found.map(tierOf)).toEqual(Array(20).fill("memory"));
    expect(one.gate.reads).toBe(1);
  });

  it("keep a stale copy when Redis is away, and tell it", async () => {
    const one = instance();
    await one.store.put(KEY, sampleEntry("old"));
    one.clock.advance(61);
    one.gate.failure = away;
    expect(tierOf(await one.store.lookup(KEY, []))).toBe("memory");
    expect(one.events.of("store-failed")).toMatchObject([
      { tier: "redis", operation: "lookup", code: "unavailable" },
    ]);
  });

  it("give a waiting request only a newer response that its fields select", async () => {
    await redis.command("FLUSHALL");
    const clock = testClock();
    const [a, b] = [instance(clock), instance(clock)];
    await a.store.put(KEY, sampleEntry("old, for all"));
    clock.advance(61);
    const changes = { responseTime: T0 + 61_000, selectingFields: { "a-coding": "gzip" } };
    await b.store.put(KEY, sampleEntry("zipped", changes));
    const answers = await Promise.all([
      a.store.lookup(KEY, ["A-Coding", "gzip"]),
      a.store.lookup(KEY, ["A-Coding", "br"]),
    ]);
    expect(answers.map(textOf)).toEqual(["zipped", "old, for all"]);
  });

  it("reject with the failure of Redis when memory has nothing", async () => {
    const { store, gate } = instance();
    gate.failure = away;
    await expect(store.lookup("http://h/nothing", [])).rejects.toBe(away);
  });

  it("keep in memory what Redis refused, and say that it did", async () => {
    const { store, gate } = instance();
    gate.failure = away;
    await expect(store.put(KEY, sampleEntry("hello"))).rejects.toBe(away);
    expect(tierOf(await store.lookup(KEY, []))).toBe("memory");
    await expect(store.freshen(KEY, sampleEntry("hello", { epoch: 9 }))).rejects.toBe(away);
    const found = await store.lookup(KEY, []);
    expect(found.type === "found" && found.entry.stored.epoch).toBe(9);
  });

  it.each([
    ["a drop", (store: TieredStore) => store.drop({ type: "url", key: KEY })],
    ["a purge of that key", async (store: TieredStore) => store.forget({ type: "url", key: KEY })],
    ["a purge of everything", async (store: TieredStore) => store.forget({ type: "everything" })],
  ])("do not admit to memory what was read before %s", async (_name, purge) => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("old"));
    const release = holdReads(b);
    const reading = b.store.lookup(KEY, []);
    await until("Redis was asked", () => b.gate.reads === 1);
    await purge(b.store);
    release();
    await reading;
    expect(b.memory.stats().entries).toBe(0);
  });

  it("do not let an old read replace what was put meanwhile", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("old"));
    const release = holdReads(b);
    const reading = b.store.lookup(KEY, []);
    await until("Redis was asked", () => b.gate.reads === 1);
    await b.store.put(KEY, sampleEntry("new"));
    release();
    await reading;
    const found = await b.store.lookup(KEY, []);
    expect(textOf(found)).toBe("new");
  });

  it("admit again after a purge is over", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("old"));
    b.store.forget({ type: "url", key: KEY });
    await b.store.lookup(KEY, []);
    expect(b.memory.stats().entries).toBe(1);
  });

  it("bound the reads whose admission they watch over", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("hello"));
    const { promise, resolve } = Promise.withResolvers<Lookup>();
    b.gate.hold = promise.then(() => undefined);
    const crowd = Array.from({ length: 10_000 }, (_, i) => b.store.lookup(`http://h/${i}`, []));
    const late = b.store.lookup(KEY, []);
    const later = b.store.lookup(KEY, []);
    // Nor are they shared.
    expect(b.gate.reads).toBe(10_002);
    delete b.gate.hold;
    resolve({ type: "none", fwd: "uri-miss" });
    await Promise.all(crowd);
    expect([tierOf(await late), tierOf(await later)]).toEqual(["redis", "redis"]);
    expect(b.memory.stats().entries).toBe(0);
    await b.store.lookup(KEY, []);
    expect(b.memory.stats().entries).toBe(1);
  });

  it("know a resource that either of them knows", async () => {
    const { store } = instance();
    await store.put(KEY, sampleEntry("zipped", { selectingFields: { "a-coding": "gzip" } }));
    await redis.command("FLUSHALL");
    expect(tierOf(await store.lookup(KEY, []))).toBe("vary-miss");
  });

  it("drop from both", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("hello"));
    await a.store.drop({ type: "url", key: KEY });
    expect(tierOf(await a.store.lookup(KEY, []))).toBe("uri-miss");
    expect(tierOf(await b.store.lookup(KEY, []))).toBe("uri-miss");
  });
});

describe("many who need the same of Redis at once", () => {
  const zipped = { selectingFields: { "a-coding": "gzip" } };
  /** One instance before a Redis into which another has put these. */
  async function beside(...entries: ReturnType<typeof sampleEntry>[]) {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    for (const entry of entries) await a.store.put(KEY, entry);
    return { a, b };
  }
  const all = (store: TieredStore, requests: readonly string[][]) =>
    Promise.all(requests.map(async (request) => store.lookup(KEY, request)));

  it("read it once", async () => {
    const { b } = await beside(sampleEntry("hello"));
    const answers = await all(b.store, Array(1000).fill([]));
    expect(answers.map(textOf)).toEqual(Array(1000).fill("hello"));
    expect(b.gate.reads).toBe(1);
  });

  it("hear once that there is nothing", async () => {
    const { b } = await beside();
    expect((await all(b.store, Array(100).fill([]))).map(textOf)).toEqual(Array(100).fill("uri-miss"));
    expect(b.gate.reads).toBe(1);
    await b.store.lookup(KEY, []);
    expect(b.gate.reads).toBe(2);
  });

  it("get each the variant that is theirs, read once each", async () => {
    const names = ["gzip", "br", "zstd"];
    const variants = names.map((coding) => sampleEntry(coding, { selectingFields: { "a-coding": coding } }));
    const { b } = await beside(...variants);
    const codings = Array.from({ length: 300 }, (_, i) => names[i % 3] as string);
    const answers = await all(
      b.store,
      codings.map((coding) => ["A-Coding", coding]),
    );
    expect(answers.map(textOf)).toEqual(codings);
    expect(b.gate.reads).toBe(3);
  });

  it("look for themselves when nothing was stored for the first, or theirs is not there either", async () => {
    const { b } = await beside(sampleEntry("zipped", zipped));
    const answers = await all(b.store, [
      ["A-Coding", "br"],
      ["A-Coding", "gzip"],
      ["A-Coding", "zstd"],
    ]);
    expect(answers.map(textOf)).toEqual(["vary-miss", "zipped", "vary-miss"]);
  });

  it("fail together, and the next tries again", async () => {
    const { b } = await beside(sampleEntry("hello"));
    b.gate.failure = away;
    const answers = await Promise.allSettled(Array.from({ length: 20 }, async () => b.store.lookup(KEY, [])));
    expect(answers).toEqual(Array(20).fill({ status: "rejected", reason: away }));
    expect(b.gate.reads).toBe(1);
    delete b.gate.failure;
    expect(textOf(await b.store.lookup(KEY, []))).toBe("hello");
  });

  it.each([
    ["a put", (b: TieredStore) => b.put(KEY, sampleEntry("x".repeat(200_000), { responseTime: T0 + 1 }))],
    ["a purge of that key", async (b: TieredStore) => b.forget({ type: "url", key: KEY })],
    ["a purge of a group", async (b: TieredStore) => b.forget({ type: "tag", tag: "g" })],
  ])("do not wait for what was read before %s", async (what, happens) => {
    const { a, b } = await beside(sampleEntry("old"));
    const release = holdReads(b);
    const before = b.store.lookup(KEY, []);
    await until("Redis has answered", async () => b.gate.answered === 1);
    await happens(b.store);
    if (what !== "a put") await a.store.put(KEY, sampleEntry("new", { responseTime: T0 + 1 }));
    const after = [b.store.lookup(KEY, []), b.store.lookup(KEY, [])];
    release();
    expect(textOf(await before)).toBe("old");
    for (const found of await Promise.all(after)) expect(textOf(found)).toMatch(/^(new|x{200000})$/);
    expect(b.gate.reads).toBe(2);
  });
});

describe("a copy in memory that does not answer", () => {
  const part = { first: 0, last: 1, length: 5 };
  const aPart = sampleEntry("he", { status: 206, part });

  it("as a part does not hide the whole in Redis", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, aPart);
    await b.store.put(KEY, sampleEntry("hello", { responseTime: T0 + 1 }));
    expect(a.store.lookup(KEY, ["Range", "bytes=0-1"])).not.toBeInstanceOf(Promise);
    expect(textOf(await a.store.lookup(KEY, ["Range", "bytes=1-3"]))).toBe("hello");
    const found = a.store.lookup(KEY, []);
    expect(found).not.toBeInstanceOf(Promise);
    expect(textOf(await found)).toBe("hello");
  });

  it("as a part is found all the same when Redis has nothing newer, so that it can be completed", async () => {
    await redis.command("FLUSHALL");
    const { store } = instance();
    await store.put(KEY, aPart);
    expect(textOf(await store.lookup(KEY, []))).toBe("he");
    await redis.command("FLUSHALL");
    expect(textOf(await store.lookup(KEY, []))).toBe("he");
  });

  it("because its group was purged does not hide what another instance has stored since", async () => {
    await redis.command("FLUSHALL");
    const [a, b] = [instance(), instance()];
    await a.store.put(KEY, sampleEntry("old", { tags: ["g"] }));
    a.purgedTags.add("g");
    expect(textOf(await a.store.lookup(KEY, []))).toBe("old");
    await b.store.put(KEY, sampleEntry("new", { responseTime: T0 + 1 }));
    expect(textOf(await a.store.lookup(KEY, []))).toBe("new");
    expect(a.store.lookup(KEY, [])).not.toBeInstanceOf(Promise);
  });
});
