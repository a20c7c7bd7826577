import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Child } from "../scripts/children.ts";
import { Crew } from "../scripts/children.ts";
import { untilSays } from "../scripts/until-says.ts";
import { ask, connected } from "./ask.ts";
import { type Cores, chooseCores, onPath, pinned } from "./cores.ts";

/** How long, and how much of everything. */
export interface Extent {
  /** How often each contender is measured; the first time is thrown away. */
  readonly rounds: number;
  /** How long a measurement lasts. */
  readonly seconds: number;
  /** How many entries are many. */
  readonly entries: number;
}

/** What every row has to work with. */
export interface Stage {
  readonly cores: Cores;
  readonly extent: Extent;
  /** On disk, and in memory where there is such a file system: both go with the stage. */
  readonly directory: string;
  readonly memoryDirectory: string;
  readonly originPort: number;
  /** wrk, where it is. */
  readonly wrk: string | undefined;
  /** How many requests the origin had since this was last asked. */
  originRequests(): Promise<number>;
  /** Starts a process on the server's cores. Rejects, with what it said, when the port is not open soon. */
  serve(command: string, args: readonly string[], port: number, options?: ServeOptions): Promise<Child>;
  /** Ends everything that was started, and removes the folders. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** On the load's cores. */
  readonly beside?: boolean;
}

const START_MS = 30_000;
const PATIENCE_MS = 5000;
const MEMORY = "/dev/shm";

export async function openStage(extent: Extent): Promise<Stage> {
  const cores = chooseCores();
  const crew = new Crew();
  const directory = mkdtempSync(join(tmpdir(), "freshline-bench-"));
  const memoryDirectory = makeMemoryDirectory() ?? directory;
  let logs = 0;

  const close = async () => {
    await crew.stopAll(PATIENCE_MS);
    for (const each of [directory, memoryDirectory]) rmSync(each, { recursive: true, force: true });
  };
  try {
    const originPort = await startOrigin(crew, cores);
    const count = `GET /count HTTP/1.1\r\nHost: 127.0.0.1:${originPort}\r\n\r\n`;
    return {
      cores,
      extent,
      directory,
      memoryDirectory,
      originPort,
      wrk: onPath("wrk"),
      originRequests: async () => Number((await ask(originPort, count)).body),
      serve,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }

  async function serve(
    command: string,
    args: readonly string[],
    port: number,
    { env = {}, beside = false }: ServeOptions = {},
  ): Promise<Child> {
    logs += 1;
    const logFile = join(directory, `log-${logs}`);
    const log = openSync(logFile, "w");
    const [program, ...words] = pinned(beside ? cores.load : cores.server, command, args);
    const child = crew.start(command, program, words, {
      cwd: directory,
      env: { PATH: process.env["PATH"], HOME: directory, NODE_NO_WARNINGS: "1", ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const deadline = performance.now() + START_MS;
    for (;;) {
      const socket = await connected(port);
      socket?.destroy();
      if (socket !== undefined) return child;
      if (child.ending !== undefined || performance.now() > deadline) {
        await child.stop(0);
        throw new Error(`${command} does not start: ${readFileSync(logFile, "utf8").slice(-2000)}`);
      }
      await pause(20);
    }
  }
}

function makeMemoryDirectory(): string | undefined {
  try {
    return mkdtempSync(join(MEMORY, "freshline-bench-"));
  } catch {
    return undefined;
  }
}

async function startOrigin(crew: Crew, cores: Cores): Promise<number> {
  const script = fileURLToPath(new URL("origin.ts", import.meta.url));
  const [program, ...words] = pinned(cores.load, process.execPath, [script]);
  const child = crew.start("origin", program, words, { stdio: ["ignore", "pipe", "inherit"] });
  let port = 0;
  const ready = /^origin on (\d+)$/;
  child.stdout?.once("data", (chunk: Buffer) => {
    port = Number(ready.exec(chunk.toString().trim())?.[1]);
  });
  await untilSays(child, ready, START_MS, AbortSignal.timeout(START_MS));
  if (!(port > 0)) throw new Error("the origin does not start");
  return port;
}
