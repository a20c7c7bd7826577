import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredResponse } from "../../src/policy/stored-response.ts";
import { ENTRY_OVERHEAD, MemoryStore, STRING_OVERHEAD, weigh } from "../../src/store/memory.ts";
import { storeContract } from "./contract.ts";
import { KEY, sampleEntry, T0, testClock } from "./sample.ts";

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
/** What an entry with an empty body is charged. */
const overheadOf = (i: number): number => {
  const { store } = open(1e9);
  store.keep(url(i), sized(i, 0));
  return store.stats().bytes;
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
    expect(store.stats().bytes).toBe(weigh(KEY, entry));
    store.forget({ type: "url", key: KEY });
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0 });
  });

  it("does not keep a body larger than an eighth of its capacity, nor what that replaces", () => {
    const { store } = open(80_007);
    expect(store.maxBodyBytes).toBe(10_000);
    store.keep(KEY, sampleEntry("x".repeat(10_000)));
    expect(store.lookup(KEY, []).type).toBe("found");
    store.keep(KEY, sampleEntry("x".repeat(10_001)));
    expect(store.lookup(KEY, []).type).toBe("none");
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0 });
  });

  it("does not keep what is heavier than its capacity, however short its body", () => {
    const { store } = open(overheadOf(0) - 1);
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
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0 });
  });

  it("takes an expired entry before a live one, however often it was hit", () => {
    const { store, clock } = open(8 * overheadOf(0));
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
    const large = Buffer.alloc(100_000, "x");
    const entry = sampleEntry("xxxxx");
    store.keep(KEY, { ...entry, body: large.subarray(10, 15) });
    const found = store.lookup(KEY, []);
    expect(found.type === "found" && (found.entry.body as Uint8Array).buffer.byteLength).toBe(5);
  });

  it("forgets everything", () => {
    const { store } = open(1e6);
    for (let i = 0; i < 20; i++) store.keep(url(i), sized(i, 10));
    store.forget({ type: "everything" });
    expect(store.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0 });
    expect(store.lookup(url(3), []).type).toBe("none");
    store.keep(url(3), sized(3, 10));
    expect(store.lookup(url(3), []).type).toBe("found");
  });
});

describe("what an entry weighs", () => {
  const plain = sampleEntry("12345");
  const { etag, ...bare } = plain.stored;
  const extra = (changes: Partial<StoredResponse>) =>
    weigh(KEY, { ...plain, stored: { ...plain.stored, ...changes } }) - weigh(KEY, plain);
  const string = (text: string) => STRING_OVERHEAD + text.length;

  it("is its objects, its body and all of its strings", () => {
    const lines = plain.stored.fields.map(string).reduce((sum, bytes) => sum + bytes, 0);
    const others = string(KEY) + string(KEY) + string("OK") + string(etag ?? "") + string("");
    expect(weigh(KEY, plain)).toBe(ENTRY_OVERHEAD + 5 + lines + others);
    expect(weigh(KEY, { ...plain, stored: bare })).toBe(weigh(KEY, plain) - (etag?.length ?? 0));
  });

  it.each<[string, Partial<StoredResponse>, number]>([
    ["each group", { tags: ["news", "page-12"] }, string("news") + string("page-12")],
    ["its date", { lastModified: "Sat" }, 3],
    [
      "each selecting field, twice",
      { selectingFields: { a: "gzip", bc: null } },
      2 * (7 + 4 * STRING_OVERHEAD),
    ],
  ])("counts %s", (_name, changes, bytes) => {
    expect(extra(changes)).toBe(bytes);
  });
});

describe("SIEVE", () => {
  it("lets hit entries survive and takes the oldest that was not hit", () => {
    const size = overheadOf(0);
    const { store } = open(8 * size);
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
        while (this.bytes() + bytes > this.capacity) this.evict();
        this.queue.push({ id, bytes, visited: false });
      } else {
        known.bytes = bytes;
        while (this.bytes() > this.capacity) this.evict(id);
        known.visited = true;
      }
    }
  }

  it("keeps what the model keeps, in every history", () => {
    const capacity = 12 * overheadOf(10);
    const id = fc.integer({ min: 10, max: 40 });
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.constant("put" as const), id, fc.integer({ min: 0, max: 4000 })) },
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
            model.put(i, weigh(url(i), entry) - size, size);
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
