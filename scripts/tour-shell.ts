import { spawn } from "node:child_process";

/** One command that was run, and what a terminal would have shown. */
export interface Take {
  readonly command: string;
  /** The lines of both its outputs, in the order of their arrival. */
  readonly printed: readonly string[];
  readonly ms: number;
}

const PATIENCE_MS = 40_000;

/**
 * Runs a command as a shell does. Its exit code is of no interest: what it prints tells.
 *
 * @throws Error when it cannot be started, or has not ended after 40 seconds and was ended.
 */
export function take(command: string): Promise<Take> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const shell = spawn("bash", ["-c", command], {
      // The way to this machine itself is not through anybody's proxy.
      env: { ...process.env, no_proxy: "*" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const timer = setTimeout(() => {
      if (shell.pid !== undefined) process.kill(-shell.pid, "SIGKILL");
      reject(new Error(`not ended after ${PATIENCE_MS} ms: ${command}`));
    }, PATIENCE_MS);
    let text = "";
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
    }
    shell.once("error", (cause) => {
      clearTimeout(timer);
      reject(cause);
    });
    shell.once("close", () => {
      clearTimeout(timer);
      resolve({ command, printed: linesOf(text), ms: performance.now() - began });
    });
  });
}

function linesOf(text: string): string[] {
  const lines = text.replaceAll("\r", "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
