import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** Where servers and where load run: lists of cores as taskset takes them, or undefined where there is no choice. */
export interface Cores {
  readonly server: string | undefined;
  readonly load: string | undefined;
}

/** The first core for the server, the others for everything else. */
export function chooseCores(): Cores {
  const count = availableParallelism();
  if (count < 2 || onPath("taskset") === undefined) return { server: undefined, load: undefined };
  return { server: "0", load: count === 2 ? "1" : `1-${count - 1}` };
}

/** A command line, kept to these cores. It stays one process: taskset becomes what it starts. */
export const pinned = (
  cores: string | undefined,
  command: string,
  args: readonly string[],
): [string, ...string[]] =>
  cores === undefined ? [command, ...args] : ["taskset", "-c", cores, command, ...args];

/** Where a program is, in PATH or where Debian keeps those for root; undefined when it is nowhere. */
export function onPath(program: string): string | undefined {
  const path = `${process.env["PATH"]}:/usr/local/sbin:/usr/sbin:/sbin`;
  try {
    return execFileSync("/bin/sh", ["-c", 'command -v "$1"', "sh", program], {
      encoding: "utf8",
      env: { PATH: path },
    }).trim();
  } catch {
    return undefined;
  }
}

/** Moves a process that runs already. */
export function pinPid(cores: string | undefined, pid: number): void {
  if (cores !== undefined) execFileSync("taskset", ["-apc", cores, String(pid)], { stdio: "ignore" });
}
