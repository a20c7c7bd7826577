import { describe, expect, it } from "vitest";
import { UncacheableKeys } from "../../src/cache/uncacheable.ts";
import { T0 } from "./harness.ts";

describe("uncacheable keys", () => {
  it("are remembered for their time, to the millisecond, and then let go", () => {
    const keys = new UncacheableKeys(1000, 10);
    keys.remember("k", T0);
    expect(keys.has("k", T0 + 999)).toBe(true);
    expect(keys.has("k", T0 + 1000)).toBe(false);
    expect(keys.size).toBe(0);
  });

  it("never outnumber the capacity: the one remembered longest ago goes", () => {
    const keys = new UncacheableKeys(1000, 100);
    for (let i = 0; i < 100; i++) keys.remember(`k${i}`, T0);
    keys.remember("k0", T0);
    for (let i = 100; i < 150; i++) keys.remember(`k${i}`, T0);
    expect(keys.size).toBe(100);
    expect(keys.has("k0", T0)).toBe(true);
    expect(keys.has("k50", T0)).toBe(false);
    expect(keys.has("k51", T0)).toBe(true);
    for (let i = 0; i < 10_000; i++) keys.remember(`distinct${i}`, T0);
    expect(keys.size).toBe(100);
  });

  it("are fewer when they are long: 256 characters each on average", () => {
    const keys = new UncacheableKeys(1000, 100);
    for (let i = 0; i < 100; i++) keys.remember(`${i}${"x".repeat(2_557)}`, T0);
    expect(keys.size).toBe(10);
    expect(keys.has(`99${"x".repeat(2_557)}`, T0)).toBe(true);
    expect(keys.has(`89${"x".repeat(2_557)}`, T0)).toBe(false);
    // They come and go, and leave nothing behind.
    for (let i = 90; i < 100; i++) keys.forget(`${i}${"x".repeat(2_557)}`);
    for (let i = 0; i < 150; i++) keys.remember(`k${i}`, T0);
    expect(keys.size).toBe(100);
  });

  it("are forgotten on request", () => {
    const keys = new UncacheableKeys(1000, 10);
    keys.remember("k", T0);
    keys.forget("k");
    expect(keys.has("k", T0)).toBe(false);
  });
});
