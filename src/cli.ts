import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { audit } from "./cli/audit.ts";
import { type Flags, readCommandLine } from "./cli/command-line.ts";
import {
  type ClearSharedCache,
  clear,
  messageOf,
  purge,
  restart,
  stats,
  type Terminal,
} from "./cli/commands.ts";
import { completion } from "./cli/completion.ts";
import { config as showConfig } from "./cli/config.ts";
import { entries } from "./cli/entries.ts";
import { explain } from "./cli/explain.ts";
import { health } from "./cli/health.ts";
import { helpText } from "./cli/help.ts";
import { hist } from "./cli/hist.ts";
import { type Main, run } from "./cli/run.ts";
import { stat } from "./cli/stat.ts";
import { origins, reload } from "./cli/steering.ts";
import { tail } from "./cli/tail.ts";
import { top } from "./cli/top.ts";
import { type Examine, validate } from "./cli/validate.ts";
import { warm } from "./cli/warm.ts";
import type { Settled } from "./config/changes.ts";
import { packageDirectory, version } from "./config/package.ts";
import type { SettingName } from "./config/settings.ts";
import { type Config, type Loaded, loadConfig } from "./config.ts";

const LIVE = { tail, top, hist, stat } as const;

/** What the command line uses of src/main.ts, which is loaded only when a command needs it. */
export interface Program {
  readonly main: Main;
  readonly clearSharedCache: ClearSharedCache;
  readonly examine: Examine;
}

/** What a command line needs of the process in which it runs. */
export interface Surroundings extends Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly program: () => Promise<Program>;
}

/**
 * Does what the words after `freshline` ask for, and answers the exit code:
 * 0 done, 1 not done, 2 not understood, 130 interrupted. A started proxy goes on after 0.
 */
export async function cli(argv: readonly string[], around: Surroundings): Promise<number> {
  const asked = readCommandLine(argv);
  switch (asked.type) {
    case "help":
      around.out(helpText().trimEnd());
      return 0;
    case "version":
      around.out(version());
      return 0;
    case "mistake":
      return complain(asked.sentences, asked.flags, around);
    case "run":
      return withConfig(asked.flags, true, around, async (_, settled) =>
        run((await around.program()).main, settled, () => tryToLoad(asked.flags, true, around), around),
      );
    case "clear":
      return withConfig(asked.flags, false, around, (config) =>
        clear(config, asked.json, around, async () => (await around.program()).clearSharedCache),
      );
    case "warm":
      return withAdmin(asked.flags, around, (config) => warm(config, asked.warm, asked.json, around));
    case "purge":
      return withAdmin(asked.flags, around, (config) => purge(config, asked.purge, asked.json, around));
    case "audit":
      return audit(asked.urls, around, asked.json);
    case "live":
      return withAdmin(asked.flags, around, (config) => LIVE[asked.live.command](config, asked.live, around));
    case "entries":
      return withAdmin(asked.flags, around, (config) => entries(config, asked.entries, asked.json, around));
    case "explain":
      return withAdmin(asked.flags, around, (config) => explain(config, asked.explain, asked.json, around));
    case "reload":
      return withAdmin(asked.flags, around, (config) => reload(config, asked.json, around));
    case "origins":
      return withAdmin(asked.flags, around, (config) => origins(config, asked.origins, asked.json, around));
    case "restart":
      return withAdmin(asked.flags, around, (config) => restart(config, asked.json, around));
    case "config":
      return withConfig(asked.flags, false, around, (config, { settings }) =>
        showConfig(config, settings, asked.json, around),
      );
    case "health":
      return withAdmin(asked.flags, around, (config) => health(config, asked.json, around));
    case "validate":
      return validate(
        tryToLoad(asked.flags, true, around),
        asked.json,
        around,
        async () => (await around.program()).examine,
      );
    case "completion":
      around.out(completion(asked.shell).trimEnd());
      return 0;
    case "stats":
      return withAdmin(asked.flags, around, (config) => stats(config, asked.json, around));
  }
}

/** Tells the mistakes, and what is wrong with the settings too, so that all can be mended at once. */
function complain(mistakes: readonly string[], flags: Flags, around: Surroundings): number {
  const sentences = [...mistakes, ...settingErrors(flags, around)];
  if (sentences.length === 1) around.err(`freshline: ${sentences[0]}; see freshline --help`);
  else tell(`${sentences.length} mistakes; see freshline --help`, sentences, around);
  return 2;
}

function settingErrors(flags: Flags, around: Surroundings): readonly string[] {
  // What is missing may be what a mistyped flag was to give.
  const loaded = tryToLoad(flags, false, around);
  return loaded.ok ? [] : loaded.errors;
}

const cannotReadDotenv = (error: unknown): string => `cannot read .env: ${messageOf(error)}`;

function tell(heading: string, sentences: readonly string[], around: Surroundings): void {
  around.err(`freshline: ${heading}:`);
  for (const sentence of sentences) around.err(`  ${sentence}`);
}

function load(flags: Flags, originsRequired: boolean, around: Surroundings): Loaded {
  const dotenvText = textIfThere(join(around.directory, ".env"));
  return loadConfig({ flags, env: around.env, dotenvText, originsRequired });
}

async function withConfig(
  flags: Flags,
  originsRequired: boolean,
  around: Surroundings,
  act: (config: Config, settled: Settled) => Promise<number>,
): Promise<number> {
  let loaded: Loaded;
  try {
    loaded = load(flags, originsRequired, around);
  } catch (error) {
    around.err(`freshline: ${cannotReadDotenv(error)}`);
    return 1;
  }
  return loaded.ok ? act(loaded.config, loaded) : refuse(loaded.errors, around);
}

/** Who asks a running proxy goes by these. */
const OF_CLIENTS: ReadonlySet<SettingName> = new Set(["PORT", "ADMIN_HOST", "ADMIN_PORT", "ADMIN_TOKEN"]);

/** For commands that only ask a running proxy: what else is wrong is told, and stops nobody. */
async function withAdmin(
  flags: Flags,
  around: Surroundings,
  act: (config: Config) => Promise<number>,
): Promise<number> {
  const goOn = (without: string) => around.err(`freshline: ${without}; this command goes on without it`);
  let dotenvText = "";
  try {
    dotenvText = textIfThere(join(around.directory, ".env"));
  } catch (error) {
    goOn(cannotReadDotenv(error));
  }
  const written = { flags, env: around.env, dotenvText, originsRequired: false };
  const loaded = loadConfig({ ...written, needed: OF_CLIENTS });
  if (!loaded.ok) return refuse(loaded.errors, around);
  for (const sentence of loaded.ignored) goOn(sentence);
  return act(loaded.config);
}

function refuse(errors: readonly string[], around: Surroundings): number {
  tell(errors.length === 1 ? "1 setting is wrong" : `${errors.length} settings are wrong`, errors, around);
  return 1;
}

/** What cannot be read at all counts as wrong. */
function tryToLoad(flags: Flags, originsRequired: boolean, around: Surroundings): Loaded {
  try {
    return load(flags, originsRequired, around);
  } catch (error) {
    return { ok: false, errors: [cannotReadDotenv(error)] };
  }
}

function textIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

const here = fileURLToPath(import.meta.url);

/** Imported by a test, this file does nothing; run by Node, or by bin/freshline.js, it is the program. */
function isProgram(): boolean {
  const started = process.argv[1];
  if (started === undefined || !existsSync(started)) return false;
  return [here, join(packageDirectory(), "bin", "freshline.js")].includes(realpathSync(started));
}

if (isProgram()) {
  // `freshline --help | head` closes the pipe early, and then there is nobody left to tell.
  process.stdout.on("error", () => {});
  const exitCode = await cli(process.argv.slice(2), {
    env: process.env,
    directory: process.cwd(),
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    program: () => import("./main.ts"),
  });
  process.exitCode = exitCode;
  // A start that failed half-way may have left something open that would hold the process.
  if (exitCode !== 0) process.exit();
}
