import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Slabs } from "../../src/store/memory/slabs.ts";
import { Slots } from "../../src/store/memory/slots.ts";
import { bytes } from "./sample.ts";

const MIB = 1024 * 1024;
const SHORT_SLAB = MIB / 4;

/** The slots from 0 on are somebody's. */
function taken(slots: number): Slots {
  const all = new Slots();
  for (let i = 0; i < slots; i++) all.take();
  return all;
}

function put(slabs: Slabs, slot: number, text: string, body: Uint8Array): void {
  slabs.put(slot, Buffer.byteLength(text), body);
  slabs.room(slot).bytes.write(text, slabs.offset(slot));
}
function read(slabs: Slabs, slot: number) {
  const start = slabs.offset(slot);
  const text = slabs.room(slot).bytes.toString("utf8", start, start + slabs.headBytes(slot));
  return { text, body: slabs.body(slot, Buffer.allocUnsafeSlow) };
}

describe("slabs", () => {
  it("give back every record as it was put, through every history, with little room wasted", () => {
    const step = fc.tuple(
      fc.integer({ min: 0, max: 2000 }),
      fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 0, max: 7000 }) },
        fc.integer({ max: 40_000, min: 7000 }),
      ),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 500, maxLength: 4000, size: "max" }), (steps) => {
        const slabs = new Slabs(8 * MIB, taken(2001));
        const model = new Map<number, { text: string; body: Uint8Array }>();
        let live = 0;
        const free = (slot: number) => {
          const known = model.get(slot);
          if (known === undefined) return;
          live -= 8 + slabs.recordBytes(slot);
          slabs.free(slot);
          model.delete(slot);
        };
        for (const [i, [slot, length, frees]] of steps.entries()) {
          free(slot);
          const record = { text: `no. ${i}, \xe9\u4e2d`, body: bytes(length, i) };
          put(slabs, slot, record.text, record.body);
          model.set(slot, record);
          live += 8 + slabs.recordBytes(slot);
          for (let n = 1; n <= frees; n++) free((slot * 31 + n * 7919) % 2001);
          // The slab that is being filled, and what may be wasted before the next one is begun.
          expect(slabs.allocatedBytes).toBeLessThanOrEqual(live * 1.35 + 4 * SHORT_SLAB + frees * 40_000);
        }
        for (const [slot, { text, body }] of model) {
          const got = read(slabs, slot);
          expect(got.text).toBe(text);
          expect(Buffer.compare(got.body, body)).toBe(0);
        }
      }),
      { numRuns: 15 },
    );
  });

  it("do not grow while as much goes as comes, whoever goes", () => {
    const slabs = new Slabs(64 * MIB, taken(4000));
    const body = bytes(1500);
    let next = 1;
    const random = (n: number) => {
      next = (Math.imul(next, 1_664_525) + 1_013_904_223) >>> 0;
      return next % n;
    };
    for (let slot = 0; slot < 4000; slot++) put(slabs, slot, "", body);
    for (let i = 0; i < 40_000; i++) {
      const slot = random(4000);
      slabs.free(slot);
      put(slabs, slot, "", body);
      expect(slabs.allocatedBytes).toBeLessThanOrEqual(9 * MIB);
    }
  });

  it("hand out copies, which nothing that comes later is written into", () => {
    const slabs = new Slabs(MIB, taken(400));
    put(slabs, 0, "a", Buffer.from("first"));
    const { body } = read(slabs, 0);
    slabs.free(0);
    put(slabs, 1, "a", Buffer.from("other"));
    expect(body.toString()).toBe("first");
  });

  it("give a slab back when its last record goes", () => {
    const slabs = new Slabs(MIB, taken(400));
    for (let slot = 0; slot < 400; slot++) put(slabs, slot, "", bytes(5000));
    const full = slabs.allocatedBytes;
    for (let slot = 0; slot < 400; slot++) slabs.free(slot);
    expect(full).toBeGreaterThan(7 * SHORT_SLAB);
    expect(slabs.allocatedBytes).toBe(SHORT_SLAB);
  });
});
