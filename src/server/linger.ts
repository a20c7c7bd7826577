import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** How long a client that has been refused may go on sending what nobody reads. */
const LINGER_MS = 1000;

/**
 * Ends a connection behind the last answer on it: our side first, the rest when the client has ended its own,
 * or a moment later. Closed at once, with bytes unread, the answer could be lost (RFC 9112 §9.6).
 */
export function endAndLinger(socket: Duplex, lingerMs = LINGER_MS): void {
  // Whoever has read them so far would take them for something.
  socket.removeAllListeners("data");
  socket.on("data", () => {});
  socket.end(() => {
    if (socket.readableEnded || lingerMs === 0) socket.destroy();
  });
  // Whoever has paused it had something to wait for.
  socket.resume();
  const late = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(late));
}

/** Has Node end the connection like that behind the answer that it is about to write. */
export function lingerBehindAnswer(socket: object): void {
  if (socket instanceof Socket) socket.destroySoon = () => endAndLinger(socket);
}
