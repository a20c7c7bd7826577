import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { cpuSeconds, cpuSecondsOfEach, residentBytes } from "../../bench/server-usage.ts";
import { until } from "../until.ts";

/** A shell that does nothing, above one that does nothing but work. */
function startFamily(): number {
  const child = spawn("/bin/sh", ["-c", "(while :; do :; done) & echo; wait"], {
    stdio: "ignore",
    detached: true,
  });
  const pid = child.pid ?? 0;
  onTestFinished(() => void process.kill(-pid, "SIGKILL"));
  return pid;
}

it.runIf(existsSync("/proc/self/stat"))("counts what the children of a process use as its own", async () => {
  const pid = startFamily();
  const before = cpuSeconds(pid);
  await until("its child has used 50 ms of CPU", () => cpuSeconds(pid) - before >= 0.05);
  const each = cpuSecondsOfEach(pid);
  expect(each.size).toBe(2);
  expect(each.get(pid)).toBeLessThan(0.05);
  expect(residentBytes(pid)).toBeGreaterThan(100_000);
});

it.runIf(existsSync("/proc/self/stat"))("gives a process that is gone no CPU and no memory", () => {
  const none = 2 ** 30;
  expect([cpuSeconds(none), residentBytes(none)]).toEqual([0, 0]);
});
