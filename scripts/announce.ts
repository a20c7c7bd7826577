import { maskCredentials } from "../src/config/kinds.ts";
import type { FoundRedis } from "./running-redis.ts";
import type { Wanted } from "./wanted.ts";

const DIRECTIVES = [
  "must-revalidate,max-age=10",
  "stale-while-revalidate=15,max-age=5",
  "stale-if-error=10,max-age=5",
];

/** What runs where, what to try, and how to stop: one short block. */
export function announce(
  wanted: Wanted,
  origins: readonly string[],
  redis: Pick<FoundRedis, "url" | "origin">,
): string {
  const proxy = `http://localhost:${wanted.port}`;
  const admin = `http://${wanted.adminHost === "127.0.0.1" ? "localhost" : wanted.adminHost}:${wanted.adminPort}`;
  const isMock = wanted.origins === undefined;
  const rows = [
    ["Freshline", proxy],
    ["Dashboard", `${admin}/`],
    [isMock ? "Mock origins" : "Origins", origins.join("  ")],
    ["Redis", redisRow(wanted, redis)],
  ];
  const tries = isMock
    ? DIRECTIVES.map((value) => `curl -i '${proxy}/data?id=123&cache-control=${value}'`)
    : [`curl -i '${proxy}/'`];
  return [
    "",
    ...rows.map(([name = "", where = ""]) => `  ${name.padEnd(14)}${where}`),
    "",
    "  Try it:",
    ...tries.map((line) => `    ${line}`),
    `    curl -s '${admin}/stats'`,
    ...(isMock ? ["  Change the data:", `    curl -X PUT '${origins[0]}/data?id=123'`] : []),
    "",
    "  Ctrl-C stops it all.",
    "",
    "",
  ].join("\n");
}

function redisRow({ redisUrl }: Wanted, { url, origin }: Pick<FoundRedis, "url" | "origin">): string {
  if (url !== undefined) return `${maskCredentials(url)} (${origin})`;
  if (redisUrl === undefined) return "turned off: the cache is this process's memory alone";
  return `none at ${maskCredentials(redisUrl)}: the cache is this process's memory alone, until one appears there`;
}
