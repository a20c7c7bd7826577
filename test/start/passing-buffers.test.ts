import { describe, expect, it } from "vitest";
import { createLook, minorCollection, ROOM_BYTES } from "../../src/start/passing-buffers.ts";

const MIB = 1024 * 1024;

function aLook(leftAfterwards: (held: number) => number) {
  let held = 100 * MIB;
  let collections = 0;
  const look = createLook({
    held: () => held,
    collect: () => {
      collections++;
      held = leftAfterwards(held);
    },
  });
  const grow = (bytes: number): number => {
    held += bytes;
    look();
    return collections;
  };
  return { grow };
}

describe("buffers that pass", () => {
  it("are collected when they have grown by the room there is, and not before", () => {
    const { grow } = aLook(() => 100 * MIB);
    expect(grow(ROOM_BYTES - 1)).toBe(0);
    expect(grow(1)).toBe(1);
    expect(grow(ROOM_BYTES - 1)).toBe(1);
    expect(grow(1)).toBe(2);
  });

  it("count from the least there were: V8 collects by itself, too", () => {
    const { grow } = aLook((held) => held);
    expect(grow(-50 * MIB)).toBe(0);
    expect(grow(ROOM_BYTES)).toBe(1);
  });

  it("that are still wanted are not collected again and again", () => {
    const { grow } = aLook((held) => held);
    expect(grow(ROOM_BYTES)).toBe(1);
    expect(grow(ROOM_BYTES - 1)).toBe(1);
    expect(grow(0)).toBe(1);
  });

  it("are gone after a collection of young objects, and what is wanted is not", async () => {
    const collect = minorCollection();
    const wanted = Buffer.allocUnsafeSlow(64 * 1024);
    const passing = Array.from({ length: 100 }, () => new WeakRef(Buffer.allocUnsafeSlow(64 * 1024)));
    const kept = new WeakRef(wanted);
    // What a WeakRef was made of lives as long as the turn it was made in.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(passing.filter((each) => each.deref() !== undefined)).toEqual([]);
    expect(kept.deref()).toBe(wanted);
  });
});
