import { describe, expect, it } from "vitest";
import { pack } from "../../src/store/memory/packed.ts";
import { Slots } from "../../src/store/memory/slots.ts";
import { Unpacked } from "../../src/store/memory/unpacked.ts";
import { KEY, sampleEntry } from "./sample.ts";

describe("a packed response", () => {
  it("does not hold its key twice", () => {
    const { stored } = sampleEntry("");
    expect(pack(KEY, stored).rest).not.toContain(KEY);
    expect(pack("another", stored).rest).toContain(KEY);
  });
});

describe("what is kept unpacked", () => {
  const { stored, body } = sampleEntry("hello");

  it("never takes more than its capacity, whatever is asked for", () => {
    const slots = new Slots();
    for (let slot = 0; slot < 500; slot++) slots.take();
    const unpacked = new Unpacked(50_000, slots);
    for (let i = 0; i < 20_000; i++) {
      const slot = (i * 7) % 500;
      const ago = i % 3;
      if (unpacked.get(slot) === undefined && unpacked.wants(slot * 10, ago))
        unpacked.keep(slot, slot * 10, stored, body);
      if (i % 11 === 0) unpacked.delete((i * 13) % 500);
      expect(unpacked.bytes).toBeLessThanOrEqual(50_000);
    }
    expect(unpacked.bytes).toBeGreaterThan(25_000);
    for (let slot = 0; slot < 500; slot++) {
      unpacked.delete(slot);
      expect(unpacked.get(slot)).toBeUndefined();
    }
    expect(unpacked.bytes).toBe(0);
  });

  it("is, where there is room no more, what was asked for a short while ago", () => {
    const slots = new Slots();
    const unpacked = new Unpacked(50_000, slots);
    for (let kept = 0; kept < 16; kept++) {
      expect(unpacked.wants(500, Number.POSITIVE_INFINITY)).toBe(true);
      unpacked.keep(slots.take(), 500, stored, body);
    }
    expect([Number.POSITIVE_INFINITY, 3, 2, 1].map((ago) => unpacked.wants(500, ago))).toEqual([
      ...[false, false, true, true],
    ]);
  });

  it("is nothing where there is no room", () => {
    const unpacked = new Unpacked(0, new Slots());
    for (let times = 0; times < 5; times++) expect(unpacked.wants(0, 1)).toBe(false);
  });
});
