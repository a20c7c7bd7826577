import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AskCommand, ask } from "../../scripts/ask-command.ts";
import { Crew } from "../../scripts/children.ts";

let crew: Crew;
beforeEach(() => {
  crew = new Crew();
});
afterEach(() => crew.stopAll(1_000));

const shell = (script: string, options: Partial<AskCommand> = {}) =>
  ask("sh", ["-c", script], { crew, cwd: process.cwd(), timeout: 20_000, ...options });

test("answers what was printed, whole", async () => {
  expect(await shell("printf a; sleep 0.1; printf b")).toBe("ab");
});

test.each([
  ["fails", "sh", ["-c", "echo a; exit 3"]],
  ["is missing", "no-such-command-here", []],
])("answers nothing when the command %s", async (_how, command, args) => {
  expect(await ask(command, args, { crew, cwd: process.cwd(), timeout: 20_000 })).toBeUndefined();
});

test("ends what takes too long, and what prints without end", async () => {
  expect(await shell("sleep 600", { timeout: 50 })).toBeUndefined();
  expect(await shell("yes")).toBeUndefined();
});

test("a command that is interrupted ends with all that it had started", async () => {
  const folder = await mkdtemp(join(tmpdir(), "freshline-ask-"));
  const file = join(folder, "pid");
  const stopping = new AbortController();
  const answer = shell(`sleep 600 & echo $! >${file}; wait`, { signal: stopping.signal });
  const pid = await eventually(async () => Number(await readFile(file, "utf8")) || undefined);
  stopping.abort();
  expect(await answer).toBeUndefined();
  expect(await eventually(async () => isGone(pid) || undefined)).toBe(true);
  await rm(folder, { recursive: true });
});

async function eventually<T>(found: () => Promise<T | undefined>): Promise<T> {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    const value = await found().catch(() => undefined);
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("not in time");
}

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
