import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

/** A real Redis of a test's own: empty, on a free port, gone with the test. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Of the server that runs now; `restart` changes it. */
  readonly pid: number;
  /** Runs one command, as in redis-cli: `command("HGETALL", key)`. */
  command(name: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
  /** Ends the server at once, as a crash would. */
  stop(): Promise<void>;
  /** Starts it again on the same port (after `stop`, or instead of it), empty. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const START_DEADLINE_MS = 20_000;

/** Starts a redis-server; `args` are added to its command line. */
export const startRedis = (args: readonly string[] = []): Promise<TestRedis> =>
  startServer((port, directory) => {
    const defaults = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    // A replica is sent everything at once, and not when others might have come as well.
    const replicas = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
    return [...defaults, ...replicas, "--dir", directory, ...args];
  });

/** Starts a Sentinel with these lines as its settings. */
export const startSentinel = (lines: readonly string[]): Promise<TestRedis> =>
  startServer((port, directory) => {
    const file = join(directory, "sentinel.conf");
    writeFileSync(file, [`port ${port}`, "bind 127.0.0.1", `dir ${directory}`, ...lines, ""].join("\n"));
    return [file, "--sentinel"];
  });

/** Resolves when the replica has all that its master has now; rejects after twenty seconds. */
export async function untilReplicated(master: TestRedis, replica: TestRedis): Promise<void> {
  const offset = async (redis: TestRedis, name: string) =>
    Number(new RegExp(`${name}:(\\d+)`).exec(String(await redis.command("INFO", "replication")))?.[1]);
  const wanted = await offset(master, "master_repl_offset");
  const hasAll = async () => {
    // NaN while it is no replica yet, 0 while it has nothing.
    const has = await offset(replica, "slave_repl_offset");
    return has > 0 && has >= wanted;
  };
  await until("the replica follows its master", hasAll, START_DEADLINE_MS);
}

async function startServer(
  commandLine: (port: number, directory: string) => readonly string[],
): Promise<TestRedis> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "freshline-redis-"));
  const url = `redis://127.0.0.1:${port}`;
  let server: ChildProcess | undefined;
  let client: Redis | undefined;

  const start = async () => {
    server = spawn(redisBinary(), commandLine(port, directory), { stdio: "ignore" });
    running.add(server);
    client = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: () => 20 });
    client.on("error", () => undefined);
    const deadline = Date.now() + START_DEADLINE_MS;
    for (;;) {
      const answer = await client.ping().catch((error: Error) => error.message);
      if (answer === "PONG") return;
      if (server.exitCode !== null || Date.now() > deadline) {
        throw new Error(`redis-server on port ${port} did not start: ${answer}`);
      }
    }
  };
  const stop = async () => {
    const ended = server;
    server = undefined;
    client?.disconnect();
    client = undefined;
    if (ended === undefined) return;
    running.delete(ended);
    if (ended.exitCode !== null || ended.signalCode !== null) return;
    const gone = new Promise((resolve) => ended.once("exit", resolve));
    ended.kill("SIGKILL");
    await gone;
  };

  await start().catch(async (error: unknown) => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  return {
    url,
    port,
    get pid() {
      if (server?.pid === undefined) throw new Error("the test's redis-server is stopped");
      return server.pid;
    },
    async command(name, ...commandArgs) {
      if (client === undefined) throw new Error("the test's redis-server is stopped");
      return await client.call(name, ...commandArgs);
    },
    stop,
    async restart() {
      await stop();
      await start();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Servers must not outlive the tests, whatever ends them. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const server of running) server.kill("SIGKILL");
});

let binary: string | undefined;
function redisBinary(): string {
  binary ??=
    process.env["FRESHLINE_TEST_REDIS_SERVER"] ??
    execFileSync(fileURLToPath(new URL("../scripts/redis.sh", import.meta.url)), ["--binary"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    }).trim();
  return binary;
}
