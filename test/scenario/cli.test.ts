import { describe, expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { freePort } from "../free-port.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { until } from "../until.ts";
import { type Program, runProgram, startProgram, startSharing } from "./program.ts";
import { ask } from "./site.ts";

const PATH = "/data?id=1&cache-control=max-age=600";
/** The same for every proxy, whatever its port: the host is a part of the key. */
const HOST = "shop.example";

const redis = await redisOfFile();

let sites = 0;
/** A running proxy in a namespace of its own, and the settings of a shell beside it. */
async function running(settings: Record<string, string> = {}) {
  const mock = await startMockOrigins({ ports: [0] });
  onTestFinished(() => mock.close());
  const shared = { REDIS_URL: redis.url, CACHE_NAMESPACE: `cli${sites++}`, ...settings };
  const origins = { ORIGINS: mock.urls.join(",") };
  const program = await startSharing({ ...shared, ...origins });
  const shell = { ...shared, PORT: String(program.port), ADMIN_PORT: String(program.adminPort) };
  const cached = async (of: Program = program) =>
    (await ask(`http://127.0.0.1:${of.port}${PATH}`, { headers: { Host: HOST } })).cache;
  return { program, shared, origins, shell, cached };
}

/** Runs one command to its end. */
async function freshline(words: readonly string[], settings: Record<string, string>) {
  const command = runProgram(words, settings);
  return { code: await command.exited, out: command.out(), err: command.err() };
}

/** Puts the answer into the cache and into Redis. */
async function fill(cached: () => Promise<string>, namespace: string): Promise<void> {
  expect(await cached()).toBe("MISS/MISS");
  const stored = async () => ((await redis.command("KEYS", `${namespace}:{http*`)) as string[]).length > 0;
  await until("it is stored in Redis", stored);
  expect(await cached()).toBe("HIT/HIT");
}

describe("freshline --clear-cache", () => {
  it("clears the cache of a running proxy, in Redis and in its memory", async () => {
    const { shell, cached, shared } = await running();
    await fill(cached, shared.CACHE_NAMESPACE);
    expect(await freshline(["--clear-cache"], shell)).toEqual({ code: 0, out: "Cache cleared\n", err: "" });
    expect(await cached()).toBe("MISS/MISS");
    expect(await cached()).toBe("HIT/HIT");
  });

  it("clears a proxy that has no Redis", async () => {
    const { shell, cached } = await running({ REDIS_URL: "" });
    await cached();
    expect(await cached()).toBe("HIT/HIT");
    expect((await freshline(["--clear-cache"], shell)).out).toBe("Cache cleared\n");
    expect(await cached()).toBe("MISS/MISS");
  });

  it("clears what is in Redis while no proxy runs", async () => {
    const { program, shared, origins, shell, cached } = await running();
    await fill(cached, shared.CACHE_NAMESPACE);
    program.child.kill("SIGTERM");
    expect(await program.exited).toBe(0);
    // Without the command, the next proxy would find it there.
    const second = await startSharing({ ...shared, ...origins });
    expect(await cached(second)).toBe("HIT/HIT");
    second.child.kill("SIGTERM");
    await second.exited;

    expect(await freshline(["--clear-cache"], shell)).toEqual({ code: 0, out: "Cache cleared\n", err: "" });
    const third = await startSharing({ ...shared, ...origins });
    expect(await cached(third)).toBe("MISS/MISS");
  });

  it("clears every proxy that shares the Redis, whichever is asked", async () => {
    const { shared, origins, shell, cached } = await running();
    const other = await startSharing({ ...shared, ...origins });
    const both = async () => [await cached(), await cached(other)];
    await fill(cached, shared.CACHE_NAMESPACE);
    expect(await both()).toEqual(["HIT/HIT", "HIT/HIT"]);
    await freshline(["--clear-cache"], shell);
    // The other one hears of it through Redis, a moment later.
    await until("the other proxy has it no more", async () => (await cached(other)) === "MISS/MISS");
  });

  it("says so when there is neither proxy nor Redis, and fails", async () => {
    const port = String(await freePort());
    const { code, out, err } = await freshline(["--clear-cache"], { ADMIN_PORT: port, REDIS_URL: "" });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^freshline: no cache to clear: no proxy answers at .* and no Redis is known\n$/);
  });

  it("says so when Redis does not answer, and fails", async () => {
    const [port, nobody] = [String(await freePort()), await freePort()];
    const settings = { ADMIN_PORT: port, REDIS_URL: `redis://127.0.0.1:${nobody}` };
    const { code, out, err } = await freshline(["--clear-cache"], settings);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toBe("freshline: cannot clear the cache in Redis: Redis does not answer\n");
  });

  it("asks with the token that the proxy wants", async () => {
    const { shell, cached } = await running({ REDIS_URL: "", ADMIN_TOKEN: "a-token-long-enough" });
    await cached();
    const wrong = await freshline(["--clear-cache"], { ...shell, ADMIN_TOKEN: "another-token-too" });
    expect(wrong.code).toBe(1);
    expect(await cached()).toBe("HIT/HIT");
    expect((await freshline(["--clear-cache"], shell)).out).toBe("Cache cleared\n");
    expect(await cached()).toBe("MISS/MISS");
  });
});

describe("a running proxy", () => {
  it("is warmed by command, and by a list at the start", async () => {
    const { shell, cached, origins } = await running({ REDIS_URL: "" });
    const warmed = await freshline(["warm", `http://${HOST}${PATH}`], shell);
    expect(warmed).toMatchObject({ code: 0, out: "warmed 1 of 1\n" });
    expect(await cached()).toBe("HIT/HIT");

    const second = await startProgram({ ...origins, LOG_FORMAT: "json", WARM_URLS: PATH });
    await second.says('"warmed"');
    const localhost = { headers: { Host: `localhost:${second.port}` } };
    expect((await ask(`http://127.0.0.1:${second.port}${PATH}`, localhost)).cache).toBe("HIT/HIT");
  });

  it("tells its counters", async () => {
    const { shell, cached } = await running({ REDIS_URL: "" });
    await cached();
    await cached();
    const { code, out } = await freshline(["stats", "--json"], shell);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ hits: 1, misses: 1 });
  });
});
