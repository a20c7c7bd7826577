import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import type { AnswerUnderWay, OnConnection, UnderWay } from "./under-way.ts";

/**
 * How long a connection between two requests stays open when a drain begins: a client that uses
 * it has perhaps sent its next one already, and gets that one answered and not a reset.
 */
const IDLE_GRACE_MS = 1000;
const SWEEP_MS = 50;

/** Connections that Node's server does not count as its own. */
export interface OtherConnections {
  /** Where they come in, if not at Node's. */
  readonly server?: NetServer;
  closeIdle(): void;
  closeAll(): void;
}

export interface Drain {
  readonly draining: () => boolean;
  /** Hears of every request before it is answered, once it is under way. */
  begun(incoming: OnConnection, outgoing: AnswerUnderWay): void;
  /** Accepts no more connections, lets requests in progress end for so long, then cuts what is left. */
  drain(timeoutMs: number, others?: readonly OtherConnections[]): Promise<void>;
}

/** Ends a server so that no client loses an answer: the last one on each connection says that it closes. */
export function createDrain(server: Server, underWay: UnderWay): Drain {
  let draining = false;

  function begun({ socket }: OnConnection, outgoing: AnswerUnderWay): void {
    if (!draining) return;
    // Behind an answer that closes, a request that was sent without waiting would get none.
    for (const earlier of underWay.on(socket)) earlier.shouldKeepAlive = earlier !== outgoing;
  }

  async function drain(timeoutMs: number, others: readonly OtherConnections[] = []): Promise<void> {
    draining = true;
    for (const outgoing of underWay.last()) outgoing.shouldKeepAlive = false;
    // Not http.Server's own, which cuts idle connections at once.
    const servers = [server, ...others.flatMap((other) => other.server ?? [])];
    const closed = Promise.all(
      servers.map(
        (one) => new Promise<void>((resolve) => NetServer.prototype.close.call(one, () => resolve())),
      ),
    );
    let sweep: NodeJS.Timeout | undefined;
    const grace = setTimeout(() => {
      // A connection that is between two requests now is idle a moment later.
      sweep = setInterval(() => {
        server.closeIdleConnections();
        for (const other of others) other.closeIdle();
      }, SWEEP_MS);
    }, IDLE_GRACE_MS);
    const cut = setTimeout(() => {
      server.closeAllConnections();
      for (const other of others) other.closeAll();
    }, timeoutMs);
    await closed;
    clearTimeout(grace);
    clearInterval(sweep);
    clearTimeout(cut);
    // What is left is its watch over slow requests.
    server.close();
  }

  return { begun, drain, draining: () => draining };
}
