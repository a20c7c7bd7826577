import { METHODS, type Server } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type FieldLines, isToken } from "../policy/fields.ts";
import type { Incoming } from "./incoming.ts";
import type { Outgoing } from "./outgoing.ts";
import type { UnderWay } from "./under-way.ts";

/** What is wrong with a request, for its client. */
export interface Wrong {
  readonly status: number;
  readonly detail: string;
}

export const NO_TUNNEL: Wrong = { status: 501, detail: "CONNECT is not for a reverse proxy" };
export const UNEXPECTED: Wrong = {
  status: 417,
  detail: "nothing but 100-continue can be expected here",
};
export const UNKNOWN_METHOD: Wrong = { status: 501, detail: "the method is not known" };

/** As much of a request as could be read; `-` stands for what could not. */
export interface Fragment {
  readonly method: string;
  /** The request-target as it came. */
  readonly uri: string;
  readonly fields: FieldLines;
  /** The answer that this refusal takes the place of. */
  readonly instead?: Outgoing;
}

export type RefuseFragment = (socket: Duplex, wrong: Wrong, fragment: Fragment) => void;

/** A request that was read, and is refused all the same. */
export const fragmentOf = ({
  method = "-",
  url = "-",
  rawHeaders,
}: Pick<Incoming, "method" | "url" | "rawHeaders">): Fragment => ({
  method,
  uri: url,
  fields: rawHeaders,
});

/** How long a refusal waits for the answers before it: one that never ends must not keep a shutdown waiting. */
const TURN_MS = 30_000;

/**
 * Has what Node's parser could not read, and what came too slowly, refused, which ends the
 * connection, behind the answers that are due before (RFC 9112 §9.3.2). Where its own answer is already
 * on its way it only ends the connection: nobody must take the error for a part of that answer.
 */
export function answerMalformed({
  server,
  underWay,
  refuse,
  maxUrlBytes,
  turnMs = TURN_MS,
}: {
  server: Server;
  underWay: UnderWay;
  refuse: RefuseFragment;
  maxUrlBytes: number;
  turnMs?: number;
}): void {
  /** Connections whose refusal waits for its turn; each is told one. */
  const waiting = new WeakSet<Duplex>();

  /** Acts when every answer to a request that came whole is written; ends the connection where that takes too long. */
  function inTurn(socket: Duplex, act: () => void): void {
    const before = underWay.on(socket).findLast(({ req }) => req.complete);
    if (before === undefined) {
      act();
      return;
    }
    waiting.add(socket);
    const late = setTimeout(() => socket.destroy(), turnMs);
    before.once("close", () => {
      clearTimeout(late);
      if (socket.writable) act();
      else socket.destroy();
    });
  }

  server.on("clientError", (error: ParseError, socket: Duplex) => {
    if (!socket.writable || error.code === "ECONNRESET" || hasAskedNothing(socket)) {
      socket.destroy();
      return;
    }
    if (waiting.has(socket)) return;
    inTurn(socket, () => {
      const unfinished = underWay.on(socket).find(({ req }) => !req.complete);
      if (unfinished?.headersSent === true) {
        socket.destroy();
        return;
      }
      const bytes = malformedIn(error);
      const fragment =
        unfinished === undefined ? fragmentIn(bytes) : { ...fragmentOf(unfinished.req), instead: unfinished };
      refuse(socket, wrongFor(error.code, bytes, maxUrlBytes), fragment);
    });
  });
  server.on("connect", (incoming, socket) => {
    socket.on("error", () => socket.destroy());
    // Node looks after this connection no more: answers that are due would neither go on nor end with it.
    socket.on("drain", () => underWay.on(socket)[0]?.emit("drain"));
    socket.once("close", () => {
      for (const answer of underWay.on(socket)) answer.destroy();
    });
    inTurn(socket, () => refuse(socket, NO_TUNNEL, fragmentOf(incoming)));
  });
}

/** What Node's parser could not go on with. */
interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
  /** So many bytes of the packet it has read. */
  readonly bytesParsed?: number;
}

const END_OF_HEAD = "\r\n\r\n";

/**
 * The packet from the request on that is malformed: whole ones may have come before it in the same packet. Undefined where
 * one of these had a length, for its content could be taken for a request: then it is malformed, and nothing more is said of it.
 */
function malformedIn({ rawPacket, bytesParsed = 0 }: ParseError): Buffer | undefined {
  const endBefore = rawPacket?.subarray(0, bytesParsed).lastIndexOf(END_OF_HEAD) ?? -1;
  if (endBefore === -1) return rawPacket;
  const hasLength = /^content-length:/im.test(rawPacket?.toString("latin1", 0, endBefore) ?? "");
  return hasLength ? undefined : rawPacket?.subarray(endBefore + END_OF_HEAD.length);
}

/** Of a request line so much is looked at. */
const MAX_LINE_BYTES = 4096;

/** A browser opens connections in advance, and that is no request. */
const hasAskedNothing = (socket: Duplex): boolean => socket instanceof Socket && socket.bytesRead === 0;

function wrongFor(code: string | undefined, bytes: Buffer | undefined, maxUrlBytes: number): Wrong {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return hasLongLine(bytes, maxUrlBytes)
        ? { status: 414, detail: "the request-target is too long" }
        : { status: 431, detail: "the request's head is too long" };
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return { status: 413, detail: "the extensions of the request's chunks are too long" };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, detail: "the request did not come in time" };
    case "HPE_INVALID_METHOD":
      return hasUnknownMethod(bytes) ? UNKNOWN_METHOD : { status: 400, detail: "this is not HTTP" };
    case "HPE_INVALID_URL":
      return { status: 400, detail: "the request-target has a character that it may not have" };
    case "HPE_INVALID_VERSION":
      return { status: hasOtherVersion(bytes) ? 505 : 400, detail: "the version of HTTP is not known" };
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

/** Do they begin with a request line that is right but for its method (RFC 9110 §9.1)? */
function hasUnknownMethod(bytes: Buffer | undefined): boolean {
  const line = bytes?.toString("latin1", 0, MAX_LINE_BYTES) ?? "";
  const [, method] = /^(\S+) \S+ HTTP\/1\.\d\r?\n/.exec(line) ?? [];
  return method !== undefined && isToken(method) && !METHODS.includes(method);
}

/** Do they begin with a request line that is right but for its version (RFC 9110 §15.6.6)? */
const hasOtherVersion = (bytes: Buffer | undefined): boolean =>
  /^\S+ \S+ HTTP\/(?!1\.[01])\d\.\d\r/.test(bytes?.toString("latin1", 0, MAX_LINE_BYTES) ?? "");

/** Do they begin with a request-target that is too long (RFC 9110 §15.5.15)? */
function hasLongLine(bytes: Buffer | undefined, maxUrlBytes: number): boolean {
  const line = bytes?.toString("latin1") ?? "";
  const target = /^[A-Z-]{1,20} ([^\s]*)/.exec(line)?.[1];
  return target !== undefined && target.length > maxUrlBytes;
}

/** What the bytes begin with, where they begin as a request does; they may be part of a body as well. */
function fragmentIn(bytes: Buffer | undefined): Fragment {
  const line = bytes?.toString("latin1", 0, MAX_LINE_BYTES);
  const [, method = "-", uri = "-"] = /^([A-Z-]{1,20}) ((?:\/|https?:\/\/)[^\s]*)/i.exec(line ?? "") ?? [];
  return { method, uri, fields: [] };
}
