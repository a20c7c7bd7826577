import { expect, test } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import type { Leases } from "../../src/cache/leases.ts";
import { type Store, StoreError } from "../../src/cache/ports/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { createTimed } from "../../src/store/timed.ts";

const KEY = "http://shop.example/a";

function aTimed() {
  const events: CacheEvent[] = [];
  const clock = { at: 0 };
  const timed = createTimed({ emit: (event) => void events.push(event), elapsed: () => clock.at });
  const told = () =>
    events.map((event) => (event.type === "store-asked" ? [event.tier, event.operation, event.ms] : event));
  return { timed, clock, told };
}

test("what Redis is asked for is told with the time that it took, failures too", async () => {
  const { timed, clock, told } = aTimed();
  const slow = async <T>(ms: number, then: () => T): Promise<T> => {
    await Promise.resolve();
    clock.at += ms;
    return then();
  };
  const memory = new MemoryStore({ capacity: 0, now: () => 0 });
  const store: Store = {
    ...{ inspect: (key) => memory.inspect(key), close: () => memory.close() },
    lookup: (key, request) => slow(2, () => memory.lookup(key, request)),
    put: () =>
      slow(250, () => {
        throw new StoreError("timeout", "late");
      }),
    freshen: () => slow(3, () => {}),
    drop: () => slow(4, () => {}),
  };
  const leases: Leases = { acquire: () => slow(5, () => ({ type: "unknown" })), close: async () => {} };
  const asked = timed.store(store);
  const entry = { stored: {} as never, body: new Uint8Array() };
  expect(await asked.lookup(KEY, [])).toEqual({ type: "none", fwd: "uri-miss" });
  await expect(asked.put(KEY, entry)).rejects.toThrow("late");
  await asked.freshen(KEY, entry);
  await asked.drop({ type: "url", key: KEY });
  await asked.drop({ type: "everything" });
  const request = { variant: "", failed: 0, again: false, beside: false, wait: true };
  expect(await timed.leases(leases).acquire(KEY, request)).toEqual({ type: "unknown" });
  expect(told()).toEqual([
    ["redis", "lookup", 2],
    ["redis", "put", 250],
    ["redis", "freshen", 3],
    ["redis", "drop", 4],
    ["redis", "lease", 5],
  ]);
});
