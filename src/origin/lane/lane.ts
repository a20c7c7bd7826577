import type { OriginRequest } from "../../cache/ports/origin.ts";
import { bare } from "../address.ts";
import type { Exchange } from "../exchange.ts";
import { Connection, type ConnectionDeps } from "./connection.ts";
import { LaneFault } from "./fault.ts";
import { KnownHead } from "./known-head.ts";
import { requestHead } from "./request-head.ts";

export interface LaneOptions
  extends Pick<ConnectionDeps, "connectTimeoutMs" | "bodyTimeoutMs" | "maxHeaderBytes"> {
  readonly preserveHost: boolean;
}

/** Carries plain requests to one http origin: GET and HEAD, without content. */
export interface Lane {
  /** Sends a request, once; whoever calls it has counted it. */
  send(exchange: Exchange): void;
  /** Cuts off what is under way. */
  close(): void;
}

/** Time limits are looked at this often, in milliseconds: up to twice that late does one end. */
const LOOK_MS = 100;

/** A connection that was free at two looks and more has been free for a whole poll. */
const SETTLED_MS = 2 * LOOK_MS;

/** Is it one that the lane carries? */
export const isPlain = ({ method, body }: OriginRequest): boolean =>
  (method === "GET" || method === "HEAD") && (body === undefined || body.length === 0);

/** `origin` is scheme://host:port, as URLs write it. */
export function createLane(origin: string, options: LaneOptions): Lane {
  const { host, hostname, port } = new URL(origin);
  const connections = new Set<Connection>();
  /** The one that came last is used first: so that those that are too many end. */
  const idle: Connection[] = [];
  /** Free since `startAll` was last called: what the kernel holds of them may not have been heard. */
  const fresh: Connection[] = [];
  let waiting: Exchange[] = [];
  let timer: NodeJS.Timeout | undefined;
  let now = 0;
  let closed = false;
  const deps: ConnectionDeps = {
    ...options,
    host: bare(hostname),
    port: port === "" ? 80 : Number(port),
    knownHead: new KnownHead(),
    // Limits begin somewhere between two looks: so much later, and none ends too soon.
    now: () => now + LOOK_MS,
    free: (connection) => void fresh.push(connection),
    gone(connection) {
      connections.delete(connection);
      for (const list of [idle, fresh]) {
        const at = list.indexOf(connection);
        if (at !== -1) list.splice(at, 1);
      }
      if (connections.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };

  function look(): void {
    now += LOOK_MS;
    for (const connection of connections) connection.checkTime(now);
  }

  function start(exchange: Exchange): void {
    if (exchange.ended || closed) {
      exchange.failed(new LaneFault("reset", "the client is closed"), false);
      return;
    }
    const { request } = exchange;
    let head: string;
    try {
      const asked = options.preserveHost && request.host !== "" ? request.host : host;
      head = requestHead(request, asked);
    } catch (cause) {
      exchange.failed(cause, false);
      return;
    }
    const connection = idle.pop();
    if (connection === undefined) connections.add(new Connection(deps, exchange, head));
    else connection.carry(exchange, head);
    timer ??= setInterval(look, LOOK_MS).unref();
  }

  /** Has the kernel's news been heard of every connection since it became free? Then all of them are idle. */
  function isQuiet(): boolean {
    const last = fresh.at(-1) ?? idle.at(-1);
    if (last !== undefined && last.freeSince > now - SETTLED_MS) return false;
    idle.push(...fresh.splice(0));
    return true;
  }

  /**
   * In the check phase of a turn the kernel's news of idle connections have been heard: an answer that
   * nobody asked for has ended its connection, and is not taken for the next one. Not so of a connection that
   * may have become free in this very turn: who is to have that one waits for one turn more.
   */
  function startAll(): void {
    const all = waiting;
    waiting = [];
    for (const exchange of all) {
      if (idle.length === 0 && waiting.length < fresh.length) waiting.push(exchange);
      else start(exchange);
    }
    idle.push(...fresh.splice(0));
    if (waiting.length > 0) setImmediate(startAll);
  }

  return {
    send(exchange) {
      if (waiting.length === 0) {
        // Whoever leads a thousand that are read in one turn need not wait for all of them.
        if (isQuiet()) {
          start(exchange);
          return;
        }
        setImmediate(startAll);
      }
      waiting.push(exchange);
    },
    close() {
      closed = true;
      for (const connection of connections) connection.close();
    },
  };
}
