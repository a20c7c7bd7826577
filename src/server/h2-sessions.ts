import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { TLSSocket } from "node:tls";
import type { ProxiedApp } from "./app.ts";
import type { OtherConnections } from "./drain.ts";
import { H2Request } from "./h2-request.ts";
import { H2Response } from "./h2-response.ts";
import { UNEXPECTED } from "./malformed.ts";
import { peerOf } from "./read-request.ts";

export interface H2Settings {
  /** Requests under way at once on one connection. */
  readonly maxStreams: number;
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** Connections of HTTP/2. */
export interface H2Sessions extends OtherConnections {
  /** Takes over a connection on which HTTP/2 was agreed. */
  open(socket: TLSSocket): void;
}

/** More lines than that end the stream; fewer that are too many get an answer. */
const MAX_LINES = 1100;
/** How many bytes of content may come that nobody has read yet, on a stream and on a connection. */
const WINDOW_BYTES = 262_144;
/**
 * So many resets of streams, pings and changes of settings may come at once, and so many each second after that
 * (CVE-2023-44487, CVE-2019-9512, CVE-2019-9515): no client needs them, and each is work. Resets count whoever began them,
 * since a client can make this side reset a stream as well (CVE-2025-8671).
 */
const BURST = 1000;
const PER_SECOND = 33;
/** How long a connection that is closed may take to say so to its client. */
const LINGER_MS = 1000;

/** Serves HTTP/2 (RFC 9113): each stream is a request like any other. */
export function createH2Sessions(
  app: Pick<ProxiedApp, "serve" | "refuse">,
  settings: H2Settings,
): H2Sessions {
  const sessions = new Map<ServerHttp2Session, { readonly close: () => void }>();
  const { maxStreams, maxHeaderBytes, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = settings;
  const options = {
    settings: {
      enablePush: false,
      maxConcurrentStreams: maxStreams,
      // A head that is somewhat too long gets an answer.
      maxHeaderListSize: 2 * maxHeaderBytes + MAX_LINES * 32,
      initialWindowSize: WINDOW_BYTES,
    },
    maxHeaderListPairs: MAX_LINES,
    // Node's own would be 64 KiB, of whatever MAX_HEADER_BYTES lets an origin say.
    maxSendHeaderBlockLength: 2 ** 24,
    streamResetBurst: BURST,
    streamResetRate: PER_SECOND,
  };

  function serve(stream: ServerHttp2Stream, incoming: H2Request): void {
    const outgoing = new H2Response(stream, incoming.method);
    const { wrong, expectation } = incoming;
    if (wrong !== undefined) app.refuse(incoming, outgoing, wrong);
    else if (expectation === undefined || expectation === "100-continue") {
      if (expectation !== undefined) outgoing.writeInterim(100, []);
      void app.serve(incoming, outgoing);
    } else app.refuse(incoming, outgoing, UNEXPECTED);
    if (incoming.complete) return;
    const late = setTimeout(() => {
      if (!incoming.complete) stream.close(constants.NGHTTP2_CANCEL);
    }, requestTimeoutMs);
    stream.once("close", () => clearTimeout(late));
  }

  function open(socket: TLSSocket): void {
    const session = performServerHandshake(socket, options);
    const peer = peerOf(socket);
    let streams = 0;
    let left = BURST;
    let countedAt = performance.now();
    let idle: NodeJS.Timeout | undefined = setTimeout(close, headersTimeoutMs);

    function close(): void {
      clearTimeout(idle);
      if (session.destroyed || session.closed) return;
      session.close();
      // It waits for whatever the client does not read.
      if (streams === 0) cutLate();
    }
    function cutLate(): void {
      const late = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => clearTimeout(late));
    }
    function count(): void {
      const now = performance.now();
      left = Math.min(BURST, left + ((now - countedAt) * PER_SECOND) / 1000) - 1;
      countedAt = now;
      if (left < 0 && !session.destroyed) {
        session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
        cutLate();
      }
    }

    sessions.set(session, { close });
    // What is wrong with a connection ends it, and that is heard.
    session.on("error", () => {});
    session.once("close", () => {
      clearTimeout(idle);
      sessions.delete(session);
    });
    session.on("ping", count);
    session.on("remoteSettings", count);
    session.on("stream", (stream: ServerHttp2Stream, _headers, _flags, lines?: string[]) => {
      streams++;
      clearTimeout(idle);
      stream.once("close", () => {
        streams--;
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) count();
        if (streams > 0 || session.destroyed) return;
        if (session.closed) cutLate();
        else idle = setTimeout(close, keepAliveTimeoutMs);
      });
      serve(stream, new H2Request(stream, lines ?? [], peer, maxHeaderBytes));
    });
    session.setLocalWindowSize(WINDOW_BYTES);
  }

  return {
    open,
    closeIdle() {
      // Each as soon as nothing is under way on it.
      for (const { close } of sessions.values()) close();
    },
    closeAll() {
      for (const session of sessions.keys()) session.destroy();
    },
  };
}
