import { expect, it } from "vitest";
import type { Lookup, Store } from "../../src/cache/ports/store.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { TieredStore } from "../../src/store/tiered.ts";
import { eventLog } from "./sample.ts";

it("a lookup that takes several commands is not waited for longer than one may take", async () => {
  const slow: Store = {
    lookup: () => new Promise<Lookup>(() => {}),
    inspect: async () => [],
    put: async () => {},
    freshen: async () => {},
    drop: async () => {},
    close: async () => {},
  };
  const { emit } = eventLog();
  const memory = new MemoryStore({ capacity: 1000, now: Date.now });
  const tiered = new TieredStore({ memory, redis: slow, deadlineMs: 20, now: Date.now, emit });
  const outcomes = await Promise.allSettled(["a", "a", "b"].map(async (key) => tiered.lookup(key, [])));
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ status: "rejected", reason: { name: "StoreError", code: "timeout" } });
});
