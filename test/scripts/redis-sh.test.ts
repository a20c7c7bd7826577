import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../scripts/redis.sh", import.meta.url));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Result> {
  return new Promise((resolve) => {
    execFile(file, args, { env, encoding: "utf8" }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe("scripts/redis.sh", () => {
  test.each([
    ["--binary", /^(Redis|Valkey) server v=/],
    ["--cli", /^(redis|valkey)-cli /],
  ])("%s prints one path, of a program that runs", { timeout: 400_000 }, async (mode, version) => {
    const { code, stdout } = await run(SCRIPT, [mode]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\/[^\n]+\n$/);
    expect((await run(stdout.trim(), ["--version"])).stdout).toMatch(version);
  });

  test("any other word gets the usage", async () => {
    const { code, stdout, stderr } = await run(SCRIPT, ["--server"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("--binary | --cli");
  });
});

describe("on a machine of its own", () => {
  let folder: string;
  let script: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "freshline-redis-sh-"));
    mkdirSync(join(folder, "scripts"));
    mkdirSync(join(folder, "bin"));
    script = join(folder, "scripts", "redis.sh");
    copyFileSync(SCRIPT, script);
    // A PATH with neither a Redis nor a package manager.
    for (const tool of ["dirname", "uname", "rm"]) {
      const { stdout } = await run("/bin/sh", ["-c", `command -v ${tool}`]);
      symlinkSync(stdout.trim(), join(folder, "bin", tool));
    }
    env = { PATH: join(folder, "bin") };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("without a Redis and a way to bring one, it says so in one sentence", async () => {
    const { code, stdout, stderr } = await run("/bin/sh", [script, "--binary"], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^No Redis was found[^\n]*\n$/);
  });

  test("a valkey-server on the PATH will do", async () => {
    symlinkSync("/bin/sh", join(folder, "bin", "valkey-server"));
    const { code, stdout } = await run("/bin/sh", [script, "--binary"], env);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${join(folder, "bin", "valkey-server")}\n` });
  });
});
