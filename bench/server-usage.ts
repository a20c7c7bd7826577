import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Seconds of CPU, user and system, by the processes' own accounting: of one process and of each below
 * it, those of children that have ended and were waited for included.
 */
export function cpuSecondsOfEach(pid: number): Map<number, number> {
  const seconds = new Map<number, number>();
  for (const each of family(pid)) {
    // utime, stime, cutime and cstime: 14 to 17 in proc(5).
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = statOf(each).slice(11, 15).map(Number);
    seconds.set(each, (utime + stime + cutime + cstime) / ticksPerSecond());
  }
  return seconds;
}

export const cpuSeconds = (pid: number): number =>
  [...cpuSecondsOfEach(pid).values()].reduce((total, seconds) => total + seconds, 0);

/** Resident bytes of a process and all below it; what they share counts for each. */
export function residentBytes(pid: number): number {
  let kibibytes = 0;
  for (const each of family(pid)) {
    kibibytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(textOf(`/proc/${each}/status`))?.[1] ?? 0);
  }
  return kibibytes * 1024;
}

let ticks: number | undefined;
function ticksPerSecond(): number {
  ticks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticks;
}

function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name)) parents.set(Number(name), Number(statOf(Number(name))[1]));
  }
  const found = [pid];
  for (const each of found) {
    for (const [child, parent] of parents) if (parent === each) found.push(child);
  }
  return found;
}

/** The fields from the third on: the second, the name, may have spaces in it. */
function statOf(pid: number): string[] {
  const text = textOf(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Empty when it has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
