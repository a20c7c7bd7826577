import { isIP, type Socket } from "node:net";
import { buildConnector, type Dispatcher, Pool } from "undici";
import { OriginError, type OriginRequest, type OriginResponse } from "../cache/ports.ts";
import { bare, originOf } from "./address.ts";
import { Exchange } from "./exchange.ts";
import { headersFor } from "./request-fields.ts";
import { createSlots } from "./slots.ts";
import { watchStatusLines } from "./status-line.ts";
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
  send(request: OriginRequest, signal: AbortSignal, headMs?: number): Promise<OriginResponse>;
  /** Cuts off what is under way; a drain comes before it. */
  close(): Promise<void>;
}

/** Sends requests to one server over a pool of keep-alive HTTP/1.1 connections. */
export function createClient(address: string, options: ClientOptions): Client {
  const origin = originOf(address);
  const { hostname } = new URL(origin);
  const diedReused = new WeakSet<object>();
  const pool = new Pool(origin, {
    connect: reuseMarking(options.connectTimeoutMs, diedReused),
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
    maxHeaderSize: options.maxHeaderBytes,
  });
  const slots = createSlots({
    slots: options.connections,
    queue: options.queue,
  });
  const overloaded = (why: string) => new OriginError("overloaded", `${origin}: ${why}`, origin);

  /** Holds a slot, and gives it back when undici is done. */
  function dispatch(request: OriginRequest, signal: AbortSignal, headMs: number): Promise<OriginResponse> {
    const { body } = request;
    const upload = body === undefined || body.length === 0 ? undefined : new Upload(body.stream);
    const exchange = new Exchange({
      origin,
      request,
      upload,
      signal,
      unreadMs: options.bodyTimeoutMs,
      headMs,
      wasReused: (error) => typeof error === "object" && error !== null && diedReused.has(error),
      over: slots.give,
      bodyFailed: options.bodyFailed ?? (() => {}),
    });
    const dispatched: Sent = {
      path: request.target,
      method: request.method,
      headers: headersFor(request, options.preserveHost),
      // Constant, so that neither a foreign Host chooses the certificate nor a change of Host the connection.
      servername: hostname,
      headersTimeout: headMs,
      ...(upload === undefined ? {} : { body: upload }),
    };
    pool.dispatch(dispatched as Omit<Sent, "body">, exchange);
    return exchange.answer;
  }

  return {
    origin,
    get inFlight() {
      return slots.outstanding;
    },
    async send(request, signal, headMs = options.headersTimeoutMs) {
      signal.throwIfAborted();
      if (!slots.take()) {
        await slots.wait(signal, headMs, overloaded);
        if (signal.aborted) slots.give();
        signal.throwIfAborted();
      }
      return dispatch(request, signal, headMs);
    },
    async close() {
      // Whoever waits for a slot gets it now, and the same error.
      await pool.destroy();
    },
  };
}

/** What undici takes and its types leave out: any async iterable as body, and a fixed name for TLS. */
type Sent = Omit<Dispatcher.DispatchOptions, "body"> & {
  readonly body?: AsyncIterable<Uint8Array>;
  readonly servername: string;
};

/**
 * Connects, and marks the errors of connections that have carried bytes before: after
 * such an error the request that was just sent may never have been seen (RFC 9110 §9.2.2).
 * The listener comes before undici's own, so the mark is there when undici reports.
 */
function reuseMarking(timeout: number, diedReused: WeakSet<object>): buildConnector.connector {
  const connect = buildConnector({ timeout, allowH2: false });
  return (target, callback) => {
    // Names only: TLS refuses an address as a server name (RFC 6066 §3).
    const { servername, ...address } = target;
    const named = servername === undefined || isIP(bare(servername)) !== 0 ? address : target;
    connect(named, (...outcome) => {
      const socket: Socket | null | undefined = outcome[1];
      if (socket) watchStatusLines(socket);
      const before = socket?.bytesRead ?? 0;
      socket?.once("error", (error) => {
        if (socket.bytesRead > before) diedReused.add(error);
      });
      callback(...outcome);
    });
  };
}
