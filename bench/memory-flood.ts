/**
 * Does the memory tier stay within its bounds, and do a million entries cost what a thousand cost?
 * `node bench/memory-flood.ts`: a million URLs of 1 KiB through 64 MiB, with the process's growth on the way;
 * then a look-up in a tier of 10³, 10⁵ and 10⁶ entries, all of them by chance, and the same few; what
 * putting them in cost, and the longest stops for the garbage collector. CPU time, each in a process of its own.
 */
import { spawnSync } from "node:child_process";
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MemoryStore } from "../src/store/memory.ts";
import { plainEntry, urlOf } from "./plain-entry.ts";

const MIB = 1024 * 1024;
const URLS = 1_000_000;
const LOOKUPS = 300_000;
const NOW = 1_795_262_400_000;
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Nanoseconds of this process's CPU, its collector's included, for one of so many. */
function cost(times: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.round(((user + system) * 1000) / times);
}

async function flood(): Promise<void> {
  const store = new MemoryStore({ capacity: 64 * MIB, now: () => NOW });
  await pause(200);
  const start = process.memoryUsage().rss;
  const marks: string[] = [];
  for (let i = 0; i < URLS; i++) {
    const url = urlOf(i);
    if (store.lookup(url, []).type === "none") store.keep(url, plainEntry(i, 1024));
    if ((i + 1) % (URLS / 10) !== 0) continue;
    marks.push(((process.memoryUsage().rss - start) / MIB).toFixed(0));
    // A proxy waits for its clients now and then, and buffers are freed meanwhile.
    await pause(10);
  }
  const { entries, bytes } = store.stats();
  say(
    `10⁶ URLs through 64 MiB: resident ${(start / MIB).toFixed(0)} MiB before, and ${marks.join(", ")} MiB more`,
  );
  say(`  ${entries} entries, ${(bytes / MIB).toFixed(1)} MiB by its own count`);
}

async function lookups(entries: number): Promise<void> {
  let longestMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestMs = Math.max(longestMs, duration);
  }).observe({ entryTypes: ["gc"] });
  const store = new MemoryStore({ capacity: 16 * 1024 * MIB, now: () => NOW });
  const putting = cost(entries, () => {
    for (let i = 0; i < entries; i++) store.keep(urlOf(i), plainEntry(i, 1024));
  });
  await pause(100);
  const filled = longestMs;
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const asking = (below: number) => {
    let sum = 0;
    return cost(LOOKUPS, () => {
      for (let i = 0; i < LOOKUPS; i++) {
        const found = store.lookup(urlOf(random(below)), []);
        if (found.type === "found") sum += found.entry.stored.fields.length + found.entry.body.length;
      }
      if (sum === 0) throw new Error("nothing was found");
    });
  };
  const urls = cost(LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++) urlOf(random(entries));
  });
  for (const below of [entries, 1000]) asking(below);
  longestMs = 0;
  const all = asking(entries) - urls;
  const few = asking(1000) - urls;
  await pause(100);
  const { heapUsed, rss } = process.memoryUsage();
  say(
    `${String(entries).padStart(8)} entries: ${all} ns a look-up of all, ${few} ns of a thousand; ${putting} ns each to make and put; ` +
      `longest collection ${filled.toFixed(0)} ms while filling, ${longestMs.toFixed(0)} ms while asking; ` +
      `heap ${(heapUsed / MIB).toFixed(0)} MiB, resident ${(rss / MIB).toFixed(0)} MiB`,
  );
}

const [what] = process.argv.slice(2);
if (what === "flood") await flood();
else if (what !== undefined) await lookups(Number(what));
else
  for (const part of ["flood", "1000", "100000", "1000000"])
    spawnSync(process.execPath, [fileURLToPath(import.meta.url), part], { stdio: "inherit" });
