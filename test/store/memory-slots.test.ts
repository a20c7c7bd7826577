import { describe, expect, it } from "vitest";
import { Slots } from "../../src/store/memory/slots.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { sampleEntry, testClock } from "./sample.ts";

/** Asks for it, and for so many others between. */
function asking(slots: Slots, slot: number, between: readonly number[]): number[] {
  const other = slots.take();
  return between.map((others) => {
    for (let i = 0; i < others; i++) slots.ask(other);
    return slots.ask(slot);
  });
}

describe("slots", () => {
  it("know how many look-ups ago one was asked for", () => {
    const slots = new Slots();
    const slot = slots.take();
    expect(asking(slots, slot, [0, 0, 1, 9])).toEqual([Number.POSITIVE_INFINITY, 1, 2, 10]);
  });

  it("do not count those of what is kept as objects", () => {
    const slots = new Slots();
    const [slot, kept] = [slots.take(), slots.take()];
    slots.setReady(kept, 1);
    slots.ask(slot);
    for (let i = 0; i < 5; i++) slots.ask(kept);
    expect(slots.ask(slot)).toBe(1);
  });

  it.each([
    [[0, 5, 5], false],
    [[0, 5, 5, 5], true],
    [[0, 4095, 4095, 4095], true],
    [[0, 5, 5, 4096], false],
    [[0, 5, 5, 5, 5000], false],
    [[0, 5, 5, 5, 5000, 5, 5], false],
    [[0, 5, 5, 5, 5000, 5, 5, 5], true],
  ])("tell what is asked for again and again: with so many others between, %j: %s", (between, isHot) => {
    const slots = new Slots();
    const slot = slots.take();
    asking(slots, slot, between);
    expect(slots.isHot(slot)).toBe(isHot);
  });

  it("forget once that one was asked for", () => {
    const slots = new Slots();
    const slot = slots.take();
    asking(slots, slot, [0, 0, 0, 0]);
    expect([slots.forget(slot), slots.forget(slot), slots.isHot(slot)]).toEqual([true, false, false]);
    expect(slots.ask(slot)).toBe(Number.POSITIVE_INFINITY);
  });

  it("keep what is known of each through growth, and nothing of one that is given back", () => {
    const slots = new Slots();
    const taken = Array.from({ length: 1000 }, () => slots.take());
    expect(new Set(taken).size).toBe(1000);
    for (const slot of taken) slots.fill(slot, slot * 1e9 + 0.5, slot * 3);
    for (const slot of taken) slots.setReady(slot, slot);
    for (let i = 0; i < 1000; i++) slots.take();
    expect(taken.map((slot) => [slots.until(slot), slots.weight(slot), slots.ready(slot)])).toEqual(
      taken.map((slot) => [slot * 1e9 + 0.5, slot * 3, slot]),
    );
    slots.ask(7);
    slots.giveBack(7);
    expect([slots.take(), slots.until(7), slots.weight(7), slots.forget(7)]).toEqual([7, 0, 0, false]);
    expect(slots.used).toBe(2000);
  });
});

describe("what is asked for again and again", () => {
  it("is kept as objects, however seldom it was asked for before, and what is not lies where it lay", () => {
    const store = new MemoryStore({ capacity: 1e6, now: testClock().now });
    for (const key of ["often", "once"]) store.keep(key, sampleEntry(key, { uri: key }));
    const near = (key: string) => store.near(key, []) ?? expect.fail();
    for (let i = 0; i < 3; i++) expect(near("often").packed).toBeDefined();
    expect(near("once").packed).toBeDefined();
    const kept = near("often");
    expect([kept.packed, kept.fleeting, near("often") === kept]).toEqual([undefined, undefined, true]);
    expect(near("once").packed).toBeDefined();
    expect(store.stats().bytes).toBeGreaterThan(2000);
  });
});
