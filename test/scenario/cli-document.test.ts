import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { COMMANDS } from "../../src/cli/command-table.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { loadConfig } from "../../src/config.ts";
import { start } from "../../src/start.ts";
import { emptyDirectory, freshline } from "../cli/in-process.ts";
import { runProgram } from "./program.ts";
import { ask } from "./site.ts";

const DOCUMENT = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

interface Example {
  readonly words: readonly string[];
  readonly output: string;
  /** As a sentence after it says; 0 where none does. */
  readonly code: number;
}

/** Every `$ freshline …` in the document, with what stands below it. */
const EXAMPLES: readonly Example[] = [...DOCUMENT.matchAll(/^```console\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = ""]) => block.split(/^(?=\$ )/m))
  .map((example) => {
    const [line = "", ...output] = example.trimEnd().split("\n");
    const [, command = "", code = "0"] = /^\$ freshline (.*?)(?: {3}# exit code (\d+))?$/.exec(line) ?? [];
    const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
    return { words, output: output.join("\n"), code: Number(code) };
  });

/** What differs from run to run goes: numbers, and with them times, ports and identifiers; and how columns stand. */
const shape = (text: string): string =>
  text
    .replace(/[\da-f]{8}-[\da-f-]{27}/g, "ID")
    .replace(/\d[\d.,:TZ-]*(?: ?[µm]s\b| s\b)?/g, "0")
    .replace(/[ ─█▏▎▍▌▋▊▉|]+/g, " ")
    .trim();

/** Is it the output that was promised? A line `…` stands for any lines. */
function promised(example: string, real: string): void {
  const parts = example.split(/^…$/m).map(shape);
  const said = shape(real);
  if (parts.length === 1) {
    expect(said).toBe(parts[0]);
    return;
  }
  let from = 0;
  for (const [i, part] of parts.entries()) {
    const at = said.indexOf(part, from);
    expect(at, `${part}\n— in —\n${said}`).toBeGreaterThanOrEqual(i === 0 ? 0 : from);
    if (i === 0) expect(at, said).toBe(0);
    from = at + part.length;
  }
}

/** The proxy that the examples are asked of, and the settings of a shell beside it. */
async function documented() {
  const mock = await startMockOrigins({ ports: [0, 0, 0] });
  onTestFinished(() => mock.close());
  const [first = "", second = "", third = ""] = mock.urls;
  const flags = { ORIGINS: `${first},${second}`, HEALTH_CHECK_INTERVAL: "1h" };
  /** On ports that the system chooses. */
  const load = (changed: Partial<Record<SettingName, string>> = {}) => {
    const loaded = loadConfig({ flags: { ...flags, ...changed } });
    if (!loaded.ok) throw new Error(loaded.errors.join("\n"));
    return { ...loaded, config: { ...loaded.config, PORT: 0, ADMIN_PORT: 0 } };
  };
  const { config, settings } = load();
  const proxy = await start(config, { settings, reread: () => load({ CACHE_KEEP: "1h" }) });
  onTestFinished(() => proxy.stop());
  const site = `http://127.0.0.1:${proxy.port}`;
  for (const path of ["/data?id=1&cache-control=max-age=60", "/data?id=1&cache-control=max-age=60", "/echo"])
    await ask(site + path);
  const env = { ORIGINS: flags.ORIGINS, PORT: String(proxy.port), ADMIN_PORT: String(proxy.adminPort) };
  const real = (word: string): string =>
    word
      .replace("http://127.0.0.1:4003", third)
      .replace("http://127.0.0.1:3000", site)
      .replace("http://localhost:3000", `http://localhost:${proxy.port}`);
  return { env, real, site };
}

const VIEWS: ReadonlySet<string | undefined> = new Set(["tail", "top", "hist", "stat"]);

it("docs/cli.md shows every command, and what each says is what it says", async () => {
  expect([...new Set(EXAMPLES.map(({ words }) => words[0]))].toSorted()).toEqual(
    COMMANDS.map(({ name }) => name).toSorted(),
  );
  const { env, real } = await documented();
  const directory = emptyDirectory();
  for (const { words, output, code } of EXAMPLES) {
    if (VIEWS.has(words[0])) continue;
    const said = await freshline(words.map(real), env, directory);
    promised(output, [...said.err, ...said.out].join("\n"));
    expect(said.code, words.join(" ")).toBe(code);
  }
});

it("docs/cli.md shows what goes on as it goes on", async () => {
  const { env, site } = await documented();
  const views = EXAMPLES.filter(({ words }) => VIEWS.has(words[0]));
  expect(views).toHaveLength(4);
  const once = views.filter(({ words }) => words[0] !== "tail");
  await Promise.all(
    once.map(async ({ words, output, code }) => {
      const command = runProgram(words, env);
      expect(await command.exited).toBe(code);
      promised(output, command.out());
    }),
  );
  for (const { words, output } of views.filter((view) => !once.includes(view))) {
    const command = runProgram(words, env);
    const asking = setInterval(() => void ask(`${site}/echo`).catch(() => {}), 50);
    await command.says("\n").finally(() => clearInterval(asking));
    command.child.kill("SIGINT");
    expect(await command.exited).toBe(0);
    promised(output, command.out().split("\n")[0] ?? "");
  }
});
