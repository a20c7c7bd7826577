import type { Browsable } from "../cache/ports/store.ts";
import type { MemoryStore } from "./memory.ts";

/** Slots that one look goes through: what requests wait for it is a fraction of a millisecond. */
const SLOTS = 4096;

/** The memory tier, for those who want to see what is in it; its cursor is a slot's number. */
export const memoryLeaves = (memory: MemoryStore): Browsable => ({
  tier: "memory",
  async browse(cursor, most, wanted) {
    if (!/^\d{0,9}$/.test(cursor)) return undefined;
    const first = Number(cursor);
    // Requests have their turn in between.
    if (first > 0) await new Promise((resolve) => setImmediate(resolve));
    const { found, slot, isEnd } = memory.leaf(first, SLOTS, most, wanted);
    const lookedAt = Math.max(0, slot - first);
    return isEnd ? { found, lookedAt } : { found, lookedAt, next: String(slot) };
  },
});
