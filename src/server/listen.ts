import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, BlockList, Server } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { ProxiedApp } from "./app.ts";
import { createDoor, passThrough } from "./door.ts";
import { createDrain, type OtherConnections } from "./drain.ts";
import { createH2Sessions } from "./h2-sessions.ts";
import { answerHalfClosed } from "./half-closed.ts";
import type { AtOnce } from "./lane/at-once.ts";
import { answerMalformed, UNEXPECTED } from "./malformed.ts";
import { endWhereBytesAreLost, inOrder } from "./pipelined.ts";
import { openPlainLane } from "./plain-lane.ts";
import { type CertificateAndKey, createTlsPort, type TlsSettings } from "./tls-port.ts";
import { type AnswerUnderWay, type OnConnection, UnderWay } from "./under-way.ts";
import { wantsTunnel } from "./upgrade.ts";

export interface ListenSettings {
  readonly port: number;
  /** Every address of this machine when undefined. */
  readonly host: string | undefined;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly maxUrlBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Other workers of this program listen on the port as well. */
  readonly portIsShared?: boolean;
  /** A port for TLS beside the other one. */
  readonly tls?: TlsSettings;
  /** Who begins each connection with a PROXY header, read at each connection; nobody when absent. */
  readonly proxies?: { readonly trustedProxies: BlockList };
}

export interface Listening {
  readonly port: number;
  readonly tlsPort?: number;
  /** From the next handshake on; absent where there is no TLS. Throws where they are unusable, and changes nothing then. */
  replaceCertificates?(certificates: readonly CertificateAndKey[]): void;
  /** From now on session tickets of TLS are sealed with it; absent where there is no TLS. */
  renewTickets?(secret: Uint8Array): void;
  /** Accepts no more connections, lets requests in progress end for so long, then cuts what is left. */
  drain(timeoutMs: number): Promise<void>;
}

/** Opens the proxied port, with the plain lane in front where there is something to answer `atOnce` from. Rejects with Node's own error when the port cannot be had. */
export async function listen(
  app: ProxiedApp,
  onUpgrade: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>,
  settings: ListenSettings,
  atOnce?: AtOnce,
): Promise<Listening> {
  const underWay = new UnderWay();
  const options = {
    maxHeaderSize: settings.maxHeaderBytes,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    // Node looks every 30 s only, whatever the time-outs are.
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    // Most requests have no content, and pay for a stream that nobody reads.
    optimizeEmptyRequests: true,
    // Its answer would be without words; readRequest has some.
    requireHostHeader: false,
    // Behind answers that are due a tunnel would get their bytes; Upgrade may be ignored (RFC 9110 §7.8).
    shouldUpgradeCallback: (incoming: IncomingMessage) =>
      wantsTunnel(incoming) && underWay.on(incoming.socket).length === 0,
  };
  /** The answer to what is being given to Hono's adapter, which reads the URL before it returns. */
  let asked: ServerResponse<IncomingMessage> | undefined;
  const viaHono = getRequestListener(app.fetch, {
    // HTTP/1.0 clients need not send Host.
    hostname: "localhost",
    overrideGlobalObjects: false,
    // Its idea of a URL is not the one that counts: readRequest refuses what is none.
    errorHandler: () => {
      if (asked !== undefined) void app.serve(asked.req, asked);
    },
  });
  const server = createServer(options, (incoming, outgoing) => {
    const before = underWay.on(incoming.socket);
    begin(incoming, outgoing);
    endWhereBytesAreLost(incoming, outgoing);
    // Hono's adapter reads URLs alone; one without a path asks the same (RFC 9112 §3.2.4).
    if (incoming.method === "OPTIONS" && incoming.url === "*")
      incoming.url = `http://${incoming.headers.host ?? "localhost"}`;
    inOrder(incoming.socket, before, outgoing, () => {
      asked = outgoing;
      void viaHono(incoming, outgoing);
      asked = undefined;
    });
  });
  const { begun, drain, draining } = createDrain(server, underWay);
  const begin = (incoming: OnConnection, outgoing: AnswerUnderWay): void => {
    underWay.add(incoming, outgoing);
    begun(incoming, outgoing);
  };
  const lane =
    atOnce === undefined
      ? undefined
      : openPlainLane({
          ...settings,
          server,
          atOnce,
          draining,
          serve(incoming, outgoing, looked) {
            begin(incoming, outgoing);
            void app.serve(incoming, outgoing, looked);
          },
        });
  answerHalfClosed(server);
  answerMalformed({ server, underWay, refuse: app.refuseFragment, maxUrlBytes: settings.maxUrlBytes });
  server.on("checkContinue", (incoming, outgoing) => {
    // Node itself would say it at once, into the midst of the answers that are due before.
    const goOn = () => {
      if (!outgoing.headersSent) outgoing.writeContinue();
    };
    if (outgoing.socket === null) outgoing.once("socket", goOn);
    else goOn();
    server.emit("request", incoming, outgoing);
  });
  server.on("checkExpectation", (incoming, outgoing) => {
    const before = underWay.on(incoming.socket);
    begin(incoming, outgoing);
    inOrder(incoming.socket, before, outgoing, () => app.refuse(incoming, outgoing, UNEXPECTED));
  });
  server.on("upgrade", (incoming, socket, head) => {
    onUpgrade(incoming, socket, head).catch(() => socket.destroy());
  });
  const others: OtherConnections[] = lane === undefined ? [] : [lane];
  const { tls, proxies } = settings;
  const door = createDoor(settings, proxies, app.turnAway);
  const { enter } = door;
  const takeHttp1 = passThrough(server, enter);
  others.push(door);
  const port = await open(server, settings.port, settings);
  if (tls === undefined) return { port, drain: (timeoutMs) => drain(timeoutMs, others) };
  const http2 = createH2Sessions(app, { ...settings, maxStreams: tls.http2Streams ?? 0 });
  const secure = createTlsPort({
    ...tls,
    handshakeTimeoutMs: settings.headersTimeoutMs,
    enter,
    take(socket) {
      if (socket.alpnProtocol === "h2") return http2.open(socket);
      // Who ends its side before the handshake is done, or of many streams at once, has gone.
      socket.allowHalfOpen = true;
      takeHttp1(socket);
    },
  });
  const tlsPort = await open(secure.server, tls.port, settings).catch(async (error: unknown) => {
    await drain(0, others);
    throw error;
  });
  others.push(secure, http2);
  return {
    port,
    tlsPort,
    replaceCertificates: secure.replaceCertificates,
    renewTickets: secure.renewTickets,
    drain: (timeoutMs) => drain(timeoutMs, others),
  };
}

/** Listens, and answers on which port. Rejects with Node's own error when that cannot be had. */
async function open(server: Server, port: number, settings: ListenSettings): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: settings.host, exclusive: settings.portIsShared !== true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A failed accept is the system's passing trouble; an unheard "error" would end the process.
  server.on("error", () => {});
  return (server.address() as AddressInfo).port;
}
