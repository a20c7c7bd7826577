import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeldBodies } from "../../src/cache/held-bodies.ts";
import { ROOM_BYTES } from "../../src/cache/ports/body-room.ts";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { storeContract } from "./contract.ts";
import { bytes, entryOf, KEY, sampleEntry, T0, testClock, textOf } from "./sample.ts";

storeContract(
  "MemoryStore",
  async ({ now }) => new MemoryStore({ capacity: 8 * 1024 * 1024, now }),
  1024 * 1024,
);

const open = (capacity: number) => {
  const clock = testClock();
  return { clock, store: new MemoryStore({ capacity, now: clock.now }) };
};
const url = (i: number) => `http://example.test/${i}`;
const sized = (i: number, bytes: number) => sampleEntry("x".repeat(bytes), { uri: url(i) });
const scales = open(1e7).store;
/** What an entry is charged, as long as nobody asks for it. */
const charged = (key: string, entry: ReturnType<typeof sized>): number => {
  scales.forget({ type: "url", key });
  scales.keep(key, entry);
  const { bytes: weight } = scales.stats();
  scales.forget({ type: "url", key });
  return weight;
};
/** What an entry with an empty body is charged. */
const overheadOf = (i: number): number => charged(url(i), sized(i, 0));
/** Bytes for entries: an eighth is for those that are asked for often. */
const roomOf = (capacity: number): number => capacity - Math.floor(capacity / 8);
/** The least capacity with so much room. */
const capacityFor = (room: number): number => {
  let capacity = room;
  while (roomOf(capacity) < room) capacity++;
  return capacity;
};

describe("the memory tier", () => {
  it("never takes more bytes than its capacity, whatever is put", () => {
    const { store } = open(100_000);
    for (let i = 0; i < 5000; i++) {
      store.keep(url(i), sized(i, (i * 37) % 9000));
      expect(store.stats().bytes).toBeLessThanOrEqual(100_000);
    }
    expect(store.stats().entries).toBeGreaterThan(5);
  });

  it("counts what its entries weigh, and gives it back", () => {
    const { store } = open(1e6);
    const entry = sampleEntry("x".repeat(10_000));
    store.keep(KEY, entry);
    expect(store.stats().bytes).toBe(charged(KEY, entry));
    expect(store.stats().bytes).toBeGreaterThan(10_000);
    store.forget({ type: "url", key: KEY });
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0, expired: 0, purged: 1 });
  });

  it("does not keep a body larger than an eighth of its capacity, nor what that replaces", () => {
    const { store } = open(80_007);
    expect(store.maxBodyBytes).toBe(10_000);
    store.keep(KEY, sampleEntry("x".repeat(10_000)));
    expect(store.lookup(KEY, []).type).toBe("found");
    store.keep(KEY, sampleEntry("x".repeat(10_001)));
    expect(store.lookup(KEY, []).type).toBe("none");
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0, expired: 0, purged: 0 });
  });

  it("does not keep what is heavier than its capacity, however short its body", () => {
    const { store } = open(capacityFor(overheadOf(0)) - 1);
    store.keep(url(0), sized(0, 0));
    expect(store.stats().entries).toBe(0);
  });

  it("keeps nothing when it is off", () => {
    const { store } = open(0);
    store.keep(KEY, sampleEntry(""));
    expect(store.lookup(KEY, []).type).toBe("none");
  });

  it("frees an expired entry when it is touched", () => {
    const { store, clock } = open(1e6);
    store.keep(KEY, sampleEntry("hello"));
    clock.advance(120);
    expect(store.stats().entries).toBe(1);
    store.lookup(KEY, []);
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0, expired: 1, purged: 0 });
  });

  it("takes an expired entry before a live one, however often it was hit", () => {
    const { store, clock } = open(capacityFor(8 * overheadOf(0)));
    for (let i = 0; i < 4; i++) store.keep(url(i), sized(i, 0));
    for (let i = 0; i < 4; i++) store.lookup(url(i), []);
    clock.advance(120);
    for (let i = 4; i < 10; i++)
      store.keep(url(i), sampleEntry("", { uri: url(i), responseTime: clock.now() }));
    for (let i = 4; i < 10; i++) expect(store.lookup(url(i), []).type).toBe("found");
  });

  it("answers at once, with the same object for every hit", () => {
    const { store } = open(1e6);
    store.keep(KEY, sampleEntry("hello"));
    expect(store.lookup(KEY, [])).toBe(store.lookup(KEY, []));
  });

  it("does not keep a large buffer alive for a small body", () => {
    const { store } = open(1e6);
    const large = Buffer.alloc(1_000_000, "x");
    for (const [length, room] of [
      [5, 0],
      [20_000, ROOM_BYTES],
    ] as const) {
      store.keep(KEY, { ...sampleEntry("x".repeat(length)), body: large.subarray(10, 10 + length) });
      const found = store.lookup(KEY, []);
      expect(found.type === "found" && (found.entry.body as Uint8Array).buffer.byteLength).toBe(
        length + room,
      );
    }
  });

  it("tells what made room for others from what was over", () => {
    const size = overheadOf(10);
    const { store, clock } = open(capacityFor(8 * size));
    for (let i = 10; i < 26; i++) store.keep(url(i), sized(i, 0));
    expect(store.stats()).toMatchObject({ entries: 8, evictions: 8, expired: 0 });
    clock.advance(120);
    for (let i = 26; i < 30; i++)
      store.keep(url(i), sampleEntry("", { uri: url(i), responseTime: clock.now() }));
    expect(store.stats()).toMatchObject({ entries: 8, evictions: 8, expired: 4 });
  });

  it("forgets everything", () => {
    const { store } = open(1e6);
    for (let i = 0; i < 20; i++) store.keep(url(i), sized(i, 10));
    store.forget({ type: "everything" });
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0, expired: 0, purged: 20 });
    expect(store.lookup(url(3), []).type).toBe("none");
    store.keep(url(3), sized(3, 10));
    expect(store.lookup(url(3), []).type).toBe("found");
  });
});

describe("what an entry weighs", () => {
  const plain = sampleEntry("12345");
  const weight = (changes: Partial<StoredResponse> = {}) =>
    charged(KEY, { ...plain, stored: { ...plain.stored, ...changes } });

  it("grows with its body, its key and each of its strings", () => {
    const more = "x".repeat(700);
    expect(charged(KEY, sampleEntry(`12345${more}`)) - weight()).toBeGreaterThanOrEqual(700);
    expect(charged(KEY + more, plain) - weight()).toBeGreaterThanOrEqual(700);
    for (const changes of [
      { fields: [...plain.stored.fields, "X-More", more] },
      { tags: [more] },
      { etag: more },
      { lastModified: more },
      { selectingFields: { accept: more } },
    ])
      expect(weight(changes) - weight()).toBeGreaterThanOrEqual(700 - (plain.stored.etag?.length ?? 0));
  });

  it("counts what is outside of latin1 by its bytes", () => {
    const odd = { statusMessage: "\u4e2d".repeat(700) };
    expect(weight(odd) - weight()).toBeGreaterThanOrEqual(2100);
    const { store } = open(1e6);
    store.keep(KEY, { ...plain, stored: { ...plain.stored, ...odd } });
    const found = store.lookup(KEY, []);
    expect(found.type === "found" && found.entry.stored.statusMessage).toBe(odd.statusMessage);
  });
});

describe("SIEVE", () => {
  it("lets hit entries survive and takes the oldest that was not hit", () => {
    const size = overheadOf(0);
    const { store } = open(capacityFor(8 * size));
    for (let i = 0; i < 8; i++) store.keep(url(i), sized(i, 0));
    store.lookup(url(0), []);
    store.lookup(url(2), []);
    store.keep(url(8), sized(8, 0));
    store.keep(url(9), sized(9, 0));
    const kept = Array.from({ length: 10 }, (_, i) => i).filter(
      (i) => store.lookup(url(i), []).type === "found",
    );
    expect(kept).toEqual([0, 2, 4, 5, 6, 7, 8, 9]);
    expect(store.stats().evictions).toBe(2);
  });

  it("is not told of those who only look", async () => {
    const size = overheadOf(0);
    const { store } = open(capacityFor(8 * size));
    for (let i = 0; i < 8; i++) store.keep(url(i), sized(i, 0));
    const before = store.stats();
    for (let i = 0; i < 3; i++) expect(await store.inspect(url(0))).toHaveLength(1);
    expect(store.stats()).toEqual(before);
    store.keep(url(8), sized(8, 0));
    expect(store.lookup(url(0), []).type).toBe("none");
  });

  /** The published algorithm, on an array from tail to head; slow and obvious. */
  class Model {
    queue: { id: number; bytes: number; visited: boolean }[] = [];
    hand = 0;
    readonly capacity: number;
    constructor(capacity: number) {
      this.capacity = capacity;
    }
    bytes = () => this.queue.reduce((sum, item) => sum + item.bytes, 0);
    get(id: number): boolean {
      const item = this.queue.find((one) => one.id === id);
      if (item !== undefined) item.visited = true;
      return item !== undefined;
    }
    drop(id: number): void {
      const at = this.queue.findIndex((one) => one.id === id);
      if (at === -1) return;
      if (at < this.hand) this.hand--;
      this.take(at);
    }
    /** Past the head the hand goes back to the tail. */
    take(at: number): void {
      this.queue.splice(at, 1);
      if (this.hand >= this.queue.length) this.hand = 0;
    }
    evict(spared?: number): void {
      for (;;) {
        const item = this.queue[this.hand]!;
        if (!item.visited && item.id !== spared) break;
        item.visited = false;
        this.hand = (this.hand + 1) % this.queue.length;
      }
      this.take(this.hand);
    }
    put(id: number, overhead: number, body: number): void {
      const bytes = overhead + body;
      if (body > Math.floor(this.capacity / 8)) {
        this.drop(id);
        return;
      }
      const known = this.queue.find((item) => item.id === id);
      if (known === undefined) {
        while (this.bytes() + bytes > roomOf(this.capacity)) this.evict();
        this.queue.push({ id, bytes, visited: false });
      } else {
        known.bytes = bytes;
        while (this.bytes() > roomOf(this.capacity)) this.evict(id);
        known.visited = true;
      }
    }
  }

  it("keeps what the model keeps, in every history", () => {
    // So little that nothing is kept unpacked.
    const capacity = 12 * overheadOf(10);
    const id = fc.integer({ min: 10, max: 40 });
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.constant("put" as const), id, fc.integer({ min: 0, max: 2000 })) },
      { weight: 5, arbitrary: fc.tuple(fc.constant("get" as const), id, fc.constant(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant("drop" as const), id, fc.constant(0)) },
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300, size: "max" }), (steps) => {
        const { store } = open(capacity);
        const model = new Model(capacity);
        for (const [what, i, size] of steps) {
          if (what === "put") {
            const entry = sized(i, size);
            store.keep(url(i), entry);
            model.put(i, charged(url(i), entry) - size, size);
          } else if (what === "get") {
            expect(store.lookup(url(i), []).type === "found").toBe(model.get(i));
          } else {
            store.forget({ type: "url", key: url(i) });
            model.drop(i);
          }
          expect(store.stats().bytes).toBe(model.bytes());
          expect(store.stats().bytes).toBeLessThanOrEqual(capacity);
          expect(store.stats().entries).toBe(model.queue.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("takes the least recently put of too many variants", () => {
    const { store } = open(1e7);
    const variant = (i: number) =>
      sampleEntry("v", { selectingFields: { "x-who": `${i}` }, responseTime: T0 });
    for (let i = 0; i < 32; i++) store.keep(KEY, variant(i));
    store.keep(KEY, variant(0));
    store.keep(KEY, variant(32));
    expect(store.lookup(KEY, ["X-Who", "0"]).type).toBe("found");
    expect(store.lookup(KEY, ["X-Who", "1"]).type).toBe("none");
    expect(store.stats().entries).toBe(32);
  });
});

describe("what is found", () => {
  /** Bodies in slabs, bodies with a buffer of their own, and what is too long. */
  const length = fc.oneof(
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 8100, max: 8300 }),
    fc.integer({ min: 20_000, max: 70_000 }),
  );
  const id = fc.integer({ min: 0, max: 60 });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant("put" as const), id, length) },
    { weight: 8, arbitrary: fc.tuple(fc.constant("get" as const), id, fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("drop" as const), id, fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("wait" as const), id, fc.constant(0)) },
  );

  it("is always the last put, however much is evicted, and stays what it was while somebody has it", () => {
    const capacity = 400_000;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 400, size: "max" }), (steps) => {
        const { store, clock } = open(capacity);
        const last = new Map<number, { body: Uint8Array; stored: StoredResponse }>();
        const handedOut: { got: Uint8Array; was: Uint8Array }[] = [];
        let version = 0;
        for (const [what, i, size] of steps) {
          version++;
          if (what === "put") {
            const entry = entryOf(bytes(size, version), {
              uri: url(i),
              responseTime: clock.now(),
              epoch: version,
            });
            store.keep(url(i), entry);
            last.set(i, entry);
          } else if (what === "drop") {
            store.forget({ type: "url", key: url(i) });
            last.delete(i);
          } else if (what === "wait") clock.advance(10);
          else {
            const found = store.lookup(url(i), []);
            if (found.type === "none") continue;
            const put = last.get(i)!;
            const got = found.entry.body as Uint8Array;
            expect(found.entry.stored).toEqual(put.stored);
            expect(Buffer.compare(got, put.body)).toBe(0);
            expect(put.stored.responseTime + 120_000).toBeGreaterThan(clock.now());
            handedOut.push({ got, was: put.body });
          }
          expect(store.stats().bytes).toBeLessThanOrEqual(capacity);
        }
        for (const { got, was } of handedOut) expect(Buffer.compare(got, was)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("is the same object for every hit on what is asked for often, while much else is asked for once", () => {
    const { store } = open(1e6);
    for (let i = 0; i < 400; i++) store.keep(url(i), sized(i, 1000));
    const often = store.lookup(url(0), []);
    for (let i = 1; i < 400; i++) {
      store.lookup(url(i), []);
      expect(store.lookup(url(0), [])).toBe(often);
    }
    store.keep(url(0), sized(0, 1000));
    expect(store.lookup(url(0), [])).not.toBe(often);
  });

  it("comes to be the same object when it is asked for often, though much else was before", () => {
    const { store } = open(1e6);
    for (let i = 0; i < 400; i++) store.keep(url(i), sized(i, 1000));
    for (let i = 0; i < 400; i++) store.lookup(url(i), []);
    store.lookup(url(399), []);
    expect(store.lookup(url(399), [])).toBe(store.lookup(url(399), []));
  });

  it("is called fleeting where the next look-up makes another object of it, and nowhere else", () => {
    const { store } = open(1e6);
    for (let i = 0; i < 400; i++) store.keep(url(i), sized(i, 1000));
    const seen = Array.from({ length: 2000 }, (_, n) => {
      const first = store.lookup(url((n * n) % 400), []);
      const again = store.lookup(url((n * n) % 400), []);
      return { isSame: first === again, fleeting: first.type === "found" && first.fleeting === true };
    });
    expect(seen.filter(({ isSame, fleeting }) => isSame === fleeting)).toEqual([]);
    expect(new Set(seen.map(({ fleeting }) => fleeting)).size).toBe(2);
  });
});

describe("a body that is being sent", () => {
  const BODY = 50_000;
  const withClients = (capacity: number, maxEntries?: number) => {
    const held = new HeldBodies(1e9);
    const { now } = testClock();
    const store = new MemoryStore({
      capacity,
      now,
      sending: held,
      ...(maxEntries === undefined ? {} : { maxEntries }),
    });
    /** A client that takes what it asked for slowly; answers with what ends that. */
    const send = (i: number) => {
      const found = store.lookup(url(i), []);
      if (found.type === "none") throw new Error(`${i} is not there`);
      return held.hold(found.entry.body as Uint8Array);
    };
    return { held, store, send };
  };

  it("is not evicted: what else there is goes, and comes back no more than there is room", () => {
    const { store, send } = withClients(1_000_000);
    for (let i = 0; i < 10; i++) {
      store.keep(url(i), sized(i, BODY));
      send(i);
    }
    for (let i = 10; i < 500; i++) {
      store.keep(url(i), sized(i, BODY));
      // So that the hand goes all the way around.
      store.lookup(url(i), []);
    }
    for (let i = 0; i < 10; i++) expect(store.lookup(url(i), []).type).toBe("found");
    expect(store.stats().entries).toBe(17);
  });

  it("counts on when it was replaced, so that slow clients and entries never have more than the capacity", () => {
    const capacity = 1_000_000;
    const { store, held, send } = withClients(capacity);
    const releases: (() => void)[] = [];
    for (let i = 0; i < 1000; i++) {
      store.keep(url(i % 7), sized(i % 7, BODY));
      if (store.lookup(url(i % 7), []).type === "found") releases.push(send(i % 7));
      expect(store.stats().bytes + held.strayBytes).toBeLessThanOrEqual(capacity);
    }
    expect(held.strayBytes).toBeGreaterThan(capacity / 2);
    expect(held.bytes).toBeLessThanOrEqual(capacity);
    for (const release of releases) release();
    expect(held.strayBytes).toBe(0);
    for (let i = 0; i < 7; i++) store.keep(url(i), sized(i, BODY));
    expect(store.stats().entries).toBe(7);
  });

  it("keeps out what there is no room for, and leaves what is there", () => {
    const { store, send } = withClients(1_000_000);
    for (let i = 0; i < 17; i++) {
      store.keep(url(i), sized(i, BODY));
      send(i);
    }
    store.keep(url(17), sized(17, BODY));
    expect(textOf(store.lookup(url(17), []))).toBe("uri-miss");
    expect(store.stats()).toMatchObject({ entries: 17, evictions: 0 });
  });

  it("is freshened in its place, and is no stray then", () => {
    const { store, held, send } = withClients(1_000_000);
    const entry = sized(0, BODY);
    store.keep(url(0), entry);
    send(0);
    const found = store.lookup(url(0), []);
    if (found.type === "none") throw new Error("not found");
    store.keep(url(0), { stored: { ...entry.stored, epoch: 8 }, body: found.entry.body });
    expect(held.strayBytes).toBe(0);
    store.forget({ type: "everything" });
    expect(held.strayBytes).toBe(BODY);
  });
});

it("no more entries than a map can take are kept, whatever the capacity", () => {
  const store = new MemoryStore({ capacity: 1e9, now: testClock().now, maxEntries: 50 });
  for (let i = 0; i < 300; i++) {
    store.keep(url(i), sized(i, 10));
    expect(store.stats().entries).toBeLessThanOrEqual(50);
  }
  expect(store.stats()).toMatchObject({ entries: 50, evictions: 250 });
});
