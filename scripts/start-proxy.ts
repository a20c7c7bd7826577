import type { Child, Crew } from "./children.ts";
import { NODE_ARGS, PROXY_ENV } from "./node-args.ts";
import { chooseBlock, portState } from "./ports.ts";
import { RunError, type Wanted } from "./wanted.ts";

/** @throws RunError when the proxy's ports cannot be listened on, with one that can. */
export async function checkPorts({ port, adminPort }: Wanted): Promise<void> {
  await check(port, "the proxy", port);
  await check(adminPort, "the admin API", port);
}

async function check(port: number, whom: string, near: number): Promise<void> {
  const state = await portState(port);
  if (state === "free") return;
  const what = state === "taken" ? "is taken" : "is not allowed to this user";
  throw new RunError(`Port ${port}, which ${whom} is to listen on, ${what}; ${await instead(near)}.`);
}

/** A port that is free now, as the next one is, for the admin API. */
async function instead(near: number): Promise<string> {
  for (const first of [near + 10, 3000]) {
    const ports = await chooseBlock([first, first + 1], []);
    if (ports !== undefined) return `try make run port=${ports[0]}`;
  }
  return "try another port=";
}

/** The proxy, whose log is for this terminal, and which reads the .env file of `root` as well. */
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
    ...PROXY_ENV,
    ...process.env,
    PORT: String(wanted.port),
    ADMIN_PORT: String(wanted.adminPort),
    ORIGINS: origins.join(","),
    // Empty hides what .env says; where one is expected, the proxy attaches to it when it appears.
    REDIS_URL: redisUrl ?? wanted.redisUrl ?? "",
    // Mock origins are there to be played with, on the dashboard.
    FRESHLINE_PLAYGROUND: wanted.origins === undefined ? origins[0] : "",
    ...(wanted.logFormat === "auto" && process.stdout.isTTY ? logForTerminal(process.env) : {}),
  };
  return crew.start("The proxy", process.execPath, [...NODE_ARGS, ...nodeArgs, program], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What it would do by itself if its output were not a pipe. */
const logForTerminal = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  LOG_FORMAT: "pretty",
  ...(env["NO_COLOR"] ? {} : { FORCE_COLOR: "1" }),
});
