import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { anyFreePort, portState } from "../../scripts/ports.ts";
import { answers } from "../../scripts/redis-line.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEADLINE_MS = 60_000;

class Run {
  readonly port: number;
  readonly adminPort: number;
  readonly #launcher: ChildProcess;
  readonly exit: Promise<unknown>;
  output = "";

  private constructor(launcher: ChildProcess, port: number, adminPort: number) {
    this.#launcher = launcher;
    this.port = port;
    this.adminPort = adminPort;
    this.exit = once(launcher, "close").then(([code]) => code);
    for (const stream of [launcher.stdout, launcher.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
  }

  static async start(env: Record<string, string>): Promise<Run> {
    const [port, adminPort] = [await anyFreePort(), await anyFreePort()];
    const settings = { PORT: `${port}`, ADMIN_PORT: `${adminPort}`, LOG_LEVEL: "warn", ...env };
    const launcher = spawn(process.execPath, ["scripts/run.ts"], {
      cwd: ROOT,
      env: { ...process.env, NODE_NO_WARNINGS: "1", ...settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const run = new Run(launcher, Number(settings.PORT), adminPort);
    runs.push(run);
    return run;
  }

  untilReady(): Promise<void> {
    return this.says("Ctrl-C stops it all");
  }

  async says(pattern: string): Promise<void> {
    await until(
      () => new RegExp(pattern).test(this.output),
      () => this.output,
    );
  }

  /** As a terminal that is gone. */
  closeOutput(): void {
    this.#launcher.stdout?.destroy();
    this.#launcher.stderr?.destroy();
  }

  signal(name: NodeJS.Signals): void {
    this.#launcher.kill(name);
  }

  get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`);
  }

  /** The ports of the mock origins that it said to have started. */
  get mockPorts(): number[] {
    const row = /Mock origins +(.*)/.exec(this.output)?.[1] ?? "";
    return [...row.matchAll(/:(\d+)/g)].map((match) => Number(match[1]));
  }
}

const runs: Run[] = [];
afterEach(async () => {
  const left = runs.splice(0);
  for (const run of left) run.signal("SIGTERM");
  await Promise.all(left.map((run) => run.exit));
});

async function until(holds: () => boolean | Promise<boolean>, describe: () => string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${describe()}`);
    await delay(25);
  }
}

const allFree = async (ports: readonly number[]): Promise<boolean> =>
  (await Promise.all(ports.map(portState))).every((state) => state === "free");

const redisAt = async (): Promise<{ port: number; REDIS_URL: string }> => {
  const port = await anyFreePort();
  return { port, REDIS_URL: `redis://127.0.0.1:${port}` };
};

test("brings up Redis, mock origins and the proxy, and a signal stops it all", {
  timeout: 120_000,
}, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL });
  await run.untilReady();
  expect(run.output).toContain(`${REDIS_URL} (started here)`);
  expect(run.mockPorts).toHaveLength(3);

  const path = "/data?id=123&cache-control=max-age=60";
  expect((await run.get(path)).headers.get("x-cache-status")).toBe("MISS");
  expect((await run.get(path)).headers.get("x-cache-status")).toBe("HIT");

  run.signal("SIGINT");
  expect(await run.exit).toBe(0);
  expect(await allFree([run.port, run.adminPort, redisPort, ...run.mockPorts])).toBe(true);
});

test("a Redis that a second run borrows stops with the run that started it, and with no other", {
  timeout: 120_000,
}, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const first = await Run.start({ REDIS_URL });
  await first.untilReady();
  const [hurried, second] = [await Run.start({ REDIS_URL }), await Run.start({ REDIS_URL })];
  await Promise.all([hurried.untilReady(), second.untilReady()]);
  expect(second.output).toContain(`${REDIS_URL} (another make run's, and stops with that)`);
  expect(second.mockPorts.filter((port) => first.mockPorts.includes(port))).toEqual([]);

  hurried.signal("SIGINT");
  await hurried.says("Stopping");
  hurried.signal("SIGINT");
  await hurried.exit;
  expect(await answers(REDIS_URL, 5_000)).toBe(true);

  first.signal("SIGINT");
  expect(await first.exit).toBe(0);
  expect(await portState(redisPort)).toBe("free");
  expect((await second.get("/data?id=1")).status).toBe(200);

  second.signal("SIGTERM");
  expect(await second.exit).toBe(0);
  expect(await allFree([...hurried.mockPorts, ...second.mockPorts])).toBe(true);
});

/** A request that its origin is answering until it is let go. */
async function inFlight(run: Run, delayMs: number): Promise<{ response: Promise<Response> }> {
  const mock = `http://127.0.0.1:${run.mockPorts[0]}`;
  const told = { method: "PUT", body: JSON.stringify({ delay_ms: delayMs }) };
  expect((await fetch(`${mock}/behavior?all=1`, told)).status).toBe(200);
  const response = run.get("/data?id=1&cache-control=max-age=60");
  response.catch(() => undefined);
  const counts = async () => (await fetch(`${mock}/counts?all=1`)).text();
  await until(
    async () => (await counts()).includes("/data?id=1"),
    () => run.output,
  );
  return { response };
}

test("after one Ctrl-C origins and Redis are there until the proxy has finished its requests", {
  timeout: 120_000,
}, async () => {
  const { REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL, LOG_LEVEL: "info" });
  await run.untilReady();
  const { response } = await inFlight(run, 3_000);
  run.signal("SIGINT");
  await run.says('"stopping"');
  expect(await answers(REDIS_URL, 5_000)).toBe(true);
  const { status, headers } = await response;
  expect([status, headers.get("cache-status")]).toEqual([
    200,
    "freshline; fwd=uri-miss; fwd-status=200; stored",
  ]);
  expect(await run.exit).toBe(0);
});

test("a second Ctrl-C ends all at once, whatever is in progress", { timeout: 120_000 }, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL, SHUTDOWN_TIMEOUT: "10m" });
  await run.untilReady();
  const { response } = await inFlight(run, 60_000);
  run.signal("SIGINT");
  await run.says("Stopping");
  run.signal("SIGINT");
  expect(await run.exit).toBe(130);
  await expect(response).rejects.toThrow();
  expect(await allFree([run.port, run.adminPort, redisPort, ...run.mockPorts])).toBe(true);
});

test("Ctrl-C before it is ready stops what has been started so far", { timeout: 120_000 }, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL });
  await until(
    () => answers(REDIS_URL, 500),
    () => run.output,
  );
  run.signal("SIGINT");
  expect(await run.exit).toBe(0);
  expect(await allFree([run.port, run.adminPort, redisPort])).toBe(true);
});

test("a run whose terminal is closed stops all, though the signal comes twice and nobody reads", {
  timeout: 120_000,
}, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL, LOG_LEVEL: "info" });
  await run.untilReady();
  run.closeOutput();
  const { response } = await inFlight(run, 1_000);
  run.signal("SIGHUP");
  run.signal("SIGHUP");
  expect((await response).status).toBe(200);
  expect(await run.exit).toBe(0);
  expect(await allFree([run.port, run.adminPort, redisPort, ...run.mockPorts])).toBe(true);
});

test("what it says comes first and in one piece, the log of the proxy after it", {
  timeout: 120_000,
}, async () => {
  const { REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL, LOG_LEVEL: "info" });
  await run.untilReady();
  await run.says("store up");
  const [block, log] = run.output.split("Ctrl-C stops it all.\n\n");
  expect(block?.split("\n").filter((line) => line !== "" && !line.startsWith("  "))).toEqual([]);
  expect(log).toMatch(/^\{.*"store up"/);
});

test("nothing outlives a run that was killed", { timeout: 120_000 }, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL });
  await run.untilReady();
  run.signal("SIGKILL");
  const ports = [run.port, run.adminPort, redisPort, ...run.mockPorts];
  await until(
    () => allFree(ports),
    () => `one of ${ports} is still listened on`,
  );
});

test("with origins of the user's and Redis turned off it starts the proxy alone", {
  timeout: 120_000,
}, async () => {
  const origin = createServer((_request, response) => response.end("mine"));
  const port = await anyFreePort();
  await new Promise<void>((resolve) => origin.listen(port, "127.0.0.1", resolve));
  const run = await Run.start({ REDIS_URL: "", ORIGINS: `http://127.0.0.1:${port}` });
  await run.untilReady();
  expect(run.output).not.toContain("Mock origins");
  expect(run.output).toMatch(/Redis +turned off/);
  expect(await (await run.get("/")).text()).toBe("mine");
  run.signal("SIGTERM");
  expect(await run.exit).toBe(0);
  origin.closeAllConnections();
  origin.close();
});

test("a taken port is one sentence with ports that are free, and nothing is started", {
  timeout: 120_000,
}, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const port = await anyFreePort();
  // The next ones that come to mind are taken as well: one for the proxy, one for its admin API.
  const blockers = await Promise.all([port, port + 10, port + 21].map(block));
  const run = await Run.start({ REDIS_URL, PORT: `${port}` });
  expect(await run.exit).toBe(1);
  const sentence = new RegExp(
    `^Port ${port}, which the proxy is to listen on, is taken; try make run port=(\\d+)\\.\\n$`,
  );
  const tried = Number(sentence.exec(run.output)?.[1]);
  expect(run.output).toMatch(sentence);
  expect(await allFree([tried, tried + 1, redisPort])).toBe(true);
  for (const blocker of blockers) blocker.close();
});

/** Takes it, unless somebody else has it already, which is as good. */
async function block(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.once("error", () => resolve());
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

test("a bad port is one sentence", { timeout: 120_000 }, async () => {
  const run = await Run.start({ PORT: "abc" });
  expect(await run.exit).toBe(1);
  expect(run.output).toBe('PORT: "abc" is not a port; expected an integer from 1 to 65535\n');
});

test("a proxy that cannot start ends the run, and all that it had started", {
  timeout: 120_000,
}, async () => {
  const { port: redisPort, REDIS_URL } = await redisAt();
  const run = await Run.start({ REDIS_URL, HOST: "192.0.2.1" });
  expect(await run.exit).toBe(1);
  expect(run.output).toContain("The proxy ended with exit code 1 before it listened.");
  expect(await portState(redisPort)).toBe("free");
});
