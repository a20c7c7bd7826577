import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyTable } from "../../src/store/memory/key-table.ts";
import { NONE } from "../../src/store/memory/slots.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { sampleEntry, testClock, textOf } from "./sample.ts";

function open() {
  const keys = new Map<number, string>();
  let compared = 0;
  const table = new KeyTable((slot, key) => {
    compared++;
    return keys.get(slot) === key;
  });
  return { keys, table, compared: () => compared };
}

describe("the table of keys", () => {
  it("knows each key's slot through every history, and no other's", () => {
    const step = fc.record({ key: fc.nat(300), isPut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000, size: "max" }), (steps) => {
        const { keys, table } = open();
        const known = new Map<string, number>();
        for (const [slot, { key: number, isPut }] of steps.entries()) {
          const key = `http://example.test/${number}`;
          const before = known.get(key);
          expect(table.get(key)).toBe(before ?? NONE);
          if (isPut && before === undefined) {
            keys.set(slot, key);
            known.set(key, slot);
            table.add(key, slot);
          }
          if (!isPut && before !== undefined) {
            table.delete(key, before);
            known.delete(key);
          }
          expect(table.size).toBe(known.size);
        }
        for (let i = 0; i <= 300; i++) {
          const key = `http://example.test/${i}`;
          expect(table.get(key)).toBe(known.get(key) ?? NONE);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("removes nothing where the slot is not that key's", () => {
    const { keys, table } = open();
    keys.set(7, "a");
    table.add("a", 7);
    table.delete("a", 8);
    table.delete("b", 7);
    expect([table.get("a"), table.size]).toEqual([7, 1]);
  });

  it("finds a key at once, among many and whatever part of it is its own", () => {
    const { keys, table, compared } = open();
    const names = Array.from({ length: 20_000 }, (_, i) => {
      const own = String(i).padStart(6, "0");
      return `${"a".repeat((i * 7) % 40)}${own}${"z".repeat((i * 3) % 50)}`;
    });
    for (const [slot, name] of names.entries()) {
      keys.set(slot, name);
      table.add(name, slot);
    }
    for (const [slot, name] of names.entries()) expect(table.get(name)).toBe(slot);
    for (const name of names) expect(table.get(`${name}?`)).toBe(NONE);
    // Two with the same hash are one in four thousand millions.
    expect(compared()).toBeLessThan(names.length + 20);
  });

  it("tells longer keys apart than it hashes", () => {
    const { keys, table } = open();
    const long = "x".repeat(20_000);
    for (const [slot, key] of [`${long}a`, `${long}b`, `${long}bc`].entries()) {
      keys.set(slot, key);
      table.add(key, slot);
    }
    expect([`${long}a`, `${long}b`, `${long}bc`, long].map((key) => table.get(key))).toEqual([0, 1, 2, NONE]);
  });
});

describe("the memory tier's keys", () => {
  const open = () => new MemoryStore({ capacity: 1e7, now: testClock().now });
  const put = (store: MemoryStore, key: string) => store.keep(key, sampleEntry(key, { uri: key }));
  const asked = (store: MemoryStore, key: string) => textOf(store.lookup(key, []));

  it("are told apart to the last character", () => {
    const store = open();
    const keys = ["", "a", "A", "a/", "a\xe9", "aa", `a${"b".repeat(9000)}`, `a${"b".repeat(9001)}`];
    for (const key of keys) put(store, key);
    expect(keys.map((key) => asked(store, key))).toEqual(keys.map((key) => Buffer.from(key).toString()));
    expect(asked(store, "ab")).toBe("uri-miss");
    for (const key of keys) store.forget({ type: "url", key });
    expect(store.stats()).toMatchObject({ entries: 0, bytes: 0 });
  });

  it("are never taken for others of which a byte is the same", () => {
    const store = open();
    put(store, "A");
    put(store, "\u0142");
    put(store, "x".repeat(70_000));
    expect(["\u0141", "B", "\u0142", "x".repeat(70_000 % 65_536)].map((key) => asked(store, key))).toEqual(
      Array(4).fill("uri-miss"),
    );
    expect([asked(store, "A"), store.stats().entries]).toEqual(["A", 1]);
  });

  it("stay with what is moved, replaced and put among other variants", () => {
    const store = new MemoryStore({ capacity: 300_000, now: testClock().now });
    for (let i = 0; i < 3000; i++) {
      const key = `http://example.test/${(i * 7) % 401}`;
      const selectingFields: Record<string, string> = i % 5 === 0 ? { "x-a": "1" } : {};
      store.keep(key, sampleEntry(`${key} ${"x".repeat((i * 31) % 900)}`, { uri: key, selectingFields }));
      const found = store.lookup(key, ["X-A", "1"]);
      expect(textOf(found)).toContain(`${key} `);
    }
    const { found } = store.leaf(0, 100_000, 100_000, () => true);
    expect(found.length).toBe(store.stats().entries);
    for (const { key, stored } of found) expect(stored.uri).toBe(key);
  });
});
