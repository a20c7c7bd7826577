import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { cli } from "../../src/cli.ts";

/** An empty directory, gone when the test has finished. */
export function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "freshline-cli-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Runs one command of the real program in this process, and tells what it wrote. */
export async function freshline(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  directory = emptyDirectory(),
) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await cli(argv, {
    env,
    directory,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    program: () => import("../../src/main.ts"),
  });
  return { code, out, err };
}
