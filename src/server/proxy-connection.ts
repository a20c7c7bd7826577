import type { Socket } from "node:net";
import { readProxyHeader } from "./proxy-protocol.ts";

/**
 * Reads a PROXY header off a new connection, which is the client's from then on: its `remoteAddress` is the client's
 * for all who ask, and paused. A connection on which none comes, in time and well-formed, is closed without an answer: whoever is
 * on it does not speak HTTP.
 */
export function expectProxyHeader(socket: Socket, withinMs: number, take: () => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), withinMs);
  const onError = (): void => {};
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header === "incomplete") return;
    leave();
    if (header === "malformed") return void socket.destroy();
    if (header.client !== undefined) Object.defineProperty(socket, "remoteAddress", { value: header.client });
    socket.pause();
    const rest = bytes.subarray(header.end);
    if (rest.length > 0) socket.unshift(rest);
    take();
  };
  const leave = (): void => {
    clearTimeout(late);
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("error", onError);
  };
  const onEnd = (): void => void socket.destroy();
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("error", onError);
  socket.once("close", () => clearTimeout(late));
}
