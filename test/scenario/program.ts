import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { freePorts } from "../free-port.ts";
import { until } from "../until.ts";
import { ask } from "./site.ts";

/**
 * Freshline as a process of its own: `node src/cli.ts`, which is what the built program
 * is, without a build that other tests might be reading.
 */
export interface Program {
  readonly child: ChildProcess;
  readonly port: number;
  readonly adminPort: number;
  /** Standard output and standard error so far. */
  out(): string;
  err(): string;
  /** Resolves when standard output contains this. */
  says(text: string | RegExp): Promise<void>;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** The JSON lines of the log so far. */
  lines(): Record<string, unknown>[];
}

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
/** Three processes that start take 16 s of a machine on which ten others want each core. */
const DEADLINE_MS = 45_000;

type Settings = Partial<Record<SettingName, string>>;

interface Around {
  readonly preload?: string;
  /** Where it is started; where no .env of anybody's is read, unless a test says otherwise. */
  readonly directory?: string;
  /** Files and sockets that it may have open at once; as many as this process, when absent. */
  readonly descriptors?: number;
  /** All that it reads from standard input; nothing when absent. */
  readonly input?: string;
  /** Further words for Node. */
  readonly node?: readonly string[];
}

/** Runs `freshline …words` with these settings in its environment; killed when the test has finished. */
export function runProgram(
  words: readonly string[],
  settings: Settings,
  { preload, directory = tmpdir(), descriptors, input, node = [] }: Around = {},
): Omit<Program, "port" | "adminPort"> {
  const preloaded = preload === undefined ? [] : ["--import", `data:text/javascript,${preload}`];
  const command = [process.execPath, ...node, ...preloaded, CLI, ...words];
  const limited = ["sh", "-c", `ulimit -n ${descriptors} && exec "$@"`, "sh", ...command];
  const [file = "", ...args] = descriptors === undefined ? command : limited;
  const child = spawn(file, args, {
    cwd: directory,
    env: { PATH: process.env["PATH"], NODE_NO_WARNINGS: "1", ...settings },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(input);
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? -1));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return {
    child,
    out: () => out,
    err: () => err,
    exited,
    async says(text) {
      const said = () => (typeof text === "string" ? out.includes(text) : text.test(out));
      const wanted = () => `it says ${text}; it said:\n${out}\n${err}`;
      const saidOrGone = () => said() || child.exitCode !== null || child.signalCode !== null;
      await until(wanted, saidOrGone, DEADLINE_MS);
      if (!said()) throw new Error(`waited in vain until ${wanted()}`);
    },
    lines: () =>
      out
        .split("\n")
        // The last one is still being read.
        .slice(0, -1)
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** Starts the proxy on free ports, and waits until it says that it runs. */
export async function startProgram(
  settings: Settings,
  { words = [], ...options }: Around & { readonly words?: readonly string[] } = {},
): Promise<Program> {
  for (let tries = 1; ; tries++) {
    const [port = 0, adminPort = 0] = await freePorts(2);
    const ports = { PORT: String(port), ADMIN_PORT: String(adminPort) };
    const program = runProgram(words, { HOST: "127.0.0.1", ...ports, ...settings }, options);
    try {
      await program.says("Freshline on http://");
      return { ...program, port, adminPort };
    } catch (error) {
      // Between its choice and its use a connection of some other test may have got the port.
      if (tries === 5 || !/port (\d+) is taken/.test(program.err())) throw error;
    }
  }
}

/** Starts it as `startProgram` does, and waits until it hears of what other instances purge, lead and store. */
export async function startSharing(settings: Settings): Promise<Program> {
  const program = await startProgram(settings);
  const ready = `http://127.0.0.1:${program.adminPort}/health/ready`;
  const hears = async () => (await ask(ready)).json()["detail"] === "ok";
  await until("it hears of other instances", hears, DEADLINE_MS);
  return program;
}
