import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isSafe } from "../policy/invalidate.ts";

/**
 * Has a request wait for those before it on its connection where one of them, or it, is unsafe: only safe
 * ones may be worked on side by side (RFC 9112 §9.3.2). `before` are the answers that are due.
 */
export function inOrder(
  before: readonly ServerResponse[],
  outgoing: ServerResponse,
  serve: (outgoing: ServerResponse) => void,
): void {
  const last = before.at(-1);
  if (last === undefined || [...before, outgoing].every(({ req }) => isSafe(req.method ?? "GET"))) {
    serve(outgoing);
    return;
  }
  last.once("close", () => {
    if (!outgoing.destroyed) serve(outgoing);
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
  const {
    upgrade,
    connection,
    "content-length": length = "0",
    "transfer-encoding": coding,
  } = incoming.headers;
  if (upgrade === undefined || !/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(connection ?? "")) return;
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
