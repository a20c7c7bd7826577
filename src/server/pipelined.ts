import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isSafe } from "../policy/invalidate.ts";
import { MAX_DUE } from "./lane/connection.ts";
import type { AnswerUnderWay } from "./under-way.ts";

/**
 * Has a request wait for those before it on its connection where one of them, or it, is unsafe: only safe
 * ones may be worked on side by side (RFC 9112 §9.3.2), and no more than in the lane. `before` are the answers
 * that are due. While a request waits for want of room nothing more is read.
 */
export function inOrder(
  socket: Socket,
  before: readonly AnswerUnderWay[],
  outgoing: AnswerUnderWay,
  serve: () => void,
): void {
  const inTheWay = before.at(-MAX_DUE);
  if (inTheWay !== undefined) {
    const release = holdBack(socket);
    inTheWay.once("close", () => {
      release();
      if (!outgoing.destroyed) inOrder(socket, before.slice(1 - MAX_DUE), outgoing, serve);
    });
    return;
  }
  const last = before.at(-1);
  if (last === undefined || [...before, outgoing].every(({ req }) => isSafe(req.method ?? "GET"))) {
    serve();
    return;
  }
  last.once("close", () => {
    if (!outgoing.destroyed) serve();
  });
}

/** How many requests that were read wait for room, by connection. */
const held = new WeakMap<Socket, number>();

/** Reads no more of a connection until this and all others are released: Node bounds the bytes of answers alone. */
function holdBack(socket: Socket): () => void {
  const before = held.get(socket);
  // Node itself reads on behind each complete request. What comes behind the last answer is only thrown away.
  if (before === undefined)
    socket.on("resume", () => held.get(socket) !== 0 && !socket.writableEnded && socket.pause());
  held.set(socket, (before ?? 0) + 1);
  socket.pause();
  // Not in the turn in which they were read: of what is there already all would be read in it, and answered.
  return () =>
    setImmediate(() => {
      const left = (held.get(socket) ?? 1) - 1;
      held.set(socket, left);
      if (left === 0) socket.resume();
    });
}

/** What Node's parser, which documents none of this, has read last. */
type Parsed = Socket & { readonly parser?: { getCurrentBuffer?: () => Buffer } | null };

/**
 * Ends the connection behind this answer where bytes behind its request are lost: Node drops what came in one
 * read behind a wish to change protocols that was not granted, and goes on with what comes next. To be called
 * while the request is announced.
 */
export function endWhereBytesAreLost(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (incoming.headers.upgrade === undefined) return;
  const { connection, "content-length": length = "0", "transfer-encoding": coding } = incoming.headers;
  if (!/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(connection ?? "")) return;
  const end = (): void => {
    outgoing.shouldKeepAlive = false;
  };
  const socket: Parsed = incoming.socket;
  const read = socket.parser?.getCurrentBuffer?.();
  const readBefore = socket.bytesRead - (read?.length ?? 0);
  const headEnd = read?.indexOf("\r\n\r\n") ?? -1;
  const bytesAreBehind = () => {
    if (read === undefined || headEnd === -1 || coding !== undefined) return true;
    return socket.bytesRead > readBefore + headEnd + 4 + Number(length);
  };
  if (bytesAreBehind()) end();
  // Its body may still be to come, and more with the last of it.
  else incoming.once("end", () => bytesAreBehind() && end());
}
