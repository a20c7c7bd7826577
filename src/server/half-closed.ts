import type { Server } from "node:http";
import type { Socket } from "node:net";

/** How long nothing may go to a client that has ended its side before it is taken to have left. */
const PATIENCE_MS = 2000;

/**
 * Lets clients end their side behind their last request and still get its answer (RFC 9112 §9.5). One that
 * has left altogether looks the same until something is sent to it, hence the patience.
 */
export function answerHalfClosed(server: Server): void {
  // Node documents it for net.Server alone; its http.Server asks for it under this name.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.prependListener("connection", (socket: Socket) => {
    socket.once("end", () => cutWithoutProgress(socket));
  });
}

function cutWithoutProgress(socket: Socket): void {
  const taken = () => socket.bytesWritten - socket.writableLength;
  let before = taken();
  const watch = setInterval(() => {
    if (taken() === before) socket.destroy();
    before = taken();
  }, PATIENCE_MS);
  socket.once("close", () => clearInterval(watch));
}
