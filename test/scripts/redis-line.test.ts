import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anyFreePort } from "../../scripts/ports.ts";
import { addressOf, answers, RedisLine, ReplyError, readReply } from "../../scripts/redis-line.ts";
import { startRedis, type TestRedis } from "../redis-server.ts";

describe("addressOf", () => {
  test.each([
    ["redis://localhost", { host: "localhost", port: 6379, tls: false }],
    ["redis://user:secret@cache:6380/2", { host: "cache", port: 6380, tls: false }],
    ["rediss://[::1]:7000", { host: "::1", port: 7000, tls: true }],
  ])("%s", (url, expected) => {
    expect(addressOf(url)).toEqual(expected);
  });
});

describe("readReply", () => {
  const REPLIES = "+OK\r\n:42\r\n$5\r\na\r\nb!\r\n*3\r\n$1\r\nx\r\n*0\r\n$-1\r\n";

  test("reads one reply after another", () => {
    const bytes = Buffer.from(REPLIES);
    const replies: unknown[] = [];
    for (let at = 0; at < bytes.length; ) {
      const read = readReply(bytes, at)!;
      replies.push(read.reply);
      at = read.end;
    }
    expect(replies).toEqual(["OK", 42, "a\r\nb!", ["x", [], null]]);
  });

  test("waits for the rest of a reply, wherever it was cut", () => {
    const whole = Buffer.from("*2\r\n$3\r\ndir\r\n$5\r\n/data\r\n");
    for (let length = 0; length < whole.length; length += 1) {
      expect(readReply(whole.subarray(0, length), 0)).toBeUndefined();
    }
    expect(readReply(whole, 0)).toEqual({ reply: ["dir", "/data"], end: whole.length });
  });

  test("an error is a reply", () => {
    expect(readReply(Buffer.from("-NOAUTH no\r\n"), 0)?.reply).toEqual(new ReplyError("NOAUTH no"));
  });

  test("throws at what is not Redis's language", () => {
    expect(() => readReply(Buffer.from("HTTP/1.1 400 Bad Request\r\n"), 0)).toThrow("not a Redis");
    expect(() => readReply(Buffer.from("$many\r\n"), 0)).toThrow("not a Redis");
  });
});

describe("answers", () => {
  let redis: TestRedis;
  let locked: TestRedis;
  beforeAll(async () => {
    [redis, locked] = await Promise.all([startRedis(), startRedis()]);
    await locked.command("CONFIG", "SET", "requirepass", "secret");
  });
  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    await locked[Symbol.asyncDispose]();
  });

  test("a Redis does", async () => {
    expect(await answers(redis.url, 5_000)).toBe(true);
  });

  test("a Redis that wants a password does", async () => {
    expect(await answers(locked.url, 5_000)).toBe(true);
  });

  test("a free port does not", async () => {
    expect(await answers(`redis://127.0.0.1:${await anyFreePort()}`, 5_000)).toBe(false);
  });

  test.each([
    ["speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["speaks POP3", "+OK ready\r\n"],
    ["says nothing", ""],
  ])("a server that %s does not", async (_what, says) => {
    const { server, port } = await serverThatSays(says);
    const began = performance.now();
    expect(await answers(`redis://127.0.0.1:${port}`, 200)).toBe(false);
    expect(performance.now() - began).toBeLessThan(5_000);
    server.close();
  });

  test("a line refuses a second question until the first is answered", async () => {
    const line = await RedisLine.open(redis.url, 5_000);
    const first = line.ask(["PING"], 5_000);
    await expect(line.ask(["PING"], 5_000)).rejects.toThrow("one question at a time");
    expect(await first).toBe("PONG");
    expect(await line.ask(["ECHO", "é"], 5_000)).toBe("é");
    line.close();
    await expect(line.ask(["PING"], 5_000)).rejects.toThrow("closed");
  });
});

async function serverThatSays(text: string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (text !== "") socket.write(text);
  });
  const port = await anyFreePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, port };
}
