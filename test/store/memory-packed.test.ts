import { describe, expect, it } from "vitest";
import { pack } from "../../src/store/memory/packed.ts";
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
    const unpacked = new Unpacked(50_000);
    for (let i = 0; i < 20_000; i++) {
      const slot = (i * 7) % 500;
      if (unpacked.get(slot) === undefined && unpacked.wants(slot, slot * 10))
        unpacked.keep(slot, slot * 10, stored, body);
      expect(unpacked.bytes).toBeLessThanOrEqual(50_000);
    }
    expect(unpacked.bytes).toBeGreaterThan(25_000);
  });

  it("does not remember all that was asked for once", () => {
    const unpacked = new Unpacked(5000);
    unpacked.keep(0, 1000, stored, body);
    for (let slot = 1; slot < 100; slot++) expect(unpacked.wants(slot, 1000)).toBe(false);
    // Long ago, by now.
    expect(unpacked.wants(1, 1000)).toBe(false);
    expect(unpacked.wants(1, 1000)).toBe(true);
  });

  it("is nothing where there is no room", () => {
    const unpacked = new Unpacked(0);
    for (let times = 0; times < 5; times++) expect(unpacked.wants(1, 0)).toBe(false);
  });
});
