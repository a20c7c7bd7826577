// How can several processes share a port? What docs/decisions/0024 goes by: node bench/shared-port.ts
import { type ChildProcess, fork } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { Server as NetServer } from "node:net";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/free-port.ts";

/*
 * round-robin: the primary accepts, and hands each connection to the next worker (node:cluster's SCHED_RR).
 * shared handle: every worker accepts from one queue (SCHED_NONE).
 * reusePort: every worker has a queue of its own, among which the kernel divides (SO_REUSEPORT).
 */
const WAYS = ["round-robin", "shared handle", "reusePort"] as const;
type Way = (typeof WAYS)[number];

const WORKERS = 2;
const SHORT_CONNECTIONS = 4000;
const RESTARTS = 20;

type Order = "cpu" | "block" | "restart";
type Message = { readonly cpu?: number; readonly workers?: number; readonly port?: number };

function worker(): void {
  const way = process.argv[3] as Way;
  const server = createServer((_, response) => {
    response.setHeader("X-Worker", process.pid);
    response.end("x".repeat(1024));
  });
  const options = { port: Number(process.env["BENCH_PORT"]), host: "127.0.0.1" };
  server.listen(way === "reusePort" ? { ...options, exclusive: true, reusePort: true } : options, () =>
    process.send?.({}),
  );
  process.on("message", (order: Order) => {
    if (order === "cpu") process.send?.({ cpu: cpu() });
    if (order === "block") {
      const until = performance.now() + 1000;
      while (performance.now() < until);
    }
    // Not http.Server's close, which cuts connections whose first request is on its way; nor process.exit(),
    // after which a connection on its way to this worker would hang for ever.
    if (order === "restart") NetServer.prototype.close.call(server, () => cluster.worker?.disconnect());
  });
}

async function primary(way: Way): Promise<void> {
  cluster.schedulingPolicy = way === "shared handle" ? cluster.SCHED_NONE : cluster.SCHED_RR;
  const port = await freePort();
  const start = async (): Promise<Worker> => {
    const started = cluster.fork({ BENCH_PORT: String(port) });
    await once(started, "message");
    return started;
  };
  const workers: Worker[] = [];
  while (workers.length < WORKERS) workers.push(await start());
  process.on("message", async (order: Order) => {
    const [oldest] = workers as [Worker];
    if (order === "block") oldest.send(order);
    if (order === "restart") {
      workers.push(await start());
      workers.shift();
      oldest.send(order);
      await once(oldest, "exit");
      process.send?.({});
    }
    if (order === "cpu") {
      const answers = workers.map((one) => once(one, "message") as Promise<[Message]>);
      for (const one of workers) one.send(order);
      const used = (await Promise.all(answers)).reduce((sum, [answer]) => sum + (answer.cpu ?? 0), 0);
      process.send?.({ cpu: cpu(), workers: used });
    }
  });
  process.send?.({ port });
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function measure(): Promise<void> {
  const rows: string[][] = [];
  for (const way of WAYS) rows.push([way, ...(await measureOne(way))]);
  console.log(
    "| way | 64 connections | µs in workers | µs in primary | lost in 20 restarts | stuck with one worker |",
  );
  console.log("|---|---|---|---|---|---|");
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}

async function measureOne(way: Way): Promise<string[]> {
  const child = fork(fileURLToPath(import.meta.url), ["primary", way]);
  const [{ port = 0 }] = (await once(child, "message")) as [Message];
  const tell = async (order: Order): Promise<Message> => {
    child.send(order);
    return ((await once(child, "message")) as [Message])[0];
  };
  await short(port, 500);

  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const byWorker = new Map<string, number>();
  for (const name of await Promise.all(Array.from({ length: 64 }, () => ask(port, agent))))
    byWorker.set(name, (byWorker.get(name) ?? 0) + 1);
  agent.destroy();
  const spread = [...byWorker.values()].sort((a, b) => b - a).join(" : ");

  const before = await tell("cpu");
  await short(port, SHORT_CONNECTIONS);
  const after = await tell("cpu");
  const each = (key: "cpu" | "workers") =>
    (((after[key] ?? 0) - (before[key] ?? 0)) / SHORT_CONNECTIONS).toFixed(0);

  let restarting = true;
  let asked = 0;
  let lost = 0;
  const load = Array.from({ length: 32 }, async () => {
    while (restarting) {
      asked++;
      await ask(port).catch(() => lost++);
    }
  });
  for (let i = 0; i < RESTARTS; i++) await tell("restart");
  restarting = false;
  await Promise.all(load);

  child.send("block");
  const late = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const startedAt = performance.now();
      await ask(port);
      return performance.now() - startedAt > 500;
    }),
  );
  await end(child);
  return [
    spread,
    each("workers"),
    each("cpu"),
    `${lost} of ${asked}`,
    `${late.filter(Boolean).length} of 200`,
  ];
}

/** So many requests, each on a connection of its own, 32 at once. */
async function short(port: number, count: number): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) await ask(port);
  };
  await Promise.all(Array.from({ length: 32 }, one));
}

/** Which worker answered; rejects when the connection breaks. */
const ask = (port: number, agent?: Agent): Promise<string> =>
  new Promise((resolve, reject) => {
    const how = { port, host: "127.0.0.1", agent: agent ?? false, signal: AbortSignal.timeout(5000) };
    const asking = request(how, (response) => {
      response.resume().on("end", () => resolve(String(response.headers["x-worker"])));
      response.on("error", reject);
    });
    asking.on("error", reject).end();
  });

async function end(child: ChildProcess): Promise<void> {
  child.kill();
  await once(child, "exit");
}

if (cluster.isWorker) worker();
else if (process.argv[2] === "primary") await primary(process.argv[3] as Way);
else await measure();
