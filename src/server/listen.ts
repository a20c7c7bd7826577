import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import type { Hono } from "hono";

export interface ListenSettings {
  readonly port: number;
  /** Every address of this machine when undefined. */
  readonly host: string | undefined;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

export interface Listening {
  readonly port: number;
  /** Stops accepting, lets requests in progress end for so long, then cuts what is left. */
  drain(timeoutMs: number): Promise<void>;
}

/** Opens the proxied port. Rejects with Node's own error when the port cannot be had. */
export async function listen(
  app: Hono<{ Bindings: HttpBindings }>,
  onUpgrade: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>,
  settings: ListenSettings,
): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    // HTTP/1.0 clients need not send Host.
    hostname: "localhost",
    overrideGlobalObjects: false,
    serverOptions: {
      maxHeaderSize: settings.maxHeaderBytes,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
    },
  }) as Server;
  server.maxConnections = settings.maxConnections;
  server.on("upgrade", (incoming, socket, head) => {
    onUpgrade(incoming, socket, head).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: settings.port, host: settings.host, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return { port, drain: (timeoutMs) => drain(server, timeoutMs) };
}

async function drain(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A connection that is between two requests now is idle a moment later.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
