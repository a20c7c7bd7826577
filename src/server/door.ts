import type { BlockList, Server, Socket } from "node:net";
import type { OtherConnections } from "./drain.ts";
import type { TurnAway } from "./no-room.ts";
import { isAmong, withoutMapping } from "./peer.ts";
import { expectProxyHeader } from "./proxy-connection.ts";

export interface DoorSettings {
  /** On all ports together. */
  readonly maxConnections: number;
  /** How long a proxy may take to say for whom a connection is. */
  readonly headersTimeoutMs: number;
}

interface Proxies {
  /** Read at each connection. */
  readonly trustedProxies: BlockList;
}

/**
 * Lets a connection in, or ends it, with a word where it `isPlain`; `take` begins to read it, and it may be
 * paused then.
 */
export type Enter = (socket: Socket, take: () => void, isPlain: boolean) => void;

/** Those of its connections that nobody has taken yet are its own to close. */
interface Door extends OtherConnections {
  readonly enter: Enter;
}

/**
 * What every new connection passes, on whichever port: the limit of connections, and the PROXY protocol where
 * `proxies` speak it. Whoever else connects speaks for itself, and is not believed.
 */
export function createDoor(settings: DoorSettings, proxies: Proxies | undefined, turnAway: TurnAway): Door {
  let open = 0;
  const waiting = new Set<Socket>();

  function enter(socket: Socket, take: () => void, isPlain: boolean): void {
    if (open >= settings.maxConnections) return void turnAway(socket, isPlain);
    open++;
    socket.once("close", () => {
      open--;
      waiting.delete(socket);
    });
    const peer = withoutMapping(socket.remoteAddress ?? "");
    if (proxies === undefined || !isAmong(peer, proxies.trustedProxies)) return void take();
    waiting.add(socket);
    expectProxyHeader(socket, settings.headersTimeoutMs, () => {
      waiting.delete(socket);
      take();
    });
  }
  function closeWaiting(): void {
    for (const socket of waiting) socket.destroy();
  }
  return { enter, closeIdle: closeWaiting, closeAll: closeWaiting };
}

/** Puts the door before those who listen for the connections of a server already. Answers how to get past it. */
export function passThrough(server: Server, enter: Enter): (socket: Socket) => void {
  const takers = server.listeners("connection");
  const take = (socket: Socket): void => {
    for (const taker of takers) taker.call(server, socket);
  };
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) =>
    enter(
      socket,
      () => {
        take(socket);
        if (socket.isPaused()) socket.resume();
      },
      true,
    ),
  );
  return take;
}
