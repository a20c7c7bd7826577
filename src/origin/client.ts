import { isIP, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { buildConnector, Client as Connection, type Dispatcher, Pool } from "undici";
import type { Cut } from "../cache/cut.ts";
import { OriginError, type OriginRequest, type OriginResponse } from "../cache/ports/origin.ts";
import { bare, originOf } from "./address.ts";
import { Exchange, type ExchangeDeps } from "./exchange.ts";
import { createLane, isPlain } from "./lane/lane.ts";
import { headersFor, inLowerCase } from "./request-fields.ts";
import { createSlots } from "./slots.ts";
import { watchStatusLines } from "./status-line.ts";
import type { OriginTls } from "./tls.ts";
import { type UndiciFacts, UndiciHandler } from "./undici-handler.ts";
import { Upload } from "./upload.ts";

export interface ClientOptions {
  /** For a connection, TLS included. */
  readonly connectTimeoutMs: number;
  /** From the end of the request to the end of the response's head; also how long a request waits for its turn. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of the body, while the reader keeps up. */
  readonly bodyTimeoutMs: number;
  /** Requests under way at once to one origin, each on a connection of its own. */
  readonly connections: number;
  /** Requests that may wait for a connection; the next one is `overloaded`. */
  readonly queue: number;
  /** Bytes of field names and values in a response's head; more is `malformed`. */
  readonly maxHeaderBytes: number;
  /** Sends the client's Host instead of the origin's own. TLS always asks for the origin's own name. */
  readonly preserveHost: boolean;
  readonly tls?: OriginTls;
  /** Asks https origins that offer it over HTTP/2, where a request has no content. */
  readonly http2?: boolean;
  /** Asks http origins by a client of our own where a request is plain, and not by undici. */
  readonly plainLane?: boolean;
  /** Hears of a body that broke off after its head was handed over. */
  readonly bodyFailed?: (error: OriginError) => void;
}

/** One server behind the proxy. */
export interface Client {
  /** scheme://host:port, as URLs write an origin: without the scheme's default port. */
  readonly origin: string;
  /** Requests under way, to the last byte of their responses, and those that wait for a connection. */
  readonly inFlight: number;
  /**
   * Sends one request, once. Rejects with OriginError (an AttemptError when the origin was
   * tried), or with the signal's reason. `headMs`: where there is less time than usual for the head.
   */
  send(request: OriginRequest, signal: Cut, headMs?: number): Promise<OriginResponse>;
  /** Cuts off what is under way; a drain comes before it. */
  close(): Promise<void>;
}

/**
 * Sends requests to one server over a pool of keep-alive HTTP/1.1 connections. Those without content go
 * over HTTP/2 where that is wanted: undici ends an upload that is cut as if it were whole. All of it is
 * undici's, but for plain requests to http origins where the lane is wanted.
 */
export function createClient(address: string, options: ClientOptions): Client {
  const origin = originOf(address);
  const { hostname } = new URL(origin);
  const diedReused = new WeakSet<object>();
  const poolOf = (allowH2: boolean): Pool => {
    const connector = reuseMarking(options.connectTimeoutMs, diedReused, { ...options.tls, allowH2 });
    const pool = new Pool(origin, {
      connect: connector.connect,
      connections: options.connections,
      pipelining: 1,
      allowH2,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyTimeoutMs,
      maxHeaderSize: options.maxHeaderBytes,
    });
    // Else what comes behind a GOAWAY would wait for every stream that is still under way.
    pool.on("connect", (_, targets) => {
      const connected = targets.at(-1);
      if (connected instanceof Connection)
        connected.pipelining = connector.isHttp2() ? options.connections : 1;
    });
    return pool;
  };
  const pool = poolOf(false);
  const h2Pool = options.http2 === true && origin.startsWith("https:") ? poolOf(true) : undefined;
  const lane =
    options.plainLane === true && origin.startsWith("http:") ? createLane(origin, options) : undefined;
  const slots = createSlots({
    slots: options.connections,
    queue: options.queue,
  });
  const { bodyFailed = () => {} } = options;
  const wasReused = (error: unknown): boolean =>
    typeof error === "object" && error !== null && diedReused.has(error);
  const facts: UndiciFacts = { maxHeaderBytes: options.maxHeaderBytes, wasReused };
  const overloaded = (why: string) => new OriginError("overloaded", `${origin}: ${why}`, origin);
  const exchanging: ExchangeDeps = {
    origin,
    unreadMs: options.bodyTimeoutMs,
    over: slots.give,
    bodyFailed,
  };

  /** Holds a slot, and gives it back when the exchange is over. */
  function dispatch(request: OriginRequest, signal: Cut, headMs: number): Promise<OriginResponse> {
    const { body } = request;
    const upload = body === undefined || body.length === 0 ? undefined : new Upload(body.stream);
    const exchange = new Exchange(exchanging, { request, upload, signal, headMs });
    if (lane !== undefined && isPlain(request)) {
      lane.send(exchange);
      return exchange.answer;
    }
    const headers = headersFor(request, options.preserveHost);
    const multiplexed = upload === undefined ? h2Pool : undefined;
    const dispatched: Sent = {
      path: request.target,
      method: request.method,
      headers: multiplexed === undefined ? headers : inLowerCase(headers),
      // Constant, so that neither a foreign Host chooses the certificate nor a change of Host the connection.
      servername: hostname,
      headersTimeout: headMs,
      body: upload ?? null,
    };
    (multiplexed ?? pool).dispatch(dispatched as Omit<Sent, "body">, new UndiciHandler(exchange, facts));
    return exchange.answer;
  }

  async function inTurn(request: OriginRequest, signal: Cut, headMs: number): Promise<OriginResponse> {
    await slots.wait(signal, headMs, overloaded);
    if (signal.aborted) slots.give();
    signal.throwIfAborted();
    return dispatch(request, signal, headMs);
  }

  return {
    origin,
    get inFlight() {
      return slots.outstanding;
    },
    send(request, signal, headMs = options.headersTimeoutMs) {
      if (signal.aborted) return Promise.reject(signal.reason);
      return slots.take() ? dispatch(request, signal, headMs) : inTurn(request, signal, headMs);
    },
    async close() {
      // Whoever waits for a slot gets it now, and the same error.
      lane?.close();
      await Promise.all([pool.destroy(), h2Pool?.destroy()]);
    },
  };
}

/** What undici takes and its types leave out: any async iterable as body, and a fixed name for TLS. */
type Sent = Omit<Dispatcher.DispatchOptions, "body"> & {
  readonly body: AsyncIterable<Uint8Array> | null;
  readonly servername: string;
};

/**
 * Connects, and marks the errors of connections that have carried another request before: after
 * such an error the request that was just sent may never have been seen (RFC 9110 §9.2.2).
 * The listener comes before undici's own, so the mark is there when undici reports. `isHttp2`: is it
 * HTTP/2 that was agreed on last?
 */
function reuseMarking(
  timeout: number,
  diedReused: WeakSet<object>,
  tls: OriginTls & { readonly allowH2: boolean },
): { readonly connect: buildConnector.connector; readonly isHttp2: () => boolean } {
  let isHttp2 = false;
  const connect = buildConnector({ ...tls, timeout, preferH2: tls.allowH2 });
  const marking: buildConnector.connector = (target, callback) => {
    // Names only: TLS refuses an address as a server name (RFC 6066 §3).
    const { servername, ...address } = target;
    const named = servername === undefined || isIP(bare(servername)) !== 0 ? address : target;
    connect(named, (...outcome) => {
      const socket: Socket | null | undefined = outcome[1];
      // HTTP/2 has no status lines, and says which requests it has not seen.
      isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === "h2";
      if (socket && !isHttp2) {
        const statusLine = watchStatusLines(socket);
        socket.once("error", (error) => {
          if (statusLine.requests > 1) diedReused.add(error);
        });
      }
      callback(...outcome);
    });
  };
  return { connect: marking, isHttp2: () => isHttp2 };
}
