import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { AdminEnv } from "./env.ts";

export interface AdminListenOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface AdminListener {
  readonly host: string;
  /** The port that it listens on. */
  readonly port: number;
  /** Takes no more connections, and lets requests finish for `waitMs` milliseconds. */
  close(waitMs?: number): Promise<void>;
}

const HEAD_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_CONNECTIONS = 256;
/** Of one connection; further ones are refused. Sent without waiting, so many may be worked on at once. */
export const MAX_REQUESTS = 50;

/** Resolves when the API listens; rejects with Node's error (EADDRINUSE, EACCES …). */
export async function listenAdmin(app: Hono<AdminEnv>, options: AdminListenOptions): Promise<AdminListener> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    createServer,
    serverOptions: {
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS;

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A failed accept is the system's passing trouble; an unheard "error" would end the process.
  server.on("error", () => {});

  const { address, port } = server.address() as AddressInfo;
  return { host: address, port, close: (waitMs = 2000) => closeServer(server, waitMs) };
}

function closeServer(server: Server, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => server.closeAllConnections(), waitMs);
    server.close(() => {
      clearTimeout(patience);
      resolve();
    });
    server.closeIdleConnections();
  });
}
