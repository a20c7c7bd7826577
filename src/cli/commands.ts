import type { Config } from "../config.ts";
import { type AdminAnswer, type AdminConfig, adminUrl, askAdmin } from "./admin-client.ts";
import type { PurgeWords } from "./purge-words.ts";
import { harmless } from "./screen.ts";

/** What the commands need of the process around them. */
export interface Terminal {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** Where relative files are looked for. */
  readonly directory: string;
}

export type ClearSharedCache = (config: Config) => Promise<"cleared" | "no-redis">;

/** Clears through the running proxy, else in Redis itself. Answers the exit code, as all commands do. */
export async function clear(
  config: Config,
  json: boolean,
  terminal: Terminal,
  clearSharedCache: () => Promise<ClearSharedCache>,
): Promise<number> {
  const cleared = (through: "proxy" | "redis"): number => {
    terminal.out(json ? JSON.stringify({ cleared: true, through }) : "Cache cleared");
    return 0;
  };
  const answer = await askAdmin(config, {
    method: "POST",
    path: "/purge",
    json: { everything: true },
    timeout: 10_000,
  });
  if (answer.type === "answered" && isSuccess(answer.status)) return cleared("proxy");
  // A server without such a route is some other program on that port.
  if (answer.type === "answered" && answer.status !== 404) {
    return complain(config, answer, terminal);
  }
  try {
    const shared = await clearSharedCache();
    if ((await shared(config)) === "cleared") return cleared("redis");
  } catch (error) {
    terminal.err(`freshline: cannot clear the cache in Redis: ${messageOf(error)}`);
    return 1;
  }
  terminal.err(`freshline: no cache to clear: no proxy answers at ${adminUrl(config)} and no Redis is known`);
  return 1;
}

/** Purges through the running proxy; instances that have not heard of it yet are named. */
export async function purge(
  config: Config,
  asked: PurgeWords,
  json: boolean,
  terminal: Terminal,
): Promise<number> {
  const answer = await askAdmin(config, { method: "POST", path: "/purge", json: asked, timeout: 30_000 });
  const receipt = saidIn(answer);
  if (receipt === undefined) return complain(config, answer, terminal);
  if (json) {
    terminal.out(JSON.stringify(receipt));
    return 0;
  }
  for (const name of Array.isArray(receipt["missing"]) ? receipt["missing"] : [])
    terminal.err(harmless(`freshline: ${name} has not said yet that it has heard of it`));
  const { acked, instances } = receipt;
  terminal.out(`purged on ${acked} of ${instances} ${instances === 1 ? "instance" : "instances"}`);
  return 0;
}

/** Each worker may take its time to start and to end. */
const RESTART_MS_OF_WORKER = 60_000;

export async function restart(config: Config, json: boolean, terminal: Terminal): Promise<number> {
  const timeout = Math.max(config.WORKERS, 2) * (RESTART_MS_OF_WORKER + 2 * config.SHUTDOWN_TIMEOUT);
  const answer = await askAdmin(config, {
    method: "POST",
    path: "/restart",
    timeout: Math.min(timeout, 2 ** 31 - 1),
  });
  const done = saidIn(answer);
  if (done === undefined) return complain(config, answer, terminal);
  terminal.out(json ? JSON.stringify(done) : `restarted ${done["restarted"]} workers`);
  return 0;
}

export async function stats(config: Config, json: boolean, terminal: Terminal): Promise<number> {
  const answer = await askAdmin(config, { method: "GET", path: "/stats", timeout: 10_000 });
  const counted = saidIn(answer);
  if (answer.type === "nobody" || counted === undefined) return complain(config, answer, terminal);
  if (json) terminal.out(answer.body.trimEnd());
  else for (const line of table(counted)) terminal.out(line);
  return 0;
}

/** Two columns, names to the left and values to the right; members of an object are indented below its name. */
function table(counted: Readonly<Record<string, unknown>>): string[] {
  const rows: [string, string][] = [];
  const add = (object: Readonly<Record<string, unknown>>, indent: string) => {
    for (const [name, value] of Object.entries(object)) {
      if (isObject(value)) {
        rows.push([indent + name, ""]);
        add(value, `${indent}  `);
      } else rows.push([indent + name, shown(value)]);
    }
  };
  add(counted, "");
  const left = Math.max(0, ...rows.map(([name]) => name.length));
  const right = Math.max(0, ...rows.map(([, value]) => value.length));
  return rows.map(([name, value]) => `${name.padEnd(left)}  ${value.padStart(right)}`.trimEnd());
}

const shown = (value: unknown): string =>
  typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toFixed(4))) : String(value);

/** Says why the admin API did not do what it was asked. */
export function complain(config: AdminConfig, answer: AdminAnswer, terminal: Terminal): number {
  terminal.err(`freshline: ${complaintOf(config, answer)}`);
  return 1;
}

/** Why, in one sentence. */
export function complaintOf(config: AdminConfig, answer: AdminAnswer): string {
  const where = adminUrl(config);
  if (answer.type === "nobody") return `no proxy answers at ${where}: ${answer.detail}`;
  if (answer.status === 401)
    return `the proxy at ${where} asks for a token; set ADMIN_TOKEN to the one it has`;
  if (isSuccess(answer.status)) return strangerAt(config);
  const detail = readJson(answer.body)?.["detail"];
  const reason = typeof detail === "string" ? `: ${detail}` : "";
  return harmless(`the proxy at ${where} answered ${answer.status}${reason}`);
}

/** Something answers there, and says what Freshline does not. */
export const strangerAt = (config: AdminConfig): string =>
  `what answers at ${adminUrl(config)} is not Freshline`;

export const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function readJson(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a success says; undefined where it is none, or says something else than an object. */
export const saidIn = (answer: AdminAnswer): Readonly<Record<string, unknown>> | undefined =>
  answer.type === "answered" && isSuccess(answer.status) ? readJson(answer.body) : undefined;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
