import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { startOrigin } from "./own-origin.ts";
import { runProgram, startProgram } from "./program.ts";
import { ask } from "./site.ts";

async function mockOrigin(): Promise<string> {
  const mock = await startMockOrigins({ ports: [0] });
  onTestFinished(() => mock.close());
  return mock.urls[0] as string;
}

/** An origin whose answers wait for the test. */
async function slowOrigin() {
  const waiting: ServerResponse[] = [];
  const origin = await startOrigin((_, response) => waiting.push(response));
  return { url: origin.url, waiting };
}

describe("a start", () => {
  it("says where it is and what is behind it, and serves", async () => {
    const origin = await mockOrigin();
    const program = await startProgram({ ORIGINS: origin });
    expect(program.out()).toContain(`Freshline on http://localhost:${program.port} → ${origin}\n`);
    expect(program.out()).toContain("No REDIS_URL is set: the cache is this process's memory alone.\n");
    const url = `http://127.0.0.1:${program.port}/data?id=1&cache-control=max-age=60`;
    expect((await ask(url)).cache).toBe("MISS/MISS");
    expect((await ask(url)).cache).toBe("HIT/HIT");
  });

  it("takes its settings from flags as well, with origins repeated", async () => {
    const [a, b] = [await mockOrigin(), await mockOrigin()];
    const words = ["--origin", a, "--origin", b, "--ttl", "5m"];
    const program = await startProgram({}, { words });
    expect(program.out()).toContain(`→ ${a}, ${b}\n`);
    // Without any word of the origin's, --ttl makes it fresh.
    const url = `http://127.0.0.1:${program.port}/data?id=1`;
    expect((await ask(url)).cache).toBe("MISS/MISS");
    expect((await ask(url)).cache).toBe("HIT/HIT");
  });

  it("on a taken port says so in a sentence, and fails", async () => {
    const server: Server = createServer();
    server.listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const taken = String((server.address() as AddressInfo).port);
    const free = String(await freePort());
    const settings = { HOST: "127.0.0.1", ORIGINS: await mockOrigin() };

    const proxied = runProgram([], { ...settings, PORT: taken, ADMIN_PORT: free });
    expect(await proxied.exited).toBe(1);
    expect(proxied.err()).toBe(`freshline: port ${taken} is taken; choose another with --port or PORT\n`);
    const admin = runProgram([], { ...settings, PORT: free, ADMIN_PORT: taken });
    expect(await admin.exited).toBe(1);
    expect(admin.err()).toMatch(`freshline: admin port ${taken} is taken`);
  });

  it("with wrong settings tells all of them at once, and fails", async () => {
    const program = runProgram([], {
      PORT: "70000",
      ORIGINS: "localhost:4001",
      REDIS_URL: "http://user:hidden@r",
      LOG_LEVEL: "loud",
    });
    expect(await program.exited).toBe(1);
    expect(program.out()).toBe("");
    const lines = program.err().trim().split("\n");
    expect(lines[0]).toBe("freshline: 4 settings are wrong:");
    expect(lines.slice(1).map((line) => line.trim().split(":")[0])).toEqual([
      "PORT",
      "ORIGINS",
      "REDIS_URL",
      "LOG_LEVEL",
    ]);
    expect(program.err()).not.toContain("hidden");
  });

  it("without a Redis that answers says so, and serves from memory", async () => {
    const nobody = `redis://127.0.0.1:${await freePort()}`;
    const program = await startProgram({ ORIGINS: await mockOrigin(), REDIS_URL: nobody });
    await program.says("Redis does not answer: the cache is this process's memory alone until it does.");
    const url = `http://127.0.0.1:${program.port}/data?id=1&cache-control=max-age=60`;
    await ask(url);
    expect((await ask(url)).cache).toBe("HIT/HIT");
  });
});

describe("SIGTERM", () => {
  it("lets requests in progress end, refuses new ones, and exits 0", async () => {
    const { url, waiting } = await slowOrigin();
    const program = await startProgram({ ORIGINS: url, LOG_FORMAT: "json" });
    const asking = Array.from({ length: 20 }, (_, i) => ask(`http://127.0.0.1:${program.port}/${i}`));
    await until("all are at the origin", () => waiting.length === 20);
    // One of them has begun its body.
    waiting[0]?.write("be");

    program.child.kill("SIGTERM");
    await program.says('"stopping"');
    const refused = async () => {
      const socket = connect(program.port, "127.0.0.1");
      const error = await once(socket, "connect").then(
        () => undefined,
        (reason: NodeJS.ErrnoException) => reason.code,
      );
      socket.destroy();
      return error === "ECONNREFUSED";
    };
    await until("connections are refused", refused);

    for (const response of waiting) response.end("gun");
    const answers = await Promise.all(asking);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(answers.filter(({ text }) => text === "begun")).toHaveLength(1);
    expect(await program.exited).toBe(0);
  });

  it("waits for a background refresh to end", async () => {
    let n = 0;
    const { promise, resolve: refreshing } = Promise.withResolvers<ServerResponse>();
    const origin = await startOrigin((_, response) => {
      n++;
      response.setHeader("Cache-Control", "max-age=0, stale-while-revalidate=60");
      if (n === 1) response.end("old");
      else refreshing(response);
    });
    const program = await startProgram({ ORIGINS: origin.url, LOG_FORMAT: "json" });
    const url = `http://127.0.0.1:${program.port}/a`;
    await ask(url);
    expect((await ask(url)).cache).toBe("HIT/UPDATING");
    const response = await promise;
    program.child.kill("SIGTERM");
    await program.says('"stopping"');
    let exited = false;
    void program.exited.then(() => {
      exited = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(exited).toBe(false);
    response.end("new");
    expect(await program.exited).toBe(0);
  });

  it("ends idle keep-alive connections soon", async () => {
    const program = await startProgram({ ORIGINS: await mockOrigin() });
    const client = connect(program.port, "127.0.0.1");
    client.write("GET /data?id=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(client, "data");
    const startedAt = performance.now();
    program.child.kill("SIGTERM");
    await once(client.resume(), "close");
    expect(await program.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it("cuts after SHUTDOWN_TIMEOUT what does not end", async () => {
    const { url, waiting } = await slowOrigin();
    const program = await startProgram({ ORIGINS: url, SHUTDOWN_TIMEOUT: "300ms" });
    const asking = ask(`http://127.0.0.1:${program.port}/never`, { method: "POST" });
    asking.catch(() => {});
    await until("it is at the origin", () => waiting.length === 1);
    program.child.kill("SIGTERM");
    expect(await program.exited).toBe(0);
    await expect(asking).rejects.toThrow();
  });

  it.each(["SIGTERM", "SIGINT"] as const)("twice, the second being %s, exits at once", async (second) => {
    const { url, waiting } = await slowOrigin();
    const program = await startProgram({ ORIGINS: url, LOG_FORMAT: "json", SHUTDOWN_TIMEOUT: "1h" });
    const asking = ask(`http://127.0.0.1:${program.port}/never`);
    asking.catch(() => {});
    await until("it is at the origin", () => waiting.length === 1);
    program.child.kill("SIGTERM");
    await program.says('"stopping"');
    program.child.kill(second);
    expect(await program.exited).toBe(130);
  });
});

describe("a promise that nobody awaited", () => {
  it("is told, and does not end the process", async () => {
    const preload = "process.on('SIGUSR2', () => Promise.reject(new Error('a stray')))";
    const origin = await mockOrigin();
    const program = await startProgram({ ORIGINS: origin, LOG_FORMAT: "json" }, { preload });
    program.child.kill("SIGUSR2");
    await program.says("unhandled rejection");
    expect(program.out()).toContain("a stray");
    expect((await ask(`http://127.0.0.1:${program.port}/data?id=1`)).status).toBe(200);
  });
});
