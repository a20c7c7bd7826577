import { createHash } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { startProgram } from "./program.ts";
import { ask, IN_TIME, type Site, startSite } from "./site.ts";

const MiB = 1024 * 1024;
const CHUNK = 64 * 1024;
/** Larger than what the kernel and Node buffer for a client that reads nothing. */
const N = 24 * MiB;
const PATH = `/bytes?n=${N}&cache-control=max-age=600`;

const redis = await redisOfFile();

let namespaces = 0;
async function siteOnRedis(
  memory: string,
  more: Partial<Parameters<typeof startSite>[0]> = {},
): Promise<Site & { namespace: string }> {
  const namespace = `chunks${++namespaces}`;
  const settings = {
    CACHE_NAMESPACE: namespace,
    CACHE_MEMORY_BYTES: memory,
    CACHE_MAX_OBJECT_BYTES: "64MiB",
    CACHE_CHUNK_BYTES: String(CHUNK),
  };
  return { ...(await startSite({ settings, redisUrl: redis.url, ...more })), namespace };
}
const stored = (site: Site, n = 1): Promise<void> =>
  site.until("it is stored", () => site.events.filter(({ type }) => type === "stored").length >= n);
async function reads(): Promise<number> {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
const sum = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** A client that has the head, and reads when the test says so. */
async function slowReader(port: number, path: string, headers: Record<string, string> = {}) {
  const request = httpRequest({ host: "127.0.0.1", port, path, headers, agent: false }).end();
  onTestFinished(() => void request.destroy());
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
  return {
    response,
    async rest(): Promise<Buffer> {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
  };
}

async function lengthOf(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  return bytes;
}

describe("large bodies that clients are slow to take", () => {
  it("fill no more memory than CACHE_FLIGHT_BYTES: others are read from Redis in chunks meanwhile", async () => {
    const writer = await siteOnRedis("256MiB");
    const other = `${PATH}&other`;
    const [one, two] = [await writer.get(PATH), await writer.get(other)];
    await stored(writer, 2);
    const settings = {
      CACHE_NAMESPACE: writer.namespace,
      CACHE_MEMORY_BYTES: "256MiB",
      CACHE_MAX_OBJECT_BYTES: "64MiB",
      CACHE_CHUNK_BYTES: String(CHUNK),
      ...IN_TIME,
      CACHE_FLIGHT_BYTES: String(N + MiB),
    };
    const headers = { Host: `127.0.0.1:${writer.proxy.port}` };
    const site = await startSite({ beside: writer, redisUrl: redis.url, settings });
    const tiers = () => site.events.flatMap((event) => (event.type === "answered" ? [event.tier] : []));
    const slow = await slowReader(site.proxy.port, PATH, headers);
    for (let i = 0; i < 2; i++) expect(sum((await site.get(other, headers)).body)).toBe(sum(two.body));
    expect(tiers()).toEqual(["redis", "redis"]);
    expect(sum(await slow.rest())).toBe(sum(one.body));
    await site.until("it is told", () => tiers().length === 3);
    for (let i = 0; i < 2; i++) expect((await site.get(other, headers)).cache).toBe("HIT/HIT");
    expect(tiers().slice(3)).toEqual(["redis", "memory"]);
  });
});

describe("a large body in Redis alone", () => {
  it("is a hit, and costs a HEAD, a 304 and a range no more than what they need", async () => {
    const site = await siteOnRedis("0");
    const first = await site.get(PATH);
    await stored(site);
    const hit = await site.get(PATH);
    expect([hit.cache, sum(hit.body)]).toEqual(["HIT/HIT", sum(first.body)]);

    const cost = async (how: Parameters<Site["ask"]>[1]) => {
      await redis.command("CONFIG", "RESETSTAT");
      const { status, cache } = await site.ask(PATH, how);
      return [status, cache, await reads()];
    };
    expect(await cost({ method: "HEAD" })).toEqual([200, "HIT/HIT", 0]);
    const headers = { "If-None-Match": first.header("etag") ?? "" };
    expect(await cost({ headers })).toEqual([304, "HIT/HIT", 0]);
    expect(await cost({ headers: { Range: "bytes=-10" } })).toEqual([206, "HIT/HIT", 1]);
    expect(await cost({ headers: { Range: `bytes=0-0,${CHUNK * 2 - 1}-${CHUNK * 2}` } })).toEqual([
      206,
      "HIT/HIT",
      3,
    ]);
    expect(await cost({})).toEqual([200, "HIT/HIT", N / CHUNK]);
  });

  it("breaks off where a chunk is lost while it is read, and is fetched again by the next", async () => {
    const site = await siteOnRedis("0");
    const whole = await site.get(PATH);
    await stored(site);
    const reader = await slowReader(site.proxy.port, PATH);
    const [last] = (await redis.command("KEYS", `${site.namespace}:*:${N / CHUNK - 1}`)) as [string];
    await redis.command("DEL", last);
    await expect(reader.rest()).rejects.toThrow("aborted");
    await site.until("it is told", () => site.events.some(({ type }) => type === "foreign-value"));
    await site.until(
      "it is dropped",
      async () => (await site.ask(PATH, { method: "HEAD" })).cache !== "HIT/HIT",
    );
    const next = await site.get(PATH);
    expect([next.cache, sum(next.body)]).toEqual(["MISS/MISS", sum(whole.body)]);
  });

  it("is missed, not broken off, where a chunk was lost before", async () => {
    const site = await siteOnRedis("0");
    const whole = await site.get(PATH);
    await stored(site);
    const [some] = (await redis.command("KEYS", `${site.namespace}:*:77`)) as [string];
    await redis.command("DEL", some);
    const next = await site.get(PATH);
    expect([next.cache, sum(next.body)]).toEqual(["MISS/MISS", sum(whole.body)]);
  });

  it("is never mixed with the one that replaces it while somebody reads", async () => {
    let version = 1;
    const content = (n: number) => Buffer.alloc(N, `version ${n};`);
    const origin = await startOrigin((_, response) => {
      response.writeHead(200, { "Cache-Control": "max-age=600", ETag: `"${version}"`, "Content-Length": N });
      response.end(content(version));
    });
    const site = await siteOnRedis("0");
    const own = await startSite({
      beside: site,
      redisUrl: redis.url,
      settings: {
        ORIGINS: origin.url,
        CACHE_NAMESPACE: `${site.namespace}own`,
        CACHE_MEMORY_BYTES: "0",
        CACHE_MAX_OBJECT_BYTES: "64MiB",
        CACHE_CHUNK_BYTES: String(CHUNK),
        ...IN_TIME,
      },
    });
    await own.get("/a");
    await stored(own);
    const reader = await slowReader(own.proxy.port, "/a");
    version = 2;
    own.advance(601);
    await own.get("/a");
    await stored(own, 2);
    expect((await own.get("/a")).body.equals(content(2))).toBe(true);
    expect((await reader.rest()).equals(content(1))).toBe(true);
  });

  it("is read once for all who ask at once, where memory takes it", async () => {
    const site = await siteOnRedis("256MiB");
    const whole = await site.get(PATH);
    await stored(site);
    const settings = {
      CACHE_NAMESPACE: site.namespace,
      CACHE_MEMORY_BYTES: "256MiB",
      CACHE_MAX_OBJECT_BYTES: "64MiB",
      ORIGINS: site.mock.urls.join(","),
      PORT: String(site.proxy.port),
    };
    const other = await startSite({ beside: site, redisUrl: redis.url, settings });
    const headers = { Host: `127.0.0.1:${site.proxy.port}` };
    await redis.command("CONFIG", "RESETSTAT");
    const answers = await Promise.all(Array.from({ length: 8 }, () => other.get(PATH, headers)));
    for (const answer of answers) {
      expect([answer.cache, sum(answer.body)]).toEqual(["HIT/HIT", sum(whole.body)]);
    }
    expect(await reads()).toBe(N / CHUNK);
    await other.get(PATH, headers);
    expect(await reads()).toBe(N / CHUNK);
  });
});

/** Lets the test collect the proxy's garbage: what is left is held. */
const COLLECTING = `
  import v8 from "node:v8";
  import vm from "node:vm";
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  process.on("SIGUSR2", () => { collect(); console.log("collected"); });
`;

describe("fifty slow readers of a large body in Redis alone", () => {
  const [LENGTH, READERS] = [12 * MiB, 50];

  it("hold a chunk each, not the body", async () => {
    const body = Buffer.alloc(LENGTH, "0123456789abcdef!");
    const origin = await startOrigin((request, response) => {
      response.writeHead(200, { "Cache-Control": "max-age=600", "Content-Length": LENGTH });
      if (request.method === "HEAD") response.end();
      else response.end(body);
    });
    const settings = { REDIS_URL: redis.url, CACHE_NAMESPACE: "slow", LOG_LEVEL: "silent" };
    const program = await startProgram({ ORIGINS: origin.url, ...settings }, { preload: COLLECTING });
    const url = `http://127.0.0.1:${program.port}/a`;
    let collections = 0;
    const collected = async () => {
      collections++;
      program.child.kill("SIGUSR2");
      await until("it has collected", () => program.out().split("collected").length > collections);
      const { text } = await ask(`http://127.0.0.1:${program.adminPort}/metrics`);
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
      return {
        resident: value("process_resident_memory_bytes"),
        buffers: value("nodejs_external_memory_bytes"),
      };
    };
    /** What the process has when nothing is on its way any more. */
    const atRest = async () => {
      let [now, seen] = [await collected(), -1];
      await until("everything stands still", async () => {
        const read = await reads();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const before = now;
        now = await collected();
        const still = Math.abs(now.buffers - before.buffers) < CHUNK && read === seen;
        seen = read;
        return still;
      });
      return now;
    };
    expect((await ask(url)).body.length).toBe(LENGTH);
    await until("it is stored", async () => (await ask(url, { method: "HEAD" })).cache === "HIT/HIT");
    // A process grows until its collector has found its pace: then it is measured.
    const warm = Array.from({ length: READERS }, () => slowReader(program.port, "/a"));
    await Promise.all(warm.map(async (reader) => lengthOf((await reader).response)));

    const before = await atRest();
    const readers = await Promise.all(Array.from({ length: READERS }, () => slowReader(program.port, "/a")));
    const now = await atRest();
    expect(now.buffers - before.buffers).toBeLessThan(READERS * 2 * 256 * 1024);
    // What an allocator keeps for later comes and goes by tens of MiB.
    expect(now.resident - before.resident).toBeLessThan(160 * MiB);
    const taken = await Promise.all(readers.map(({ response }) => lengthOf(response)));
    expect(taken).toEqual(Array(READERS).fill(LENGTH));
    expect(origin.requests.filter(({ method }) => method === "GET")).toHaveLength(1);
  });
});

describe("after all of that", () => {
  it("no key is without an end", async () => {
    const keys = (await redis.command("KEYS", "chunks*")) as string[];
    expect(keys.length).toBeGreaterThan(N / CHUNK);
    const ttls = await Promise.all(keys.map((key) => redis.command("PTTL", key)));
    expect(ttls).not.toContain(-1);
  });
});
