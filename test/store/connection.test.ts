import { describe, expect, it, onTestFinished } from "vitest";
import type { StoreError } from "../../src/cache/ports/store.ts";
import { retryDelay } from "../../src/store/redis-options.ts";
import { openFaultyLink } from "../faulty-link.ts";
import { startRedis } from "../redis-server.ts";
import { until } from "../until.ts";
import { connect, keep } from "./own-redis.ts";

describe("the delay before a reconnection", () => {
  it("doubles from 50 ms, stays within a second, and is spread", () => {
    const longest = Array.from({ length: 12 }, (_, i) => retryDelay(i + 1, () => 1));
    expect(longest).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000]);
    expect(retryDelay(6, () => 0)).toBe(500);
    expect(retryDelay(5000)).toBeLessThanOrEqual(1000);
  });
});

describe("the connection", () => {
  const open = (url: string) => {
    const { connection, log } = connect(url);
    const ping = () => connection.run((client) => client.ping()).catch((error: StoreError) => error.code);
    return { connection, log, ping };
  };
  const server = () => keep(startRedis());

  it("comes, goes and comes back with Redis, and tells each change once", async () => {
    const redis = await server();
    const { log, ping } = open(redis.url);
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
    const { log, ping } = open(redis.url.replace("redis://", "redis://u:secret@"));
    await until("the failure is told", () => log.of("store-state").length === 1);
    const started = performance.now();
    for (let i = 0; i < 50; i++) expect(await ping()).toBe("unavailable");
    expect(performance.now() - started).toBeLessThan(2000);
    const { up, detail } = log.of("store-state")[0]!;
    expect({ up, detail }).toEqual({
      up: false,
      detail: expect.stringMatching(/ECONNREFUSED.*redis:\/\/\*\*\*@127/),
    });
    expect(detail).not.toContain("secret");
  });

  it("gives up on a Redis that hangs, and recovers when it goes on", async () => {
    const redis = await server();
    const { log, ping } = open(redis.url);
    await until("Redis answers", async () => (await ping()) === "PONG");
    process.kill(redis.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(redis.pid, "SIGCONT"));
    const answers = [await ping(), await ping(), await ping(), await ping()];
    expect(answers).toEqual(["timeout", "timeout", "timeout", "unavailable"]);
    expect(log.of("store-state").map(({ up }) => up)).toEqual([true, false]);
    process.kill(redis.pid, "SIGCONT");
    const ms = await until("Redis answers again", async () => (await ping()) === "PONG");
    expect(ms).toBeLessThan(5000);
  });

  it("leaves a half-open connection behind", async () => {
    const redis = await server();
    const link = await openFaultyLink(redis.port);
    const { ping } = open(`redis://127.0.0.1:${link.port}`);
    await until("Redis answers", async () => (await ping()) === "PONG");
    link.swallow();
    expect(await ping()).toBe("timeout");
    await until("a new connection answers", async () => (await ping()) === "PONG");
    expect(link.connections).toBe(2);
  });

  it("leaves one behind whose answers are those to other questions, however busy it is", async () => {
    const redis = await server();
    const link = await openFaultyLink(redis.port);
    const { connection, ping } = open(`redis://127.0.0.1:${link.port}`);
    await until("Redis answers", async () => (await ping()) === "PONG");
    const right: boolean[] = [];
    let asked = 0;
    // So often that the connection never falls silent, and no command takes too long.
    const asking = setInterval(() => {
      const text = `question ${asked++}`;
      const answered = (answer?: string) => right.push(answer === text);
      connection.run((client) => client.echo(text)).then(answered, () => answered());
    }, 20);
    onTestFinished(() => clearInterval(asking));
    let kept = false;
    await link.breakBy({
      garbles: (answer) => {
        if (kept) return answer;
        kept = true;
        return Buffer.alloc(0);
      },
    });
    await until("answers are others'", () => right.at(-1) === false);
    await until("they are right again", () => right.slice(-10).every(Boolean));
    expect(link.connections).toBe(2);
  });

  it("connects its followers anew when it was connected anew, so that they know of what they missed", async () => {
    const redis = await server();
    const { connection, ping } = open(redis.url);
    const follower = connection.follower(1000);
    onTestFinished(() => follower.disconnect());
    const order: string[] = [];
    follower.on("ready", () => order.push("follower ready"));
    follower.on("close", () => order.push("follower closed"));
    await until("the follower is ready", () => order.length === 1);
    expect(await ping()).toBe("PONG");
    const clients = String(await redis.command("CLIENT", "LIST")).split("\n");
    const id = /^id=(\d+)/.exec(clients.find((line) => line.includes("name=freshline ")) ?? "")?.[1];
    await redis.command("CLIENT", "KILL", "ID", id ?? "none");
    await until("the follower is ready again", () => order.length === 3);
    expect(order).toEqual(["follower ready", "follower closed", "follower ready"]);
    expect(await ping()).toBe("PONG");
  });

  it("keeps trying when the password is wrong, without ending the process", async () => {
    const redis = await server();
    await redis.command("CONFIG", "SET", "requirepass", "right");
    const { log, ping } = open(redis.url.replace("redis://", "redis://:wrong@"));
    await until("the refusal is told", () => log.of("store-state").length === 1);
    expect(log.of("store-state")[0]!.detail).toContain("WRONGPASS");
    expect(log.of("store-state")[0]!.detail).not.toContain("wrong@");
    expect(await ping()).toBe("unavailable");
  });
});
