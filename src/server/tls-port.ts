import { constants, X509Certificate } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import type { Enter } from "./door.ts";
import type { OtherConnections } from "./drain.ts";
import { ticketKeysFor } from "./ticket-keys.ts";

/** A certificate with those between it and its authority, and its key, both in PEM. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

export interface TlsSettings {
  readonly port: number;
  /** At least one; the first is for clients that name no host, or one that none is for. */
  readonly certificates: readonly CertificateAndKey[];
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Requests under way at once on one connection of HTTP/2; undefined where that is not spoken. */
  readonly http2Streams: number | undefined;
  /** What session tickets are sealed with; the same in every process that listens on the port. */
  readonly ticketSecret: Uint8Array;
}

interface TlsPortOptions extends TlsSettings {
  readonly handshakeTimeoutMs: number;
  readonly enter: Enter;
  /** Takes over a connection whose handshake is done. */
  readonly take: (socket: TLSSocket) => void;
}

export interface TlsPort extends OtherConnections {
  /** To be listened on. */
  readonly server: Server;
  /** From the next handshake on. Throws where OpenSSL takes one of them for unusable; all stays as it was then. */
  replaceCertificates(certificates: readonly CertificateAndKey[]): void;
  /** Seals session tickets with it from now on; who has an older one makes a whole handshake. */
  renewTickets(secret: Uint8Array): void;
}

/** What browsers of the last ten years know, with forward secrecy and authenticated encryption throughout. */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Ends TLS in front of whoever takes the connections. */
export function createTlsPort(options: TlsPortOptions): TlsPort {
  const { http2Streams, handshakeTimeoutMs, enter, take } = options;
  const common = {
    minVersion: options.minVersion,
    ciphers: CIPHERS,
    // A client that asks for a handshake again and again would cost much more than it pays.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  let shown = options.certificates;
  let secret = options.ticketSecret;
  let contexts = contextsOf(shown);

  function contextsOf(certificates: readonly CertificateAndKey[]) {
    return certificates.map(({ cert, key }) => ({
      own: new X509Certificate(cert),
      context: createSecureContext({ ...common, cert, key }),
    }));
  }
  /** Undefined for the first. */
  const contextFor = (host: string): SecureContext | undefined =>
    contexts.find(({ own }) => own.checkHost(host, { subject: "never" }) !== undefined)?.context;

  const tls = createTlsServer({
    ...common,
    ...shown[0],
    // Of this context alone, whichever the client's server name leads to.
    ticketKeys: ticketKeysFor(secret, shown),
    // Where nothing is agreed on a client speaks HTTP/1.1 (RFC 7301 §3.2).
    ALPNProtocols: http2Streams === undefined ? ["http/1.1"] : ["h2", "http/1.1"],
    SNICallback: (host, give) => give(null, contextFor(host) ?? contexts[0]?.context),
    handshakeTimeout: handshakeTimeoutMs,
  });
  /** Those whose handshake is not done, by the ends of their connections, which a TLSSocket has as well. */
  const undone = new Map<string, Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    // Before another address may be given to it.
    const ends = endsOf(socket);
    undone.set(ends, socket);
    socket.once("close", () => {
      if (undone.get(ends) === socket) undone.delete(ends);
    });
    enter(socket, () => tls.emit("connection", socket), false);
  });
  tls.on("secureConnection", (socket) => {
    const ends = endsOf(socket);
    const connection = undone.get(ends);
    if (connection === undefined) return void socket.destroy();
    undone.delete(ends);
    // Who is on the other side a proxy may have said.
    Object.defineProperty(socket, "remoteAddress", { value: connection.remoteAddress });
    take(socket);
  });
  // What is no TLS, or agrees on nothing: its connection is closed, and that is all.
  tls.on("tlsClientError", (_error, socket) => socket.destroy());

  /** The others are whoever's has taken them. */
  function closeUndone(): void {
    for (const socket of undone.values()) socket.destroy();
  }

  return {
    server,
    replaceCertificates(certificates) {
      const replaced = contextsOf(certificates);
      const ticketKeys = ticketKeysFor(secret, certificates);
      tls.setSecureContext({ ...common, ...certificates[0], ticketKeys });
      contexts = replaced;
      shown = certificates;
    },
    renewTickets(renewed) {
      secret = renewed;
      tls.setTicketKeys(ticketKeysFor(secret, shown));
    },
    closeIdle: closeUndone,
    closeAll: closeUndone,
  };
}

const endsOf = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  [localAddress, localPort, remoteAddress, remotePort].join(" ");
