import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { Looked } from "../cache/exchange.ts";
import type { AtOnce } from "./lane/at-once.ts";
import { LaneConnection, type LaneDeps } from "./lane/connection.ts";
import type { LaneRequest } from "./lane/request.ts";
import type { LaneResponse } from "./lane/response.ts";

/** Node looks as often (connectionsCheckingInterval in listen.ts). */
const CHECK_MS = 1000;

export interface PlainLane {
  /** Ends the connections that are between two requests. */
  closeIdle(): void;
  /** Ends all connections that are in the lane. */
  closeAll(): void;
}

interface PlainLaneDeps
  extends Pick<LaneDeps, "draining" | "maxHeaderBytes" | "headersTimeoutMs" | "keepAliveTimeoutMs"> {
  readonly server: Server;
  readonly atOnce: AtOnce;
  /** Answers a request that Node's own server has not seen. */
  readonly serve: (incoming: LaneRequest, outgoing: LaneResponse, looked?: Looked) => void;
}

/**
 * Stands in front of Node's server: reads each connection itself and answers the plainest requests, a
 * strictly well-formed GET or HEAD without content. A connection with anything else on it goes to Node's
 * server and stays there (docs/decisions/0026-the-plain-lane.md).
 */
export function openPlainLane({ server, atOnce, serve, ...settings }: PlainLaneDeps): PlainLane {
  const connections = new Map<Socket, LaneConnection>();
  const elapsed = performance.now.bind(performance);
  // Node's own, which documents that connections may be given to it.
  const listeners = server.listeners("connection");
  // It measures a head from when it gets the connection: who sends slowly would have the time twice.
  const heads = new WeakMap<Socket, NodeJS.Timeout>();
  for (const event of ["request", "checkExpectation", "upgrade", "connect"])
    server.prependListener(event, ({ socket }: IncomingMessage) => clearTimeout(heads.get(socket)));
  server.removeAllListeners("connection");

  const deps: LaneDeps = {
    ...settings,
    atOnce,
    elapsed,
    serve: ({ incoming, outgoing }, looked) => serve(incoming, outgoing, looked),
    handOver(socket, bytes, begunAt) {
      connections.delete(socket);
      const leftMs = Math.max(0, begunAt + settings.headersTimeoutMs - elapsed());
      heads.set(
        socket,
        setTimeout(() => deps.refuse(socket, "ERR_HTTP_REQUEST_TIMEOUT"), leftMs),
      );
      // Its listeners begin to read when it is resumed, and get these bytes first.
      socket.pause();
      if (bytes.length > 0) socket.unshift(bytes);
      for (const listener of listeners) listener.call(server, socket);
      socket.resume();
    },
    refuse(socket, code) {
      server.emit("clientError", Object.assign(new Error(code), { code }), socket);
    },
  };
  server.on("connection", (socket: Socket) => {
    connections.set(socket, new LaneConnection(socket, deps));
    socket.once("close", () => {
      connections.delete(socket);
      clearTimeout(heads.get(socket));
    });
  });
  const watch = setInterval(() => {
    const now = elapsed();
    for (const connection of connections.values()) connection.checkTime(now);
  }, CHECK_MS);
  watch.unref();
  server.once("close", () => clearInterval(watch));

  return {
    closeIdle() {
      for (const connection of connections.values()) if (connection.idle) connection.destroy();
    },
    closeAll() {
      for (const connection of connections.values()) connection.destroy();
    },
  };
}
