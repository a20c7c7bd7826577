/**
 * A loader of HTTP/1.1 in one process: `node bench/load.ts '<Order as JSON>'` prints a Result as JSON.
 * Every connection asks again when its answer is complete; nothing is pipelined.
 */
import { createConnection, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { readHead } from "./ask.ts";

export interface Order {
  readonly port: number;
  /** The bytes of a request; `{n}` in it becomes a number. */
  readonly request: string;
  readonly connections: number;
  /** Stops after so many seconds, or after so many requests. */
  readonly until: { readonly seconds: number } | { readonly requests: number };
  /** The numbers: 0, 1, 2 … when absent, else at random below this. */
  readonly spread?: number;
  /** What every answer has to be. */
  readonly status: number;
}

export interface Result {
  /** Answers that were as ordered, complete before the end. */
  readonly requests: number;
  /** Other answers, and connections that broke. */
  readonly bad: number;
  /** From the first request until the last answer. */
  readonly seconds: number;
}

const END = Buffer.from("\r\n\r\n");
/** Servers accept what the kernel has connected already; that is not what is measured. */
const SETTLE_MS = 200;
const CONNECT_AT_ONCE = 100;

async function load(order: Order): Promise<Result> {
  const { connections, until, spread } = order;
  const [before = "", after] = order.request.split("{n}");
  const most = "requests" in until ? until.requests : Number.POSITIVE_INFINITY;
  let asked = 0;
  let requests = 0;
  let bad = 0;
  let open = 0;
  let ended = false;
  let settle: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const end = () => {
    ended = true;
    settle();
  };

  const next = (socket: Socket) => {
    if (ended || asked >= most) return;
    const n = spread === undefined ? asked : Math.floor(Math.random() * spread);
    asked += 1;
    socket.write(after === undefined ? before : `${before}${n}${after}`, "latin1");
  };
  const answered = (socket: Socket, good: boolean) => {
    if (ended) return;
    if (good) requests += 1;
    else bad += 1;
    if (requests + bad >= most) end();
    else next(socket);
  };
  const connect = () =>
    new Promise<Socket>((resolve, reject) => {
      const socket = createConnection({ port: order.port, host: "127.0.0.1", noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        open += 1;
        resolve(socket);
      });
      socket.on(
        "data",
        answerReader(order.status, (good) => answered(socket, good)),
      );
      socket.once("close", () => {
        open -= 1;
        if (ended) return;
        bad += 1;
        if (open <= 0 || requests + bad >= most) end();
      });
    });

  const sockets: Socket[] = [];
  while (sockets.length < connections) {
    const some = Math.min(CONNECT_AT_ONCE, connections - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, connect))));
  }
  for (const socket of sockets) socket.on("error", () => undefined);
  await pause(SETTLE_MS);
  const startedAt = performance.now();
  for (const socket of sockets) next(socket);
  if ("seconds" in until) setTimeout(end, until.seconds * 1000);
  await over;
  const seconds = (performance.now() - startedAt) / 1000;
  for (const socket of sockets) socket.destroy();
  return { requests, bad, seconds };
}

/** Takes what a connection receives, and tells of each answer that is complete. */
export function answerReader(status: number, answered: (good: boolean) => void): (chunk: Buffer) => void {
  let head: Buffer = Buffer.alloc(0);
  let left = 0;
  let good = true;
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (left > 0) {
        const taken = Math.min(left, rest.length);
        left -= taken;
        rest = rest.subarray(taken);
      } else {
        head = head.length === 0 ? rest : Buffer.concat([head, rest]);
        const end = head.indexOf(END);
        if (end === -1) return;
        rest = head.subarray(end + END.length);
        const read = readHead(head.subarray(0, end + END.length));
        head = Buffer.alloc(0);
        good = read.status === status && !Number.isNaN(read.length);
        left = read.length || 0;
      }
      if (left === 0) answered(good);
    }
  };
}

if (import.meta.main) {
  const order = JSON.parse(process.argv[2] ?? "{}") as Order;
  process.stdout.write(`${JSON.stringify(await load(order))}\n`);
}
