import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { OwedReleases } from "../../src/store/owed-releases.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TTL_MS = 10_000;
const AWAY = new StoreError("unavailable", "Redis is known to be away");
const READONLY = new StoreError("refused", "READONLY You can't write against a read only replica.");

/** A Redis that is away at first, and what it is told. */
function start() {
  const state: { failing: StoreError | undefined } = { failing: AWAY };
  const told: string[] = [];
  const release = vi.fn(async (_name: string, token: string) => {
    if (state.failing !== undefined) throw state.failing;
    told.push(token);
  });
  const owed = new OwedReleases({ release, ttlMs: TTL_MS });
  return { owed, release, state, told };
}

it("are told as soon as the store can be, each once", async () => {
  const { owed, release, state, told } = start();
  for (const token of ["a", "b", "c"]) owed.add("name", token);
  await vi.advanceTimersByTimeAsync(1000);
  expect([told, owed.size]).toEqual([[], 3]);
  state.failing = undefined;
  await vi.advanceTimersByTimeAsync(100);
  expect([told, owed.size]).toEqual([["a", "b", "c"], 0]);
  release.mockClear();
  await vi.advanceTimersByTimeAsync(TTL_MS);
  expect(release).not.toHaveBeenCalled();
});

it("are told in turns of a hundred while the store answers, and no more are tried while it does not", async () => {
  const { owed, release, state, told } = start();
  for (let i = 0; i < 250; i++) owed.add("name", `${i}`);
  await vi.advanceTimersByTimeAsync(100);
  expect(release).toHaveBeenCalledTimes(100);
  state.failing = undefined;
  await vi.advanceTimersByTimeAsync(100);
  expect([told.length, new Set(told).size, owed.size]).toEqual([250, 250, 0]);
});

it("are told to a node that is there, however many another has not been told", async () => {
  const { owed, release, told } = start();
  release.mockImplementation(async (name: string, token: string) => {
    if (name === "away") throw AWAY;
    told.push(token);
  });
  for (let i = 0; i < 250; i++) owed.add("away", `${i}`);
  owed.add("there", "a");
  await vi.advanceTimersByTimeAsync(300);
  expect([told, owed.size]).toEqual([["a"], 250]);
});

it("are owed for as long as the store is away, since it may give a lease only when it is back", async () => {
  const { owed, state, told } = start();
  owed.add("name", "a");
  await vi.advanceTimersByTimeAsync(3 * TTL_MS);
  expect([told, owed.size]).toEqual([[], 1]);
  state.failing = undefined;
  await vi.advanceTimersByTimeAsync(100);
  expect([told, owed.size]).toEqual([["a"], 0]);
});

it("are told again to a store that refuses them for a while, a hundred at a time", async () => {
  const { owed, release, state, told } = start();
  for (let i = 0; i < 250; i++) owed.add("name", `${i}`);
  state.failing = READONLY;
  await vi.advanceTimersByTimeAsync(100);
  expect(release).toHaveBeenCalledTimes(100);
  state.failing = undefined;
  await vi.advanceTimersByTimeAsync(100);
  expect([told.length, owed.size]).toEqual([250, 0]);
});

it("end by themselves when a store that refuses them has had them for as long as they live", async () => {
  const { owed, state, told } = start();
  state.failing = READONLY;
  owed.add("name", "first");
  await vi.advanceTimersByTimeAsync(TTL_MS / 2);
  owed.add("name", "second");
  await vi.advanceTimersByTimeAsync(TTL_MS / 2);
  expect(owed.size).toBe(2);
  await vi.advanceTimersByTimeAsync(100);
  expect(owed.size).toBe(1);
  state.failing = undefined;
  await vi.advanceTimersByTimeAsync(100);
  expect([told, owed.size]).toEqual([["second"], 0]);
});

it("are 10,000 at most, and the others end by themselves", () => {
  const { owed } = start();
  for (let i = 0; i < 10_100; i++) owed.add(`name ${i}`, `${i}`);
  expect(owed.size).toBe(10_000);
});

it("are told once more when their instance ends, and then no more", async () => {
  const { owed, release, state, told } = start();
  for (const token of ["a", "b"]) owed.add("name", token);
  state.failing = undefined;
  await owed.close();
  owed.add("name", "c");
  await vi.advanceTimersByTimeAsync(TTL_MS);
  expect([told, release.mock.calls.length, owed.size]).toEqual([["a", "b"], 2, 0]);
});

it("are each told once where their instance ends in the middle of it", async () => {
  const { owed, release, state } = start();
  state.failing = undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  release.mockReturnValue(promise);
  for (let i = 0; i < 250; i++) owed.add("name", `${i}`);
  await vi.advanceTimersByTimeAsync(100);
  const closed = owed.close();
  resolve();
  await closed;
  await vi.advanceTimersByTimeAsync(TTL_MS);
  expect([release.mock.calls.length, owed.size]).toEqual([250, 0]);
});

it("leave an instance that ends while the store is away with one try", async () => {
  const { owed, release } = start();
  for (let i = 0; i < 250; i++) owed.add("name", `${i}`);
  await owed.close();
  await vi.advanceTimersByTimeAsync(TTL_MS);
  expect([release.mock.calls.length, owed.size]).toEqual([100, 0]);
});
