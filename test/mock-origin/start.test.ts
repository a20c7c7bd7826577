import { spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { startMockOrigins } from "../../mock-origin/start.ts";
import { freePort } from "../free-port.ts";
import { ask, jsonOf, put } from "./ask.ts";

/** A port that something else is listening on. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("startMockOrigins", () => {
  it("opens a port of the system's choice for each 0, in one process with shared data", async () => {
    const origins = await startMockOrigins({ ports: [0, 0, 0] });
    onTestFinished(origins.close);
    expect(new Set(origins.ports).size).toBe(3);
    expect(origins.urls).toEqual(origins.ports.map((port) => `http://127.0.0.1:${port}`));
    for (const [i, url] of origins.urls.entries()) {
      const reply = await ask(url, "/data?id=1");
      expect([reply.status, reply.fields["x-mock-port"]]).toEqual([200, String(origins.ports[i])]);
    }
  });

  it("closes what it has opened and names the port when one is taken", async () => {
    const [free, taken] = [await freePort(), await takenPort()];
    await expect(startMockOrigins({ ports: [free, taken] })).rejects.toThrow(
      `port ${taken} is already in use on 127.0.0.1`,
    );
    await expect(ask(`http://127.0.0.1:${free}`, "/")).rejects.toThrow("ECONNREFUSED");
  });

  it.each([70_000, -1, 1.5])("refuses %d, which is no port", async (port) => {
    await expect(startMockOrigins({ ports: [port] })).rejects.toThrow(`port ${port} is not a port`);
  });

  it("ends open connections when it closes, and may be closed twice", async () => {
    const origins = await startMockOrigins({ ports: [0] });
    const socket = connect(origins.ports[0]!, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /events?n=100&every_ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    const ended = once(socket, "close");
    await Promise.all([origins.close(), origins.close()]);
    await ended;
    await expect(ask(origins.urls[0]!, "/")).rejects.toThrow("ECONNREFUSED");
  });
});

describe("the program", () => {
  const program = fileURLToPath(new URL("../../mock-origin/main.ts", import.meta.url));

  function run(args: string[], environment: Record<string, string> = {}) {
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => (output.stdout += chunk));
    child.stderr.on("data", (chunk) => (output.stderr += chunk));
    const ready = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
    const exited = once(child, "close").then(([code]) => ({ code: code as number | null, ...output }));
    return { child, ready, exited, output };
  }

  it.each(["SIGINT", "SIGTERM"] as const)(
    "says in one line where it is, and ends with 0 on %s",
    async (signal) => {
      const { child, ready, exited, output } = run(["--ports", "0,0"]);
      await Promise.race([ready, exited]);
      const urls = /^mock origins on (http:\/\/127\.0\.0\.1:\d+), (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(
        output.stdout,
      );
      expect(urls).not.toBeNull();
      expect(jsonOf(await ask(urls![2]!, "/health-check"))).toEqual({ status: "ok" });
      child.kill(signal);
      expect(await exited).toEqual({ code: 0, stdout: output.stdout, stderr: "" });
    },
  );

  it("does not wait for a delayed answer before it ends", async () => {
    const { child, ready, exited, output } = run(["--ports", "0"]);
    await Promise.race([ready, exited]);
    const url = output.stdout.trim().replace("mock origins on ", "");
    await put(url, "/behavior", { delay_ms: 300_000 });
    const delayed = ask(url, "/data?id=1");
    delayed.catch(() => {});
    while (jsonOf(await ask(url, "/counts")).total < 1);
    child.kill();
    await expect(delayed).rejects.toThrow();
    expect((await exited).code).toBe(0);
  });

  it("takes its ports from MOCK_ORIGIN_PORTS, and rather from --ports", async () => {
    const taken = await takenPort();
    const environment = { MOCK_ORIGIN_PORTS: String(taken) };
    expect((await run([], environment).exited).stderr).toContain(`port ${taken} is already in use`);
    const { child, ready, exited, output } = run(["--ports", "0"], environment);
    await Promise.race([ready, exited]);
    child.kill();
    expect([(await exited).code, output.stderr]).toEqual([0, ""]);
  });

  it("ends with 1 and a sentence when a port is taken", async () => {
    const taken = await takenPort();
    expect(await run(["--ports", `0,${taken}`]).exited).toEqual({
      code: 1,
      stdout: "",
      stderr: `port ${taken} is already in use on 127.0.0.1\n`,
    });
  });

  it.each(["", "4001,", "http", "70000", "-1"])("ends with 1 and a sentence on --ports=%s", async (list) => {
    const { code, stdout, stderr } = await run([`--ports=${list}`]).exited;
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^expected ports to be numbers from 0 to 65535 .+\n$/);
  });

  it("ends with 1 and a sentence on an unknown option", async () => {
    const { code, stderr } = await run(["--port", "1"]).exited;
    expect(code).toBe(1);
    expect(stderr).toContain("--port");
  });
});
