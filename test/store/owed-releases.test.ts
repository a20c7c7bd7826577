import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { StoreError } from "../../src/cache/ports/store.ts";
import { OwedReleases } from "../../src/store/owed-releases.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TTL_MS = 10_000;
const AWAY = new StoreError("unavailable", "Redis is known to be away");

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

it("end by themselves when their lives are over, and nobody is told then", async () => {
  const { owed, state, told } = start();
  owed.add("name", "first");
  await vi.advanceTimersByTimeAsync(TTL_MS / 2);
  owed.add("name", "second");
  await vi.advanceTimersByTimeAsync(TTL_MS / 2);
  expect(owed.size).toBe(1);
  state.failing = undefined;
  await vi.advanceTimersByTimeAsync(100);
  expect([told, owed.size]).toEqual([["second"], 0]);
});

it("are owed no longer where the store refuses them", async () => {
  const { owed, state } = start();
  owed.add("name", "a");
  state.failing = new StoreError("refused", "NOPERM");
  await vi.advanceTimersByTimeAsync(100);
  expect(owed.size).toBe(0);
});

it("are 10,000 at most, and the others end by themselves", () => {
  const { owed } = start();
  for (let i = 0; i < 10_100; i++) owed.add(`name ${i}`, `${i}`);
  expect(owed.size).toBe(10_000);
});

it("are tried no more when nobody is there any more", async () => {
  const { owed, release } = start();
  owed.add("name", "a");
  owed.close();
  owed.add("name", "b");
  await vi.advanceTimersByTimeAsync(TTL_MS);
  expect([release.mock.calls.length, owed.size]).toEqual([0, 0]);
});
