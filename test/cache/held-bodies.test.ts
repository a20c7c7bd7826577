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

it("short bodies, of which the connections are the bound, count nothing, unless they keep a long one", () => {
  const held = new HeldBodies(1_000_000);
  held.hold(body(8192))();
  held.hold(body(8192));
  expect(held.bytes).toBe(0);
  held.hold(body(70_000).subarray(0, 10));
  expect(held.bytes).toBe(70_000);
});

it("what the memory tier has let go is stray while it is sent, also when that begins later", () => {
  const held = new HeldBodies(1_000_000);
  const [early, late, never] = [body(100_000), body(20_000), body(30_000)];
  for (const each of [early, late]) held.enter(each);
  const end = held.hold(early);
  held.hold(never);
  expect([held.isHeld(early), held.isHeld(late), held.strayBytes]).toEqual([true, false, 0]);
  for (const each of [early, late]) held.leave(each);
  expect(held.strayBytes).toBe(100_000);
  const endLate = held.hold(late);
  expect(held.strayBytes).toBe(120_000);
  end();
  expect([held.isHeld(early), held.strayBytes]).toEqual([false, 20_000]);
  held.enter(late);
  expect(held.strayBytes).toBe(0);
  held.leave(late);
  endLate();
  expect(held.strayBytes).toBe(0);
});
