/**
 * Is CACHE_MEMORY_BYTES true? Fills the memory tier with entries as they come from an origin, and
 * compares what the tier says it holds with what the process has grown by, for bodies of 100 bytes,
 * 1 KiB and 64 KiB: `node bench/memory-weight.ts`. The estimate (src/store/memory/weight.ts) should be within
 * 15 % of the growth, the allocator's waste included. The program's own young generation grows in the
 * beginning, whatever is stored; it is kept small here.
 */
import { spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MemoryStore } from "../src/store/memory.ts";
import { plainEntry } from "./plain-entry.ts";

const CASES = [
  { body: 100, entries: 100_000 },
  { body: 1024, entries: 100_000 },
  { body: 65_536, entries: 4_000 },
];

async function collected(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 6; i++) {
    globalThis.gc?.();
    await pause(20);
  }
  return process.memoryUsage();
}

async function measure(bodyBytes: number, entries: number): Promise<void> {
  const store = new MemoryStore({ capacity: 1e12, now: () => 1_795_262_400_000 });
  // What the program itself needs at work is not the entries'.
  for (let i = 0; i < 200; i++) store.keep(`warm-up ${i}`, plainEntry(i, bodyBytes));
  store.clear();
  const before = await collected();
  for (let i = 0; i < entries; i++) {
    const one = plainEntry(i, bodyBytes);
    store.keep(one.stored.uri, one);
  }
  const after = await collected();
  const { bytes } = store.stats();
  const heap = after.heapUsed + after.external - before.heapUsed - before.external;
  const resident = after.rss - before.rss;
  const each = (total: number) =>
    Math.round(total / entries)
      .toString()
      .padStart(8);
  const percent = (total: number) => `${((bytes / total) * 100).toFixed(0)} %`.padStart(6);
  process.stdout.write(
    `${bodyBytes.toString().padStart(6)} B × ${entries}: counted ${each(bytes)}, heap and buffers ${each(heap)} (${percent(heap)}), ` +
      `resident ${each(resident)} (${percent(resident)}) bytes an entry\n`,
  );
}

const [bodyBytes, entries] = process.argv.slice(2).map(Number);
if (bodyBytes !== undefined && entries !== undefined) await measure(bodyBytes, entries);
// Each in a process of its own, whose growth is nothing but its entries.
else
  for (const { body, entries: count } of CASES) {
    const script = fileURLToPath(import.meta.url);
    spawnSync(
      process.execPath,
      ["--expose-gc", "--max-semi-space-size=1", script, String(body), String(count)],
      { stdio: "inherit" },
    );
  }
