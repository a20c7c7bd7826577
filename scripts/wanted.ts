import type { Source } from "../src/config/in-force.ts";
import { type Config, loadConfig } from "../src/config.ts";

export const MOCK_PORTS: readonly number[] = [4001, 4002, 4003];
const DEFAULT_REDIS = "redis://127.0.0.1:6379";

/** What a run is to consist of, before anything is started. */
export interface Wanted {
  readonly port: number;
  readonly adminPort: number;
  /** Where the admin API can be asked from this machine. */
  readonly adminHost: string;
  /** The user's own origins; undefined when mock origins are to be started. */
  readonly origins: readonly string[] | undefined;
  /** Undefined when the user turned Redis off with an empty REDIS_URL. */
  readonly redisUrl: string | undefined;
  /** It was asked for now, in the environment or as redis=, not by the .env file. */
  readonly redisNamed: boolean;
  readonly logFormat: Config["LOG_FORMAT"];
  /** How long the proxy may take to stop, in milliseconds. */
  readonly patience: number;
}

/** A sentence for the user; the run ends with it, and without a stack. */
export class RunError extends Error {
  override readonly name = "RunError";
}

/**
 * What do the environment and the .env file ask for? Every setting of the proxy is checked here,
 * so that a wrong one is told before anything starts.
 *
 * @throws RunError with one line for each wrong setting.
 */
export function readWanted(env: Readonly<Record<string, string | undefined>>, dotenvText: string): Wanted {
  const loaded = loadConfig({ env, dotenvText, originsRequired: false });
  if (!loaded.ok) throw new RunError(loaded.errors.join("\n"));
  const { config, sources } = loaded;
  return {
    port: config.PORT,
    adminPort: config.ADMIN_PORT,
    adminHost: reachable(config.ADMIN_HOST),
    origins: ownOrigins(config),
    redisUrl: wantedRedis(config, sources.REDIS_URL, env),
    redisNamed: sources.REDIS_URL === "environment",
    logFormat: config.LOG_FORMAT,
    patience: config.SHUTDOWN_TIMEOUT + 2_000,
  };
}

/** Origins that are just the mock ones, as in the .env of a fresh clone, are ours to start. */
function ownOrigins(config: Config): readonly string[] | undefined {
  const isMock = (origin: string) =>
    MOCK_PORTS.some((port) => origin === `http://127.0.0.1:${port}` || origin === `http://localhost:${port}`);
  return config.ORIGINS.every(isMock) ? undefined : config.ORIGINS;
}

function wantedRedis(
  config: Config,
  source: Source,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const turnedOff = source === "default" && env["REDIS_URL"] !== undefined;
  return turnedOff ? undefined : (config.REDIS_URL ?? DEFAULT_REDIS);
}

function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
