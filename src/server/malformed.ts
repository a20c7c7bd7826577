import type { Server, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FieldLines } from "../policy/fields.ts";
import type { UnderWay } from "./under-way.ts";

/** What is wrong with a request, for its client. */
export interface Wrong {
  readonly status: number;
  readonly detail: string;
}

/** As much of a request as could be read; `-` stands for what could not. */
export interface Fragment {
  readonly method: string;
  /** The request-target as it came. */
  readonly uri: string;
  readonly fields: FieldLines;
  /** The answer that this refusal takes the place of. */
  readonly instead?: ServerResponse;
}

export type RefuseFragment = (socket: Duplex, wrong: Wrong, fragment: Fragment) => void;

/**
 * Has what Node's parser could not read, and what came too slowly, refused, which ends the
 * connection. Where an answer is already on its way it only ends the connection: nobody must
 * take the error for a part of that answer.
 */
export function answerMalformed(server: Server, underWay: UnderWay, refuse: RefuseFragment): void {
  server.on("clientError", (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex) => {
    const answers = underWay.on(socket);
    const begun = answers.some(({ headersSent }) => headersSent);
    if (!socket.writable || begun || error.code === "ECONNRESET" || hasAskedNothing(socket)) {
      socket.destroy();
      return;
    }
    const unfinished = answers.find(({ req }) => !req.complete);
    refuse(
      socket,
      wrongFor(error.code),
      unfinished === undefined ? fragmentOf(error.rawPacket) : headOf(unfinished),
    );
  });
  server.on("connect", (incoming, socket) => {
    socket.on("error", () => socket.destroy());
    const wrong = { status: 501, detail: "CONNECT is not for a reverse proxy" };
    refuse(socket, wrong, { method: "CONNECT", uri: incoming.url ?? "-", fields: incoming.rawHeaders });
  });
}

/** A browser opens connections in advance, and that is no request. */
const hasAskedNothing = (socket: Duplex): boolean => socket instanceof Socket && socket.bytesRead === 0;

function wrongFor(code: string | undefined): Wrong {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, detail: "the request's head is too long" };
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return { status: 413, detail: "the extensions of the request's chunks are too long" };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, detail: "the request did not come in time" };
    case "HPE_INVALID_METHOD":
      return { status: 400, detail: "the method is not known, or this is not HTTP" };
    case "HPE_INVALID_URL":
      return { status: 400, detail: "the request-target has a character that it may not have" };
    case "HPE_INVALID_VERSION":
      return { status: 400, detail: "the version of HTTP is not known" };
    case "HPE_INVALID_HEADER_TOKEN":
    case "HPE_UNEXPECTED_SPACE":
      return { status: 400, detail: "a header field has a character that it may not have" };
    case "HPE_INVALID_CONTENT_LENGTH":
    case "HPE_UNEXPECTED_CONTENT_LENGTH":
    case "HPE_INVALID_TRANSFER_ENCODING":
    case "HPE_INVALID_CHUNK_SIZE":
      return { status: 400, detail: "the length of the request's body cannot be told" };
    default:
      return { status: 400, detail: "this is not a well-formed HTTP request" };
  }
}

const headOf = (answer: ServerResponse): Fragment => ({
  method: answer.req.method ?? "-",
  uri: answer.req.url ?? "-",
  fields: answer.req.rawHeaders,
  instead: answer,
});

/** What the bytes begin with, where they begin as a request does; they may be part of a body as well. */
function fragmentOf(bytes: Buffer | undefined): Fragment {
  const line = bytes?.toString("latin1", 0, MAX_LINE_BYTES);
  const [, method = "-", uri = "-"] = /^([A-Z-]{1,20}) ((?:\/|https?:\/\/)[^\s]*)/i.exec(line ?? "") ?? [];
  return { method, uri, fields: [] };
}

const MAX_LINE_BYTES = 4096;
