import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { parseTarget } from "./asked.ts";
import type { PortState } from "./exchange.ts";
import { closeFrame, frame, OPCODE, parseFrame } from "./websocket-frames.ts";

/** A connection on which nothing happens for this long is closed. */
const IDLE_MS = 300_000;
/** How long the other side may take to close after we have. */
const CLOSING_MS = 5_000;
const KEY_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Is this the opening of a WebSocket on /ws? Any other wish to upgrade is ignored (RFC 9110 §7.8). */
export const isWebSocket = (request: IncomingMessage): boolean =>
  parseTarget(request.url ?? "/").path === "/ws" &&
  request.method === "GET" &&
  /(^|[\s,])websocket($|[\s,/])/i.test(request.headers.upgrade ?? "");

/** Shakes hands (RFC 6455 §4.2) and from then on sends every message back. Never throws. */
export function serveWebSocket(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  here: PortState,
): void {
  // Resets are the other side's business; without a listener they would end the process.
  socket.on("error", () => socket.destroy());
  const { "sec-websocket-version": version, "sec-websocket-key": key = "" } = request.headers;
  if (!isWebSocket(request)) {
    // A Node without `shouldUpgradeCallback` brings every upgrade here.
    refuse(socket, "400 Bad Request");
    return;
  }
  here.counts.request("GET", request.url ?? "/", false);
  if (version !== "13") {
    refuse(socket, "426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n");
  } else if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    refuse(socket, "400 Bad Request");
  } else {
    const accept = createHash("sha1").update(`${key}${KEY_SUFFIX}`).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\nX-Mock-Port: ${here.port}\r\n\r\n`,
    );
    echoFrames(socket, head);
  }
}

function echoFrames(socket: Socket, head: Buffer): void {
  let unread: Buffer = head;
  let closing = false;

  const close = (last: Buffer) => {
    closing = true;
    socket.end(last);
    socket.setTimeout(CLOSING_MS);
  };

  const read = (chunk: Buffer) => {
    if (closing) return;
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    while (!closing) {
      const parsed = parseFrame(unread);
      if (parsed.type === "incomplete") break;
      if (parsed.type === "violation") return close(closeFrame(parsed.code));
      unread = parsed.rest;
      hear(parsed.opcode, parsed.payload);
    }
    if (socket.writableNeedDrain) socket.pause();
  };

  const hear = (opcode: number, payload: Buffer) => {
    switch (opcode) {
      case OPCODE.text:
        if (!isUtf8(payload)) return close(closeFrame(1007));
        socket.write(frame(opcode, payload));
        return;
      case OPCODE.binary:
        socket.write(frame(opcode, payload));
        return;
      case OPCODE.ping:
        socket.write(frame(OPCODE.pong, payload));
        return;
      case OPCODE.close:
        close(frame(OPCODE.close, payload.subarray(0, 2)));
        return;
    }
  };

  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
  socket.on("data", read);
  read(Buffer.alloc(0));
}

const refuse = (socket: Socket, status: string, fields = ""): void => {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n${fields}\r\n`);
};
