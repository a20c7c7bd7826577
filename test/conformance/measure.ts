import { type ChildProcess, fork, spawn } from "node:child_process";
import { devNull, tmpdir } from "node:os";
import { startRedis } from "../redis-server.ts";
import { SET_UPS, type SetUp, type SetUpName } from "./set-ups.ts";
import { CLIENT, ORIGIN_SERVER, type RawResults } from "./suite.ts";

/** What one run gave: the package's tests, and the rows that stand for what the survey changed since. */
export interface Measurement {
  readonly ofPackage: RawResults;
  readonly ofRows: RawResults;
}

export type Measured = Readonly<Record<SetUpName, Measurement>>;

const ORIGIN_DEADLINE_MS = 20_000;
/** A whole run waits for some 14 seconds, whatever the machine. */
const RUN_DEADLINE_MS = 180_000;

/** Runs the suite in every set-up at once: one Redis, the suite's one origin server, a proxy each. */
export async function measure(): Promise<Measured> {
  // No `await using`: `make conformance` runs this as it is, also on Node 22.
  const redis = await startRedis();
  try {
    const originUrl = await startSuiteOrigin();
    const measured = await Promise.all(
      SET_UPS.map(async (setUp) => [setUp.name, await measureOne(setUp, redis.url, originUrl)] as const),
    );
    return Object.fromEntries(measured) as Record<SetUpName, Measurement>;
  } finally {
    // When one run fails, the others are in vain.
    await Promise.all([...running].map(ended));
    await redis[Symbol.asyncDispose]();
  }
}

async function measureOne(
  { name, settings }: SetUp,
  redisUrl: string,
  originUrl: string,
): Promise<Measurement> {
  const all = {
    ORIGINS: originUrl,
    REDIS_URL: redisUrl,
    CACHE_NAMESPACE: `freshline-${name}`,
    HEALTH_CHECK_INTERVAL: "1h",
    // What is measured is what the cache decides, not how fast this machine is.
    REDIS_COMMAND_TIMEOUT: "10s",
    SHUTDOWN_TIMEOUT: "1s",
    ...settings,
  };
  const child = fork(CLIENT, [JSON.stringify(all)], {
    // No .env of anybody's is read there.
    cwd: tmpdir(),
    env: { PATH: process.env["PATH"], NODE_NO_WARNINGS: "1" },
    execArgv: [],
  });
  running.add(child);
  const timer = setTimeout(() => child.kill("SIGKILL"), RUN_DEADLINE_MS);
  try {
    return await new Promise<Measurement>((resolve, reject) => {
      child.once("message", (results) => resolve(results as Measurement));
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(new Error(`the run "${name}" ended with ${code ?? signal}`)),
      );
    });
  } finally {
    clearTimeout(timer);
    await ended(child);
  }
}

/** Starts the package's own server on a port that the system chooses, and resolves to its URL. */
async function startSuiteOrigin(): Promise<string> {
  const child = spawn(process.execPath, [ORIGIN_SERVER], {
    // It serves files from where it is started.
    cwd: tmpdir(),
    env: {
      PATH: process.env["PATH"],
      NODE_NO_WARNINGS: "1",
      npm_config_protocol: "http",
      npm_config_port: "0",
      npm_config_pidfile: devNull,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  let out = "";
  const port = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the suite's server did not start")), ORIGIN_DEADLINE_MS);
    child.once("exit", (code) => reject(new Error(`the suite's server ended with ${code}`)));
    // Read to its end, or the server would wait for its reader.
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out = (out + text).slice(0, 1000);
      const found = /Listening on http:\S*:(\d+)\//.exec(out)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
  return `http://127.0.0.1:${port}`;
}

/** Ends a child, and waits until it has ended. */
async function ended(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** Children must not outlive the tests, whatever ends them. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
