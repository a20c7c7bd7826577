import { setTimeout as delay } from "node:timers/promises";
import type { Child, Crew } from "./children.ts";
import { portState } from "./ports.ts";
import { RunError, type Wanted } from "./wanted.ts";

const START_MS = 30_000;

/** @throws RunError when the proxy's ports cannot be listened on. */
export async function checkPorts({ port, adminPort }: Wanted): Promise<void> {
  await check(port, "the proxy", `make run port=${port === 3000 ? 5000 : 3000}`);
  await check(adminPort, "the admin API", "ADMIN_PORT=… make run, or another port=");
}

async function check(port: number, whom: string, instead: string): Promise<void> {
  const state = await portState(port);
  if (state === "taken") {
    throw new RunError(`Port ${port}, which ${whom} is to listen on, is taken; try ${instead}.`);
  }
  if (state === "forbidden") {
    throw new RunError(
      `Port ${port}, which ${whom} is to listen on, is not allowed to this user; try ${instead}.`,
    );
  }
}

/** The proxy, which logs to this terminal, and reads the .env file of `root` as well. */
export function startProxy(
  crew: Crew,
  root: string,
  nodeArgs: readonly string[],
  program: string,
  wanted: Wanted,
  origins: readonly string[],
  redisUrl: string | undefined,
): Child {
  const env = {
    ...process.env,
    PORT: String(wanted.port),
    ADMIN_PORT: String(wanted.adminPort),
    ORIGINS: origins.join(","),
    // Empty hides what .env says; where one is expected, the proxy attaches to it when it appears.
    REDIS_URL: redisUrl ?? wanted.redisUrl ?? "",
  };
  return crew.start("The proxy", process.execPath, [...nodeArgs, program], { cwd: root, env });
}

/**
 * Waits until the admin API says that the proxy is alive.
 *
 * @throws RunError when it ends before, or takes too long.
 */
export async function untilListening(proxy: Child, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const url = `http://${wanted.adminHost}:${wanted.adminPort}/health/live`;
  const until = Date.now() + START_MS;
  while (!signal.aborted) {
    if (proxy.ending !== undefined) throw new RunError(`${proxy.name} ${proxy.ending} before it listened.`);
    if (Date.now() > until) throw new RunError(`${proxy.name} does not answer at ${url}.`);
    if (await isAlive(url)) return;
    await delay(50);
  }
}

async function isAlive(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
