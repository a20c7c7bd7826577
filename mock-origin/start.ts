import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { isIPv6 } from "node:net";
import { MAX_DELAY_MS } from "./behavior.ts";
import { Counts } from "./counts.ts";
import { Data } from "./data.ts";
import type { PortState } from "./exchange.ts";
import { createRoutes } from "./routes.ts";
import { isWebSocket, serveWebSocket } from "./websocket.ts";

export interface MockOriginOptions {
  /** 0 lets the system choose. */
  readonly ports: readonly number[];
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Epoch milliseconds, for `updated_at` and Date. Default the system's clock. */
  readonly now?: () => number;
}

export interface MockOrigins {
  /** The ports in use, in the order in which they were asked for. */
  readonly ports: number[];
  /** http://127.0.0.1:PORT for each. */
  readonly urls: string[];
  /** Stops listening and ends every connection, whatever is happening on it. May be called again. */
  close(): Promise<void>;
}

/** Longer than any answer that was told to be slow; then a connection without traffic is ended. */
const IDLE_MS = MAX_DELAY_MS + 60_000;
const MAX_CONNECTIONS = 10_000;

/**
 * Opens one origin per port. They share their data; each counts and misbehaves alone.
 *
 * All or nothing: when one port cannot be opened the others are closed again, and the error's
 * message is a sentence that names it.
 */
export async function startMockOrigins(options: MockOriginOptions): Promise<MockOrigins> {
  const { ports, host = "127.0.0.1", now = Date.now } = options;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const all: PortState[] = [];
  const data = new Data(now);
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= closeAll(servers, sockets));

  try {
    for (const wanted of ports) {
      const server = createServer({ shouldUpgradeCallback: isWebSocket });
      server.on("connection", (socket) => keep(sockets, socket));
      const port = await listen(server, wanted, host);
      servers.push(server);
      const here: PortState = { port, counts: new Counts(), behavior: {} };
      all.push(here);
      const serve = createRoutes(here, { data, all, now });
      server.on("request", (request, response) => void serve(request, response));
      server.on("upgrade", (request, socket, head) => serveWebSocket(request, socket as Socket, head, here));
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  const name = nameInUrl(host);
  return { ports: all.map(({ port }) => port), urls: all.map(({ port }) => `http://${name}:${port}`), close };
}

/** Resolves to the port in use. */
async function listen(server: Server, port: number, host: string): Promise<number> {
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    throw new Error(whyNot(port, host, cause as NodeJS.ErrnoException), { cause });
  }
  // A failed accept concerns one client only and must not end the process.
  server.on("error", () => {});
  return (server.address() as AddressInfo).port;
}

function whyNot(port: number, host: string, cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case "EADDRINUSE":
      return `port ${port} is already in use on ${host}`;
    case "EACCES":
      return `port ${port} may not be opened by this user`;
    case "ERR_SOCKET_BAD_PORT":
      return `port ${port} is not a port: expected a whole number from 0 to 65535`;
    default:
      return `port ${port} could not be opened on ${host}: ${cause.message}`;
  }
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}

async function closeAll(servers: readonly Server[], sockets: ReadonlySet<Socket>): Promise<void> {
  const ended = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
  for (const socket of sockets) socket.destroy();
  await Promise.all(ended);
}

/** A client on this machine reaches a server on all addresses by the loopback one. */
const nameInUrl = (host: string): string => {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return isIPv6(host) ? `[${host}]` : host;
};
