import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { ARRIVE, BREAK, FOLLOW_BODY, STAY } from "../../src/store/arrival-scripts.ts";
import { ACQUIRE, RELEASE, RENEW } from "../../src/store/lease-scripts.ts";
import { FOLLOW } from "../../src/store/purge-position.ts";
import { DROP, FREE, MEASURE, PRESENT, WRITE } from "../../src/store/redis-scripts.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { type Site, startSite } from "./site.ts";

const LEASES = { ACQUIRE, RELEASE, RENEW };
const ARRIVALS = { ARRIVE, STAY, BREAK, FOLLOW_BODY };
const SCRIPTS = { ...LEASES, ...ARRIVALS, FOLLOW, DROP, FREE, MEASURE, PRESENT, WRITE };
const NAMES = new Map(Object.entries(SCRIPTS).map(([name, { sha }]) => [sha, name]));

const redis = await redisOfFile();
for (const { source } of Object.values(SCRIPTS)) await redis.command("SCRIPT", "LOAD", source);

/** What Redis is asked by others than the test, in order; a script goes by its name. */
async function listen() {
  const commands: string[] = [];
  const marks = new Set<string>();
  // Not by ioredis, which takes what it is told for answers while it connects.
  const monitor = connect(redis.port, "127.0.0.1", () => monitor.write("MONITOR\r\n"));
  onTestFinished(() => void monitor.destroy());
  const lines = createInterface({ input: monitor });
  lines.on("line", (line) => {
    const [, source = "lua", words = ""] = /^\+[\d.]+ \[\d+ ([^\]]+)\] (.*)$/.exec(line) ?? [];
    if (source === "lua") return;
    const [command = "", first = ""] = [...words.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(
      ([, word = ""]) => word,
    );
    if (command.toLowerCase() === "echo" && first.startsWith("mark ")) marks.add(first);
    else commands.push(NAMES.get(first) ?? command.toUpperCase());
  });
  await once(lines, "line");
  let marked = 0;
  /** Resolves when all that was asked before this is among the commands. */
  const heard = async () => {
    const mark = `mark ${++marked}`;
    await redis.command("ECHO", mark);
    await until("the monitor has told", () => marks.has(mark));
  };
  return { commands, heard };
}

const HEARTBEATS = ["PING", "ECHO", "PRESENT"];

/** A body of some chunks of 16 KiB. */
const LARGE = "x".repeat(40 * 1024);

async function siteOnRedis(memory = "0"): Promise<Site> {
  const origin = await startOrigin((request, response) => {
    const url = request.url ?? "";
    if (request.headers["if-none-match"] === '"1"') {
      response.writeHead(304, { "Cache-Control": "max-age=5", ETag: '"1"' }).end();
      return;
    }
    response.writeHead(200, {
      "Cache-Control": url.startsWith("/no-store") ? "no-store" : "max-age=5, stale-while-revalidate=60",
      ...(url.startsWith("/validated") ? { "Cache-Control": "max-age=5" } : {}),
      ...(url.startsWith("/varied") ? { Vary: "Accept-Language" } : {}),
      "Cache-Tag": "a",
      ETag: '"1"',
      ...(url.startsWith("/large/known") ? { "Content-Length": LARGE.length } : {}),
    });
    response.end(url.startsWith("/large") ? LARGE : url);
  });
  return startSite({
    redisUrl: redis.url,
    settings: { ORIGINS: origin.url, CACHE_MEMORY_BYTES: memory, CACHE_CHUNK_BYTES: "16KiB" },
  });
}

const OPERATIONS = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");

/** The row of the paper's table: what it says that Redis is asked. */
function asPapersSay(event: string): string[] {
  const row = OPERATIONS.split("\n").find((line) => line.startsWith(`| ${event} |`));
  if (row === undefined) throw new Error(`docs/operations.md has no row for: ${event}`);
  return [...(row.split("|")[2] ?? "").matchAll(/`([^`]+)`(?: × (\d+))?/g)].flatMap(
    ([, name = "", times = "1"]) => Array.from({ length: Number(times) }, () => name),
  );
}

interface Event {
  readonly name: string;
  readonly memory?: string;
  /** What has to have happened before. */
  readonly first?: (site: Site) => Promise<unknown>;
  readonly act: (site: Site) => Promise<unknown>;
}

const purge = (target: (site: Site) => object) => (site: Site) =>
  site.admin("/purge", { method: "POST", body: JSON.stringify({ targets: [target(site)] }) });
const grownOld = (path: string) => async (site: Site) => {
  await site.get(path);
  await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
  site.advance(6);
};
const get = (path: string) => (site: Site) => site.get(path);

const EVENTS: readonly Event[] = [
  { name: "a hit in memory", memory: "64MiB", first: get("/a"), act: get("/a") },
  { name: "a hit in Redis", first: get("/b"), act: get("/b") },
  { name: "a hit in Redis, of a variant", first: get("/varied"), act: get("/varied") },
  { name: "a hit in Redis, of a body in 3 chunks", first: get("/large"), act: get("/large") },
  { name: "a miss that is stored", act: get("/c") },
  { name: "a miss that is stored in 3 chunks", act: get("/large/known") },
  { name: "a miss that is stored in 3 chunks, of unknown length", act: get("/large/2") },
  { name: "a miss that may not be stored", act: get("/no-store") },
  { name: "the same again, while that is remembered", first: get("/no-store/2"), act: get("/no-store/2") },
  { name: "a stale response that is validated (304)", first: grownOld("/validated"), act: get("/validated") },
  { name: "a stale response that is served, and refreshed", first: grownOld("/d"), act: get("/d") },
  {
    name: "a purge of a URL",
    first: get("/e"),
    act: purge(({ proxy }) => ({ url: `http://127.0.0.1:${proxy.port}/e` })),
  },
  { name: "a purge of a tag, a prefix or everything", act: purge(() => ({ tag: "a" })) },
  { name: "an unsafe request that succeeds", act: (site) => site.ask("/f", { method: "PUT", body: "x" }) },
];

describe("docs/operations.md says what Redis is asked for", () => {
  it.each(EVENTS)("$name", async ({ name, memory, first, act }) => {
    const site = await siteOnRedis(memory);
    const { commands, heard } = await listen();
    if (first !== undefined) {
      await first(site);
      await until("what was fetched for it has been told", () => commands.includes("RELEASE"));
      const leases = async () => (await redis.command("KEYS", "freshline:lease:*")) as string[];
      await until("nobody hears of that any more", async () => (await leases()).length === 0);
    }
    const expected = asPapersSay(name);
    const counts = expected.includes("PRESENT") ? ["PING", "ECHO"] : HEARTBEATS;
    if (expected.includes("PRESENT"))
      await until("the next heartbeat that says the same is seconds away", () =>
        commands.includes("PRESENT"),
      );
    await heard();
    commands.length = 0;
    expect(await act(site)).toMatchObject({ status: 200 });
    const told = () => commands.filter((command) => !counts.includes(command)).sort();
    await until("it was asked as much", () => told().length >= expected.length, 2000).catch(() => undefined);
    await heard();
    expect(told()).toEqual(expected.sort());
  });
});

it("docs/operations.md says what Redis is asked for: a body that another instance gets", async () => {
  const held: ServerResponse[] = [];
  const origin = await startOrigin((_, response) => held.push(response));
  const settings = {
    ORIGINS: origin.url,
    CACHE_MEMORY_BYTES: "0",
    CACHE_CHUNK_BYTES: "16KiB",
    LEASE_TTL: "60s",
  };
  const a = await startSite({ redisUrl: redis.url, settings });
  const b = await startSite({ redisUrl: redis.url, settings, beside: a });
  const shop = { Host: "shop.test" };
  const { commands, heard } = await listen();
  const leading = a.get("/arriving", shop);
  await until("the origin is asked", () => held.length === 1);
  held[0]?.writeHead(200, { "Cache-Control": "max-age=60", "Content-Length": LARGE.length });
  held[0]?.write(LARGE.slice(0, 20_000));
  await until("others may read it", () => commands.includes("RENEW"));
  commands.length = 0;
  const following = b.get("/arriving", shop);
  await until("it has read a chunk", () => commands.includes("GET"));
  held[0]?.end(LARGE.slice(20_000));
  for (const answer of [leading, following]) expect((await answer).text).toBe(LARGE);
  await until("it is stored", () => commands.includes("RELEASE"));
  await heard();
  const ofLeader = ["SET", "SET", "ARRIVE", "ARRIVE", "WRITE", "RELEASE"];
  const expected = asPapersSay("a body in 3 chunks that another instance gets, read while it arrives");
  const told = commands.filter((command) => !HEARTBEATS.includes(command));
  expect(told.sort()).toEqual([...expected, ...ofLeader].sort());
});

it("an idle instance sends heartbeats, and nothing else", async () => {
  const site = await siteOnRedis("64MiB");
  await get("/idle")(site);
  const { commands, heard } = await listen();
  await until("it has sent RELEASE", () => site.events.some(({ type }) => type === "stored"));
  await until("a heartbeat was heard", () => commands.includes("PING"));
  await heard();
  commands.length = 0;
  await until("ten were", () => commands.filter((command) => command === "PING").length >= 10, 20_000);
  const others = commands.filter((command) => command !== "PING");
  // Every five seconds it says that it is here, and that the connection was used is looked into once.
  expect(others.filter((command) => command !== "PRESENT" && command !== "ECHO")).toEqual([]);
  expect(others.filter((command) => command === "PRESENT").length).toBeLessThanOrEqual(3);
  expect(others.filter((command) => command === "ECHO").length).toBeLessThanOrEqual(3);
});

it("nothing walks keys, and no key is there for ever", async () => {
  const site = await siteOnRedis();
  await redis.command("CONFIG", "RESETSTAT");
  for (let i = 0; i < 60; i++) {
    const group = ["/a", "/varied", "/large", "/no-store", "/validated"][i % 5] as string;
    await site.get(`${group}/${i % 20}`, { "Accept-Language": i % 2 === 0 ? "de" : "en" });
    if (i % 10 === 9) site.advance(6);
    if (i % 15 === 7) await purge(() => ({ tag: "a" }))(site);
    if (i % 15 === 11) await site.ask(`/a/${i % 20}`, { method: "PUT", body: "x" });
  }
  await purge(() => ({ everything: true }))(site);
  await until("all is stored", async () => Number(await redis.command("DBSIZE")) > 20);
  const stats = String(await redis.command("INFO", "commandstats"));
  const called = [...stats.matchAll(/cmdstat_([^:|]+)/g)].map(([, name]) => name);
  expect(called).toContain("hmget");
  for (const walk of ["keys", "scan", "sscan", "hscan", "zscan", "smembers", "randomkey"])
    expect(called).not.toContain(walk);

  let cursor = "0";
  let walked = 0;
  do {
    const [next, keys] = (await redis.command("SCAN", cursor, "COUNT", 1000)) as [string, string[]];
    cursor = next;
    for (const key of keys) {
      walked++;
      expect({ key, lives: Number(await redis.command("PTTL", key)) !== -1 }).toEqual({ key, lives: true });
    }
  } while (cursor !== "0");
  expect(walked).toBeGreaterThan(20);
});
