import { randomUUID } from "node:crypto";
import { type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { formatHttpDate } from "../policy/http-date.ts";

/** An error that never became a request, as JSON like all the others. */
const refusalBody = (message: string, requestId: string): string =>
  `${JSON.stringify({ code: "bad_request", message, requestId })}\n`;

/** Answers a request whose URL or Host Hono's adapter could not read. */
export function refuseRequest(error: unknown): Response {
  const id = randomUUID();
  const message = error instanceof Error ? error.message : String(error);
  const fields = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Request-Id": id,
    Connection: "close",
  };
  return new Response(refusalBody(message, id), { status: 400, headers: fields });
}

/**
 * Answers what Node's parser could not read, and what came too slowly, with a status and a
 * JSON error, and ends the connection. Where an answer is already on its way it only ends
 * it: nobody must take the error for a part of that answer.
 */
export function answerMalformed(server: Server): void {
  const underWay = new WeakMap<Duplex, Set<ServerResponse>>();
  server.on("request", (incoming, outgoing) => {
    const { socket } = incoming;
    const answers = underWay.get(socket) ?? new Set();
    underWay.set(socket, answers.add(outgoing));
    outgoing.once("close", () => answers.delete(outgoing));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const answers = underWay.get(socket);
    const begun = answers !== undefined && [...answers].some(({ headersSent }) => headersSent);
    if (!socket.writable || begun || error.code === "ECONNRESET") socket.destroy();
    else end(socket, statusFor(error.code), sentenceFor(error));
  });
  server.on("connect", (_incoming, socket) => {
    socket.on("error", () => socket.destroy());
    end(socket, 501, "CONNECT is not for a reverse proxy");
  });
}

function statusFor(code: string | undefined): number {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return 431;
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return 413;
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408;
    default:
      return 400;
  }
}

/** The parser's own reason, without the prefix that names the parser. */
const sentenceFor = (error: NodeJS.ErrnoException): string =>
  error.code?.startsWith("HPE_") ? error.message.replace(/^Parse Error: /, "") : error.message;

function end(socket: Duplex, status: number, message: string): void {
  const id = randomUUID();
  const body = refusalBody(message, id);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    `Date: ${formatHttpDate(Date.now())}`,
    `X-Request-Id: ${id}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
