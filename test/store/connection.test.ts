import { afterEach, describe, expect, it } from "vitest";
import type { StoreError } from "../../src/cache/ports.ts";
import { addressOf, maskPassword, RedisConnection, retryDelay } from "../../src/store/connection.ts";
import { startRedis } from "../redis-server.ts";
import { openLink } from "./link.ts";
import { eventLog, until } from "./sample.ts";

describe("a Redis URL", () => {
  it.each([
    ["redis://h", { host: "h", port: 6379, db: 0 }],
    ["redis://h:1234/5", { host: "h", port: 1234, db: 5 }],
    ["redis://:p%40ss@h/", { host: "h", port: 6379, db: 0, password: "p@ss" }],
    ["redis://u:p@[::1]:1", { host: "::1", port: 1, db: 0, username: "u", password: "p" }],
    ["rediss://h", { host: "h", port: 6379, db: 0, tls: {} }],
  ])("%s is understood", (url, address) => {
    expect(addressOf(url)).toEqual(address);
  });

  it.each([
    "",
    "h:6379",
    "http://u:secret@h",
    "redis://u:secret@h/x",
    "redis://u:secret@h:99999",
    "redis://u:secr%zz@h",
  ])("%j is refused in one sentence that does not hold the password", (url) => {
    const attempt = () => addressOf(url);
    expect(attempt).toThrow(/^not a Redis URL: .*expected redis:\/\//);
    expect(attempt).not.toThrow(/secr/);
  });

  it("is shown without its password, also when it is malformed", () => {
    expect(maskPassword("redis://u:p@ss/w@rd@h:1/2")).toBe("redis://***@h:1/2");
    expect(maskPassword("redis://h:1")).toBe("redis://h:1");
  });
});

describe("the delay before a reconnection", () => {
  it("doubles from 50 ms, stays within a second, and is spread", () => {
    const longest = Array.from({ length: 12 }, (_, i) => retryDelay(i + 1, () => 1));
    expect(longest).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000]);
    expect(retryDelay(6, () => 0)).toBe(500);
    expect(retryDelay(5000)).toBeLessThanOrEqual(1000);
  });
});

describe("the connection", () => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const connect = (url: string) => {
    const log = eventLog();
    const connection = new RedisConnection({ url, now: Date.now, emit: log.emit });
    closers.push(() => connection.close());
    const ping = () => connection.run((client) => client.ping()).catch((error: StoreError) => error.code);
    return { connection, log, ping };
  };
  const server = async () => {
    const redis = await startRedis();
    closers.push(() => redis[Symbol.asyncDispose]());
    return redis;
  };

  it("comes, goes and comes back with Redis, and tells each change once", async () => {
    const redis = await server();
    const { log, ping } = connect(redis.url);
    await until("Redis answers", async () => (await ping()) === "PONG");
    await redis.stop();
    await until("the loss is noticed", () => log.of("store-state").length === 2);
    expect(await ping()).toBe("unavailable");
    await redis.restart();
    const ms = await until("Redis answers again", async () => (await ping()) === "PONG");
    expect(ms).toBeLessThan(5000);
    expect(log.of("store-state").map(({ up }) => up)).toEqual([true, false, true]);
  });

  it("fails at once while Redis is away, and says why", async () => {
    const redis = await server();
    await redis.stop();
    const { log, ping } = connect(redis.url.replace("redis://", "redis://u:secret@"));
    await until("the failure is told", () => log.of("store-state").length === 1);
    const started = performance.now();
    for (let i = 0; i < 50; i++) expect(await ping()).toBe("unavailable");
    expect(performance.now() - started).toBeLessThan(200);
    const { up, detail } = log.of("store-state")[0]!;
    expect({ up, detail }).toEqual({
      up: false,
      detail: expect.stringMatching(/ECONNREFUSED.*redis:\/\/\*\*\*@127/),
    });
    expect(detail).not.toContain("secret");
  });

  it("gives up on a Redis that hangs, and recovers when it goes on", async () => {
    const redis = await server();
    const { log, ping } = connect(redis.url);
    await until("Redis answers", async () => (await ping()) === "PONG");
    process.kill(redis.pid, "SIGSTOP");
    closers.push(() => void process.kill(redis.pid, "SIGCONT"));
    const answers = [await ping(), await ping(), await ping(), await ping()];
    expect(answers).toEqual(["timeout", "timeout", "timeout", "unavailable"]);
    expect(log.of("store-state").map(({ up }) => up)).toEqual([true, false]);
    process.kill(redis.pid, "SIGCONT");
    const ms = await until("Redis answers again", async () => (await ping()) === "PONG");
    expect(ms).toBeLessThan(5000);
  });

  it("leaves a half-open connection behind", async () => {
    const redis = await server();
    const link = await openLink(redis.port);
    closers.push(link.close);
    const { ping } = connect(`redis://127.0.0.1:${link.port}`);
    await until("Redis answers", async () => (await ping()) === "PONG");
    link.swallow();
    expect(await ping()).toBe("timeout");
    await until("a new connection answers", async () => (await ping()) === "PONG");
    expect(link.connections).toBe(2);
  });

  it("keeps trying when the password is wrong, without ending the process", async () => {
    const redis = await server();
    await redis.command("CONFIG", "SET", "requirepass", "right");
    const { log, ping } = connect(redis.url.replace("redis://", "redis://:wrong@"));
    await until("the refusal is told", () => log.of("store-state").length === 1);
    expect(log.of("store-state")[0]!.detail).toContain("WRONGPASS");
    expect(log.of("store-state")[0]!.detail).not.toContain("wrong@");
    expect(await ping()).toBe("unavailable");
  });
});
