import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCommandLine } from "../../src/cli/command-line.ts";
import { COMMANDS } from "../../src/cli/command-table.ts";
import { completion } from "../../src/cli/completion.ts";
import { flagsOf, SETTING_NAMES } from "../../src/config/settings.ts";
import { emptyDirectory } from "./in-process.ts";

const hasShell = (shell: string): boolean => {
  try {
    execFileSync(shell, ["-c", "exit"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** What bash offers for the last of these words. */
function offered(words: readonly string[], directory = emptyDirectory()): string[] {
  const quoted = ["freshline", ...words].map((word) => `'${word}'`).join(" ");
  const script = `${completion("bash")}
    COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _freshline
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = execFileSync("bash", ["--norc", "-u", "-c", script], { cwd: directory, encoding: "utf8" });
  return said.split("\n").filter((word) => word !== "");
}

describe.skipIf(!hasShell("bash"))("freshline completion bash", () => {
  it("offers every command, and those that begin so", () => {
    expect(offered([""])).toEqual(COMMANDS.map(({ name }) => name));
    expect(offered(["st"])).toEqual(["stats", "stat"]);
  });

  it("offers a command's own flags, those of all and every setting's", () => {
    const flags = offered(["purge", "--"]);
    expect(flags).toEqual(expect.arrayContaining(["--soft", "--refresh", "--json", "--help"]));
    for (const name of SETTING_NAMES) for (const flag of flagsOf(name)) expect(flags).toContain(`--${flag}`);
    expect(flags).not.toContain("--concurrency");
    expect(offered(["warm", "--con"])).toEqual(["--concurrency"]);
    expect(offered(["--admin-port", "1", "warm", "--con"])).toEqual(["--concurrency"]);
    expect(offered(["--cl"])).toEqual(["--clear-cache"]);
    expect(offered(["completion", "--js"])).toEqual([]);
  });

  it("offers the words that a command takes, and no second command", () => {
    expect(offered(["completion", ""])).toEqual(["bash", "zsh", "fish"]);
    expect(offered(["stats", ""])).toEqual([]);
  });

  it("offers files where files are meant", () => {
    const directory = emptyDirectory();
    writeFileSync(join(directory, "urls of mine.txt"), "");
    expect(offered(["warm", "ur"], directory)).toEqual(["urls of mine.txt"]);
    expect(offered(["--redis-ca", "ur"], directory)).toEqual(["urls of mine.txt"]);
    expect(offered(["stats", "ur"], directory)).toEqual([]);
  });
});

it.each(["zsh", "fish"] as const)("freshline completion %s is a script of that shell", (shell) => {
  const script = completion(shell);
  for (const { name } of COMMANDS) expect(script).toContain(name);
  if (!hasShell(shell)) return;
  execFileSync(shell, ["--no-execute", "-c", script]);
});

describe("the table of commands", () => {
  it("names just the commands that there are", () => {
    for (const { name } of COMMANDS) {
      const line = readCommandLine([name]);
      const sentence = line.type === "mistake" ? line.sentences[0] : "";
      expect(sentence, name).not.toContain("is not a command");
    }
  });

  it("names flags that each command takes, with a value or without", () => {
    for (const { name, flags, json } of COMMANDS) {
      for (const { flag, takesValue } of [
        ...flags,
        ...(json ? [{ flag: "--json", takesValue: false }] : []),
      ]) {
        const line = readCommandLine([name, flag, ...(takesValue ? ["x: y"] : [])]);
        const sentence = line.type === "mistake" ? line.sentences[0] : "";
        expect(sentence, `${name} ${flag}`).not.toMatch(/is not a flag|needs a value|belongs to/);
      }
    }
  });
});
