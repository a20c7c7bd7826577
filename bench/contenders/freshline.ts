import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NODE_ARGS, PROXY_ENV } from "../../scripts/node-args.ts";
import { anyFreePort } from "../../scripts/ports.ts";
import type { Stage } from "../stage.ts";
import { type Contender, type Server, server } from "./contender.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/freshline.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

export const FRESHLINE = "Freshline";
export const LANE_OFF = `${FRESHLINE}, lane off`;

let help: string | undefined;

/** Has the Freshline that is built this setting? */
export function hasSetting(name: string): boolean {
  if (!existsSync(BUILT)) return false;
  help ??= execFileSync(process.execPath, [PROGRAM, "--help"], {
    encoding: "utf8",
    env: { NODE_NO_WARNINGS: "1" },
  });
  return new RegExp(`--(no-)?${name.toLowerCase().replaceAll("_", "-")}\\b`).test(help);
}

/** Freshline as it is built, with these settings; only the log of each request is off, as with its peers. */
export const freshline = (name = FRESHLINE, settings: Readonly<Record<string, string>> = {}): Contender => {
  const unknown = Object.keys(settings).find((setting) => !hasSetting(setting));
  const missing =
    unknown === undefined ? undefined : `${existsSync(BUILT) ? `${unknown} is not there yet` : "not built"}`;
  return { name, missing, start: (stage) => startFreshline(stage, name, settings) };
};

/** The same through Node's server and Hono, without the plain lane. */
export const freshlineWithoutLane = (settings: Readonly<Record<string, string>> = {}): Contender =>
  freshline(LANE_OFF, { PLAIN_LANE: "off", ...settings });

export const freshlineEnv = (
  stage: Stage,
  port: number,
  adminPort: number,
  settings: Readonly<Record<string, string>>,
): Record<string, string> => ({
  ...PROXY_ENV,
  PORT: String(port),
  ADMIN_PORT: String(adminPort),
  HOST: "127.0.0.1",
  ORIGINS: `http://127.0.0.1:${stage.originPort}`,
  LOG_LEVEL: "warn",
  ...settings,
});

export const freshlineCommand: readonly [string, ...string[]] = [process.execPath, ...NODE_ARGS, PROGRAM];

async function startFreshline(
  stage: Stage,
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  const port = await anyFreePort();
  const adminPort = await anyFreePort();
  const env = freshlineEnv(stage, port, adminPort, settings);
  const redisPort = Number(new URL(settings["REDIS_URL"] || "redis://none:0").port);
  const ports = { ADMIN: adminPort, ...(redisPort > 0 ? { REDIS: redisPort } : {}) };
  return server(stage, name, port, freshlineCommand, { env, ports });
}
