import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import type { Emit } from "../cache/events.ts";
import { OriginError, type OriginRequest, type OriginResponse } from "../cache/ports/origin.ts";
import type { FieldLines } from "../policy/fields.ts";
import { bare } from "./address.ts";
import { framingOf, isCloseDelimited } from "./answer.ts";
import { type AttemptFacts, attemptError } from "./failure.ts";
import { createInterimRelay } from "./interim.ts";
import type { Turn } from "./member.ts";
import type { OriginPool } from "./pool.ts";
import { headersFor } from "./request-fields.ts";
import type { OriginTls } from "./tls.ts";

/** What became of a request to change protocols (RFC 9110 §7.8). */
export type Upgraded =
  | {
      readonly type: "switched";
      readonly statusMessage: string;
      readonly fields: FieldLines;
      /** Belongs to the caller from here on; its errors end nobody else's process. */
      readonly socket: Duplex;
      /** What the origin had sent behind its 101 already. */
      readonly head: Buffer;
      /** Which origin switched, as scheme://host:port. */
      readonly origin: string;
    }
  | { readonly type: "answered"; readonly response: OriginResponse };

export interface UpgradeRequest extends OriginRequest {
  /** The protocols asked for, as the client's Upgrade field names them. */
  readonly upgrade: string;
}

/** Rejects only with OriginError, or with the signal's reason; never tries twice. */
export type Upgrade = (request: UpgradeRequest, signal: AbortSignal) => Promise<Upgraded>;

export interface UpgraderOptions {
  /** From the choice of an origin to a connection. */
  readonly connectTimeoutMs: number;
  /** From the choice of an origin to its answer: the time limit for the whole handshake. */
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly preserveHost: boolean;
  readonly tls?: OriginTls;
  readonly emit: Emit;
}

/**
 * Asks a healthy origin to change protocols, over a connection that is used for nothing else.
 *
 * Node's own client does it: it keeps the bytes of the field lines, and gives the socket
 * away with what had arrived behind the 101.
 */
export function createUpgrader(pool: Pick<OriginPool, "turn" | "nobody">, options: UpgraderOptions): Upgrade {
  const { emit } = options;
  return async (request, signal) => {
    signal.throwIfAborted();
    const turn = pool.turn();
    const outcome = turn?.began();
    const startedAt = performance.now();
    try {
      if (turn === undefined) throw pool.nobody();
      const upgraded = await shakeHands(turn, request, signal, options);
      const { origin } = turn.client;
      const status = upgraded.type === "switched" ? 101 : upgraded.response.status;
      outcome?.answered(status);
      emit({
        type: "origin-answered",
        origin,
        status,
        headMs: performance.now() - startedAt,
        conditional: false,
      });
      return upgraded;
    } catch (error) {
      if (error instanceof OriginError) {
        emit({ type: "origin-failed", origin: error.origin, code: error.code, message: error.message });
        outcome?.failed(error);
      }
      throw error;
    }
  };
}

function shakeHands(
  turn: Turn,
  request: UpgradeRequest,
  signal: AbortSignal,
  options: UpgraderOptions,
): Promise<Upgraded> {
  const { origin } = turn.client;
  if (request.body !== undefined) {
    return Promise.reject(
      new OriginError("malformed", "a request to change protocols carries no body", origin),
    );
  }
  const release = turn.tunnel();
  if (release === undefined)
    return Promise.reject(new OriginError("overloaded", `${origin}: too many tunnels are open`, origin));
  return new Promise((resolve, reject) => {
    const url = new URL(origin);
    let asked: ClientRequest;
    try {
      asked = ask(url, request, options);
    } catch (cause) {
      release();
      // Node refuses to write what would not be one request.
      reject(new OriginError("malformed", `${origin}: ${String(cause)}`, origin, { cause }));
      return;
    }
    let facts: AttemptFacts = { progress: "unconnected", connectionReused: false };

    const giveUp = (reason: unknown): void => {
      settle();
      reject(reason);
      release();
      asked.destroy();
    };
    const late = (ms: number) => () => {
      const code = facts.progress === "unconnected" ? "connect" : "timeout";
      giveUp(new OriginError(code, `${origin}: no answer to an upgrade within ${ms} ms`, origin));
    };
    const connecting = setTimeout(late(options.connectTimeoutMs), options.connectTimeoutMs);
    const waiting = setTimeout(late(options.headersTimeoutMs), options.headersTimeoutMs);
    const onAbort = () => giveUp(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(connecting);
      clearTimeout(waiting);
      signal.removeEventListener("abort", onAbort);
    };

    asked.on("socket", (socket) => {
      socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => {
        clearTimeout(connecting);
        facts = { ...facts, progress: "connected" };
      });
      socket.once("close", release);
    });
    // Stays for good: an error after the handshake must find a listener.
    asked.on("error", (error) => giveUp(attemptError(error, origin, facts)));
    const relayInterim = createInterimRelay(request);
    asked.on("information", ({ statusCode, rawHeaders }) => {
      if (relayInterim(statusCode, rawHeaders) !== "flood") return;
      giveUp(new OriginError("malformed", `${origin}: more interim responses than anybody reads`, origin));
    });
    asked.on("upgrade", (message, socket, head) => {
      settle();
      socket.on("error", () => {});
      const { statusMessage = "", rawHeaders: fields } = message;
      resolve({ type: "switched", statusMessage, fields, socket, head, origin });
    });
    asked.on("response", (message) => {
      // Node has found no protocol in it: nobody can say what comes behind (RFC 9110 §7.8).
      if (message.statusCode === 101)
        return giveUp(new OriginError("malformed", `${origin}: it has switched to no protocol`, origin));
      settle();
      message.setTimeout(options.bodyTimeoutMs, () => {
        message.destroy(Object.assign(new Error("the body stopped"), { code: "UND_ERR_BODY_TIMEOUT" }));
      });
      const leave = () => message.destroy(signal.reason);
      signal.addEventListener("abort", leave, { once: true });
      message.once("close", () => signal.removeEventListener("abort", leave));
      resolve({ type: "answered", response: answerOf(message, request.method, origin, signal) });
    });
    asked.end();
  });
}

function ask(url: URL, request: UpgradeRequest, options: UpgraderOptions): ClientRequest {
  const host = options.preserveHost && request.host !== "" ? request.host : url.host;
  const connection = ["Host", host, "Connection", "Upgrade", "Upgrade", request.upgrade];
  return (url.protocol === "https:" ? https : http).request({
    host: bare(url.hostname),
    port: url.port,
    method: request.method,
    path: request.target,
    // A flat array is written as it is, and nothing is added to it.
    headers: [...connection, ...headersFor(request, false)],
    agent: false,
    ...options.tls,
    maxHeaderSize: options.maxHeaderBytes,
  });
}

function answerOf(
  message: IncomingMessage,
  method: string,
  origin: string,
  signal: AbortSignal,
): OriginResponse {
  const { statusCode: status = 0, statusMessage = "", rawHeaders: fields } = message;
  const closeDelimited = isCloseDelimited(method, status, framingOf(fields));
  return {
    status,
    statusMessage,
    fields,
    body: bodyOf(message, origin, signal),
    origin,
    ...(closeDelimited ? { closeDelimited } : {}),
  };
}

/** Node's stream, with its errors in the port's words. */
async function* bodyOf(
  message: IncomingMessage,
  origin: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of message) yield chunk as Uint8Array;
  } catch (error) {
    signal.throwIfAborted();
    throw attemptError(error, origin, { progress: "head-arrived", connectionReused: false });
  }
}
