import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Answer } from "./answer.ts";
import { hasFieldLine, mayHaveContent } from "./answer.ts";

export interface SendOptions {
  /** The Date field's instant, epoch milliseconds. */
  readonly now: number;
  /** What X-Mock-Port says. */
  readonly port: number;
  /** Break the connection off after this many body bytes, whatever Content-Length promises. */
  readonly cutAfterBytes?: number | undefined;
}

/** Puts an answer on the wire, at the pace of the one who reads it. Resolves early when the reader has left. */
export async function send(response: ServerResponse, answer: Answer, options: SendOptions): Promise<void> {
  const { socket } = response.req;
  const cutAt = options.cutAfterBytes ?? Number.POSITIVE_INFINITY;
  // The reason is named, since a head that Node refused leaves its own behind.
  const reason = STATUS_CODES[answer.status] ?? "";
  response.writeHead(answer.status, reason, completeFields(answer, options));

  let sent = 0;
  for await (const chunk of contentOf(response, answer)) {
    const piece = chunk.subarray(0, cutAt - sent);
    sent += piece.length;
    if (!response.write(piece)) await drained(response, socket);
    if (socket.destroyed) return;
    if (sent >= cutAt) break;
  }
  if (options.cutAfterBytes === undefined) {
    response.end();
    return;
  }
  response.flushHeaders();
  // Written after everything else, so its callback means that the rest has left.
  socket.write("", () => socket.destroy());
}

/** Waits, unless the connection ends first. */
export const wait = (ms: number, socket: Socket): Promise<"elapsed" | "gone"> =>
  new Promise((resolve) => {
    if (socket.destroyed) return resolve("gone");
    const gone = () => {
      clearTimeout(timer);
      resolve("gone");
    };
    const timer = setTimeout(() => {
      socket.off("close", gone);
      resolve("elapsed");
    }, ms);
    socket.once("close", gone);
  });

function completeFields(answer: Answer, { now, port }: SendOptions): string[] {
  const fields = [...answer.fields];
  const lacks = (name: string) => !hasFieldLine(fields, name);
  if (lacks("date")) fields.push("Date", new Date(now).toUTCString());
  if (lacks("x-mock-port")) fields.push("X-Mock-Port", String(port));
  const length = answer.body === undefined ? 0 : answer.body.length;
  const framed = !lacks("content-length") || !lacks("transfer-encoding");
  if (length !== undefined && !framed && mayHaveContent(answer.status)) {
    fields.push("Content-Length", String(length));
  }
  return fields;
}

async function* contentOf(response: ServerResponse, answer: Answer): AsyncGenerator<Uint8Array> {
  if (response.req.method === "HEAD" || answer.body === undefined) return;
  if (answer.body instanceof Uint8Array) yield answer.body;
  else yield* answer.body.chunks;
}

/** Listens to the socket for the end, since a response that waits behind another on it has no `close` of its own. */
const drained = (response: ServerResponse, socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const done = () => {
      response.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    response.once("drain", done);
    socket.once("close", done);
  });
