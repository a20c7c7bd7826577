import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { onPath } from "./cores.ts";
import type { Stage } from "./stage.ts";

/** Where it was measured, and with what: lines for people. */
export function machine({ cores, wrk, extent }: Stage): string[] {
  const gigabytes = (totalmem() / 1024 ** 3).toFixed(0);
  const pinning =
    cores.server === undefined
      ? "nothing is pinned to a core: there is one core, or no taskset"
      : `the server is pinned to core ${cores.server}, load and origin to ${cores.load}`;
  return [
    `${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores, ${gigabytes} GiB; ${type()} ${release()}; Node ${process.version}`,
    pinning,
    `load: ${wrk === undefined ? "bench/load.ts (no wrk here)" : versionOf("wrk", "-v")}, 64 connections, ` +
      `${extent.rounds} rounds of ${extent.seconds} s each, in turns; the machine's load average at the end: ${loadavg()[1]?.toFixed(1)}`,
    ["nginx -v", "varnishd -V", "haproxy -v", "traffic_server -V"]
      .map((words) => words.split(" "))
      .map(([program = "", flag = ""]) =>
        onPath(program) === undefined ? `no ${program}` : versionOf(program, flag),
      )
      .join("; "),
  ];
}

/** What a program says about itself, wherever it says it. */
function versionOf(program: string, flag: string): string {
  const said = execFileSync(
    "/bin/sh",
    ["-c", '"$1" "$2" 2>&1 || true', "sh", onPath(program) ?? program, flag],
    {
      encoding: "utf8",
    },
  );
  return (
    /(nginx\/[\d.]+|varnish-[\d.]+|HAProxy version [\d.]+|Traffic Server [\d.]+|wrk [\d.]+)/.exec(
      said,
    )?.[1] ?? program
  );
}
