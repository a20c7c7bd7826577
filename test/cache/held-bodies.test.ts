import { expect, it } from "vitest";
import { HeldBodies } from "../../src/cache/held-bodies.ts";

const body = (bytes: number) => new Uint8Array(bytes);

it("a body that is sent counts once, whole, until the last client has it", () => {
  const held = new HeldBodies(1_000_000);
  const one = body(200_000);
  const releases = [held.hold(one), held.hold(one.subarray(0, 100_000)), held.hold(body(300_000))];
  expect(held.bytes).toBe(500_000);
  releases[0]?.();
  expect(held.bytes).toBe(500_000);
  releases[1]?.();
  expect(held.bytes).toBe(300_000);
  releases[2]?.();
  expect(held.bytes).toBe(0);
});

it("what is brought needs room beside what is sent, and gives it back", () => {
  const held = new HeldBodies(500_000);
  const sent = held.hold(body(300_000));
  const brought = held.reserve(200_000);
  expect([brought, held.reserve(1)]).toEqual([expect.any(Function), undefined]);
  brought?.();
  expect(held.reserve(200_001)).toBeUndefined();
  sent();
  expect(held.reserve(500_000)).toBeDefined();
});

it("short bodies, of which the connections are the bound, count nothing", () => {
  const held = new HeldBodies(1_000_000);
  held.hold(body(65_536))();
  held.hold(body(65_536));
  expect(held.bytes).toBe(0);
});
