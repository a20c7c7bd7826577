/**
 * The origin behind everything that is measured, as a process: `node bench/origin.ts`, which prints its port.
 *
 *   /body/<bytes>/<any>                    storable for a day
 *   /no-store/<bytes>/<any>                never to be stored
 *   /delayed/<ms>/<bytes>/<any>            storable, after a while
 *   /delayed-no-store/<ms>/<bytes>/<any>   never to be stored, after a while
 *   /failing/<ms>/<any>                    always a 500, after a while
 *   /paced/<bytes a second>/<bytes>/<any>  storable, at that pace
 *   /endless/<bytes>/<any>                 storable by what it says, in chunks, as fast as it is taken
 *   /sink                                  takes what is sent, and then answers
 *   /count                                 how many requests there were for all these since the last /count
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { drained } from "./drained.ts";

const CHUNK = Buffer.alloc(65_536, "x");
const PACE_MS = 20;
const bodies = new Map<number, Buffer>();
let count = 0;

function bodyOf(bytes: number): Buffer {
  const known = bodies.get(bytes);
  if (known !== undefined) return known;
  const body = Buffer.alloc(bytes, "x");
  // The rows ask for a handful of sizes.
  if (bodies.size < 16) bodies.set(bytes, body);
  return body;
}

const head = (cacheControl: string, length: number | undefined): string[] => [
  "Content-Type",
  "text/html; charset=utf-8",
  ...(length === undefined ? [] : ["Content-Length", String(length)]),
  "Cache-Control",
  cacheControl,
  "ETag",
  '"5f8a-62d1c0b7e4a10"',
  "Last-Modified",
  "Fri, 20 Nov 2026 12:00:00 GMT",
  "Server",
  "origin",
];

const STORABLE = "public, max-age=86400";

async function send(path: string, outgoing: ServerResponse): Promise<void> {
  const [, kind, first = "", second = ""] = path.split("/");
  count += 1;
  switch (kind) {
    case "body":
      return whole(outgoing, STORABLE, Number(first));
    case "no-store":
      return whole(outgoing, "no-store", Number(first));
    case "delayed":
      await pause(Number(first));
      return whole(outgoing, STORABLE, Number(second));
    case "delayed-no-store":
      await pause(Number(first));
      return whole(outgoing, "no-store", Number(second));
    case "failing":
      if (Number(first) > 0) await pause(Number(first));
      outgoing.writeHead(500, ["Content-Length", "0"]).end();
      return;
    case "paced":
      outgoing.writeHead(200, head(STORABLE, Number(second)));
      return pieces(outgoing, Number(second), (Number(first) * PACE_MS) / 1000);
    case "endless":
      outgoing.writeHead(200, head(STORABLE, undefined));
      return pieces(outgoing, Number(first), undefined);
    default:
      count -= 1;
      outgoing.writeHead(404).end();
  }
}

function whole(outgoing: ServerResponse, cacheControl: string, bytes: number): void {
  outgoing.writeHead(200, head(cacheControl, bytes));
  outgoing.end(bodyOf(bytes));
}

/** Ends early where the client leaves. */
async function pieces(
  outgoing: ServerResponse,
  bytes: number,
  bytesATime: number | undefined,
): Promise<void> {
  const startedAt = performance.now();
  for (let sent = 0, turn = 1; sent < bytes && !outgoing.destroyed; turn += 1) {
    const size = Math.min(bytesATime ?? CHUNK.length, bytes - sent);
    const flows = outgoing.write(size <= CHUNK.length ? CHUNK.subarray(0, size) : Buffer.alloc(size, "x"));
    sent += size;
    if (bytesATime !== undefined) await pause(Math.max(0, startedAt + turn * PACE_MS - performance.now()));
    else if (!flows) await drained(outgoing);
  }
  outgoing.end();
}

const server = createServer({ keepAliveTimeout: 600_000 }, (incoming, outgoing) => {
  const path = incoming.url ?? "/";
  if (path === "/health-check") return void outgoing.writeHead(200, ["Content-Length", "0"]).end();
  if (path === "/count") {
    const text = String(count);
    count = 0;
    return void outgoing.writeHead(200, ["Content-Length", String(text.length)]).end(text);
  }
  if (path === "/sink") {
    incoming.once("end", () => outgoing.writeHead(200, ["Content-Length", "0"]).end()).resume();
    return;
  }
  send(path, outgoing).catch(() => outgoing.destroy());
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write(`origin on ${(server.address() as AddressInfo).port}\n`);
});
process.once("SIGTERM", () => process.exit(0));
