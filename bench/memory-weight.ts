/**
 * Is CACHE_MEMORY_BYTES true? Fills the memory tier with entries as they come from an origin, and
 * compares what the tier says it holds with what the process has grown by, for bodies of 100 bytes,
 * 1 KiB and 64 KiB: `node bench/memory-weight.ts`. The estimate (src/store/memory.ts) should be within
 * 15 % of the growth, the allocator's waste included. The program's own young generation grows in the
 * beginning, whatever is stored; it is kept small here.
 */
import { spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Entry } from "../src/cache/ports.ts";
import { MemoryStore } from "../src/store/memory.ts";

const CASES = [
  { body: 100, entries: 100_000 },
  { body: 1024, entries: 100_000 },
  { body: 65_536, entries: 4_000 },
];

/** A string of its own, as a parser makes one. */
const fresh = (text: string): string => Buffer.from(text, "latin1").toString("latin1");

function entry(i: number, bodyBytes: number): Entry {
  const uri = fresh(`http://www.example.test/catalogue/articles/${i}?page=${i % 7}`);
  const etag = fresh(`"${i.toString(16).padStart(16, "0")}"`);
  const lines = [
    ["Content-Type", "text/html; charset=utf-8"],
    ["Cache-Control", "public, max-age=600, stale-while-revalidate=60"],
    ["Date", "Sat, 21 Nov 2026 12:00:00 GMT"],
    ["Last-Modified", "Fri, 20 Nov 2026 12:00:00 GMT"],
    ["ETag", etag],
    ["Server", "example"],
    ["X-Request-Id", `req-${i.toString(16).padStart(24, "0")}`],
    ["Cache-Groups", `"article-${i}"`],
  ];
  return {
    stored: {
      uri,
      selectingFields: {},
      status: 200,
      statusMessage: fresh("OK"),
      fields: lines.flat().map(fresh),
      etag,
      lastModified: fresh("Fri, 20 Nov 2026 12:00:00 GMT"),
      bodyLength: bodyBytes,
      responseTime: 1_795_262_400_000 + i,
      initialAge: 0.25,
      freshnessLifetime: 600,
      staleWhileRevalidate: 60,
      staleIfError: 0,
      keep: 660,
      mustRevalidate: false,
      noCache: false,
      tags: [fresh(`article-${i}`)],
      epoch: 7,
    },
    body: new Uint8Array(bodyBytes).fill(i & 0xff),
  };
}

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
  for (let i = 0; i < 200; i++) store.keep(`warm-up ${i}`, entry(i, bodyBytes));
  store.clear();
  const before = await collected();
  for (let i = 0; i < entries; i++) {
    const one = entry(i, bodyBytes);
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
