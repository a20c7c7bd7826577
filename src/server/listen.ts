import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Hono } from "hono";
import { answerMalformed, refuseRequest } from "./malformed.ts";
import { wantsTunnel } from "./upgrade.ts";

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
  const serve = getRequestListener(app.fetch, {
    // HTTP/1.0 clients need not send Host.
    hostname: "localhost",
    overrideGlobalObjects: false,
    errorHandler: refuseRequest,
  });
  const options = {
    maxHeaderSize: settings.maxHeaderBytes,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    // Node looks every 30 s only, whatever the time-outs are.
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    // Its answer would be without words; readRequest has some.
    requireHostHeader: false,
    shouldUpgradeCallback: wantsTunnel,
  };
  const server = createServer(options, (incoming, outgoing) => {
    // Hono's adapter reads URLs alone; one without a path asks the same (RFC 9112 §3.2.4).
    if (incoming.method === "OPTIONS" && incoming.url === "*")
      incoming.url = `http://${incoming.headers.host ?? "localhost"}`;
    void serve(incoming, outgoing);
  });
  server.maxConnections = settings.maxConnections;
  answerMalformed(server);
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
  // A failed accept is the system's passing trouble; an unheard "error" would end the process.
  server.on("error", () => {});
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
