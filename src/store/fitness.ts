import { randomUUID } from "node:crypto";
import { RedisConnection } from "./connection.ts";
import { type Denied, deniedOf, rulesFor, TRACKING } from "./permissions.ts";
import { maskPassword } from "./redis-address.ts";
import { parseInfo } from "./redis-info.ts";
import type { Credentials } from "./redis-options.ts";

/** One thing that was tried at a Redis. */
export interface RedisFinding {
  readonly what: "redis" | "redis version" | "redis eviction" | "redis permissions";
  /** What is bad makes it unfit; a warning does not. */
  readonly verdict: "good" | "warning" | "bad";
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

interface Examined extends Credentials {
  readonly url: string;
  readonly namespace: string;
  /** Milliseconds that Redis may take to be there, and again for each command. */
  readonly patienceMs: number;
}

/** Below it, tracking of prefixes is missing (CLIENT TRACKING … BCAST). */
const OLDEST_MAJOR = 6;
const TESTED_MAJOR = 7;

/**
 * Is this Redis fit to keep the cache: is it there, of what version, does it evict, and may this user do
 * what the cache does? Tries it under a key of its own, which it takes away. Never rejects.
 */
export async function examineRedis(examined: Examined): Promise<RedisFinding[]> {
  const { url, namespace, patienceMs, ...credentials } = examined;
  const where = maskPassword(url);
  let last = "no answer in time";
  const connection = new RedisConnection({
    url,
    ...credentials,
    emit: (event) => {
      if (event.type === "store-state") last = event.detail;
    },
    commandTimeoutMs: patienceMs,
  });
  const key = `${namespace}:{validate-${randomUUID()}}`;
  try {
    const deadline = performance.now() + patienceMs;
    while (!connection.up()) {
      if (performance.now() > deadline) return [away(last, where, rulesFor(url, namespace))];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const info = parseInfo(await connection.run((client) => client.info(), key).catch(() => ""));
    const denied = await deniedOf(connection, key, namespace, patienceMs);
    const there: RedisFinding = { what: "redis", verdict: "good", detail: `${where} answers` };
    return [
      replica(info) ?? there,
      version(info),
      eviction(info),
      ...permissions(denied, rulesFor(url, namespace)),
    ];
  } finally {
    await connection.close();
  }
}

const away = (last: string, where: string, rules: string): RedisFinding => ({
  what: "redis",
  verdict: "bad",
  detail: last.includes(where) ? last : `${where}: ${last}`,
  advice: /NOPERM|NOAUTH|WRONGPASS/.test(last)
    ? `mend user and password in REDIS_URL, or let this user in: ${rules}`
    : "start it, or mend REDIS_URL; a proxy that finds none keeps its cache in memory, and takes Redis when it comes",
});

const replica = (info: ReadonlyMap<string, string>): RedisFinding | undefined =>
  info.get("role") === "slave"
    ? {
        what: "redis",
        verdict: "bad",
        detail: "is a replica, and takes no writes",
        advice: "name its master in REDIS_URL, or the Sentinels: redis-sentinel://host?master=name",
      }
    : undefined;

function version(info: ReadonlyMap<string, string>): RedisFinding {
  const what = "redis version";
  const said = info.get("redis_version");
  if (said === undefined)
    return {
      what,
      verdict: "warning",
      detail: "cannot be told: INFO is refused",
      advice: `allow INFO, or make sure that it is ${TESTED_MAJOR} or later`,
    };
  const major = Number.parseInt(said, 10);
  if (major < OLDEST_MAJOR)
    return { what, verdict: "bad", detail: `${said} is too old`, advice: `use ${TESTED_MAJOR} or later` };
  if (major < TESTED_MAJOR)
    return {
      what,
      verdict: "warning",
      detail: `${said} is older than what Freshline is tested with`,
      advice: `use ${TESTED_MAJOR} or later`,
    };
  return { what, verdict: "good", detail: said };
}

function eviction(info: ReadonlyMap<string, string>): RedisFinding {
  const what = "redis eviction";
  const policy = info.get("maxmemory_policy");
  const limit = Number(info.get("maxmemory") ?? Number.NaN);
  const advice = "set maxmemory, and maxmemory-policy allkeys-lfu";
  if (policy === undefined || Number.isNaN(limit))
    return { what, verdict: "warning", detail: "cannot be told: INFO does not say", advice };
  const told = `maxmemory ${info.get("maxmemory_human") ?? limit}, maxmemory-policy ${policy}`;
  if (limit === 0)
    return {
      what,
      verdict: "warning",
      detail: "maxmemory is not set: it grows until the machine is full",
      advice,
    };
  if (policy === "noeviction")
    return { what, verdict: "bad", detail: `${told}: when it is full nothing more is stored`, advice };
  return { what, verdict: "good", detail: told };
}

function permissions(denied: readonly Denied[], rules: string): RedisFinding[] {
  const what = "redis permissions";
  if (denied.length === 0)
    return [{ what, verdict: "good", detail: "this user may do all that the cache does" }];
  return denied.map(({ name, reason }): RedisFinding => {
    const detail = `${name}: ${reason.replace(/^Redis refused: /, "")}`;
    if (name === TRACKING)
      return {
        what,
        verdict: "warning",
        detail,
        advice:
          "allow CLIENT TRACKING and the channel __redis__:invalidate, or purges of other instances are heard up to a second late",
      };
    return {
      what,
      verdict: "bad",
      detail,
      advice: rules,
    };
  });
}
