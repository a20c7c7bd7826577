import { isLoopback } from "../src/config/addresses.ts";
import { ask } from "./ask-command.ts";
import { portState } from "./ports.ts";
import { addressOf, untilAnswers } from "./redis-line.ts";
import type { FindRedis, FoundRedis } from "./running-redis.ts";

/** The Redis of docker-compose.yml, where an engine runs and the URL is one that it can serve. */
export async function dockerRedis({
  url,
  root,
  crew,
  say,
  signal,
}: FindRedis): Promise<FoundRedis | undefined> {
  const { host, port, tls } = addressOf(url);
  if (tls || !isLoopback(host) || (await portState(port)) !== "free") return undefined;

  const env = { ...process.env, REDIS_PORT: String(port) };
  const docker = (timeout: number, ...args: string[]) =>
    ask("docker", args, { crew, cwd: root, timeout, env, signal });
  if ((await docker(2_000, "info")) === undefined) return undefined;
  if ((await docker(5_000, "compose", "version")) === undefined) return undefined;
  const running = await docker(10_000, "compose", "ps", "-q", "--status", "running", "redis");
  // One that runs on another port belongs to somebody else.
  if (running === undefined || running.trim() !== "") return undefined;

  say("Starting Redis with docker compose ...");
  const stop = () =>
    ask("docker", ["compose", "stop", "-t", "5", "redis"], { crew, cwd: root, timeout: 20_000, env });
  const up = await docker(180_000, "compose", "up", "-d", "redis");
  if (up === undefined || !(await untilAnswers(url, 10_000))) {
    await stop();
    return undefined;
  }
  return {
    url,
    origin: "started by docker compose",
    leave: async () =>
      (await stop()) === undefined ? "Redis is still up: docker compose stop redis" : undefined,
  };
}
