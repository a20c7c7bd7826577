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

/** Where there is no such shell its tests do not run, and say what would make them. */
const describeIn = (shell: string, tests: () => void): void => {
  const note = hasShell(shell) ? "" : ` (not run: no ${shell} here; apt-get install ${shell})`;
  if (note !== "") console.warn(`freshline completion ${shell}${note}`);
  describe.skipIf(note !== "")(`freshline completion ${shell}${note}`, tests);
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

describeIn("bash", () => {
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

/** Types each of these lines and a tab, and says what stands there then. */
const TYPIST = `
  zmodload zsh/zpty
  zpty typed zsh -f -i
  zpty -w typed 'PROMPT= RPROMPT=; unset zle_bracketed_paste; setopt no_beep no_auto_list; source $SCRIPT; '\\
'shown() { print -r -- "[$BUFFER]"; BUFFER= }; zle -N shown; bindkey "^G" shown; print -r -- re"ady"'
  zpty -r typed answer '*ready*'
  for line in "$@"; do
    zpty -w -n typed "$line"$'\\t\\a'
    zpty -r typed answer '*\\[*\\]*'
    print -r -- "\${\${answer##*\\[}%%\\]*}"
  done
  zpty -d typed`;

describeIn("zsh", () => {
  it("makes of what is typed what is meant, as far as that is clear", () => {
    const directory = emptyDirectory();
    writeFileSync(join(directory, "urls of mine.txt"), "");
    const script = join(directory, "completion.zsh");
    writeFileSync(script, completion("zsh"));
    const meant = {
      "freshline val": "freshline validate",
      "freshline st": "freshline stat",
      "freshline warm --con": "freshline warm --concurrency",
      "freshline --admin-port 1 purge --so": "freshline --admin-port 1 purge --soft",
      "freshline completion f": "freshline completion fish",
      "freshline warm ur": "freshline warm urls\\ of\\ mine.txt",
      "freshline stats ur": "freshline stats ur",
      "freshline purge --con": "freshline purge --con",
    };
    const env = { ...process.env, HOME: directory, ZDOTDIR: directory, SCRIPT: script };
    const said = execFileSync("zsh", ["-f", "-c", TYPIST, "typist", ...Object.keys(meant)], {
      ...{ cwd: directory, encoding: "utf8", env, timeout: 30_000 },
    });
    expect(
      said
        .trimEnd()
        .split("\n")
        .map((line) => line.trimEnd()),
    ).toEqual(Object.values(meant));
  });
});

describeIn("fish", () => {
  it("offers commands with what they do, their flags and words, and files where files are meant", () => {
    const directory = emptyDirectory();
    writeFileSync(join(directory, "urls of mine.txt"), "");
    writeFileSync(join(directory, "completion.fish"), completion("fish"));
    const offers = (line: string): string[] =>
      execFileSync("fish", ["--no-config", "-c", "source completion.fish; complete -C $argv[1]", line], {
        ...{ cwd: directory, encoding: "utf8", timeout: 30_000 },
        env: { ...process.env, HOME: directory },
      })
        .split("\n")
        .filter((offer) => offer !== "");
    expect(offers("freshline ").map((offer) => offer.split("\t")[0])).toEqual(
      COMMANDS.map(({ name }) => name).toSorted(),
    );
    expect(offers("freshline stats")).toEqual(["stats\tShow what the running proxy has counted"]);
    expect(offers("freshline completion ")).toEqual(["bash", "fish", "zsh"]);
    expect(offers("freshline warm --con")).toEqual(["--concurrency"]);
    expect(offers("freshline purge --con")).toEqual([]);
    expect(offers("freshline --admin-port 1 purge --so")).toEqual(["--soft"]);
    expect(offers("freshline warm ur")).toEqual(["urls of mine.txt"]);
    expect(offers("freshline --redis-ca ur")).toEqual(["urls of mine.txt"]);
    expect(offers("freshline stats ur")).toEqual([]);
  });
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
