import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { certificateFolder } from "../certificates.ts";
import { FRAME, frame } from "./h2-raw.ts";

/** Writes what it likes when a request has come on this stream. */
export type Behaviour = (socket: TLSSocket, stream: number) => void;

const PREFACE_BYTES = 24;
const HEAD_BYTES = 9;
const ACK = 1;

/** An https origin that speaks HTTP/2 in bytes of the test's choosing, and has no library's manners. */
export async function rawH2Origin(): Promise<{
  readonly url: string;
  /** Its certificate. */
  readonly ca: string;
  readonly caPath: string;
  /** From the next request on. */
  behaves(behaviour: Behaviour): void;
}> {
  const certificates = certificateFolder();
  certificates.certify("origin");
  const sockets = new Set<TLSSocket>();
  let behaviour: Behaviour = () => {};
  const files = { key: certificates.pem("origin.key"), cert: certificates.pem("origin.pem") };
  const server = createServer({ ...files, ALPNProtocols: ["h2"] }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.write(frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0)));
    let unread: Buffer = Buffer.alloc(0);
    let preface = PREFACE_BYTES;
    socket.on("data", (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      if (unread.length < preface) return;
      unread = unread.subarray(preface);
      preface = 0;
      while (unread.length >= HEAD_BYTES && unread.length >= HEAD_BYTES + unread.readUIntBE(0, 3)) {
        const [type, flags] = unread.subarray(3, 5);
        const stream = unread.readUInt32BE(5);
        unread = unread.subarray(HEAD_BYTES + unread.readUIntBE(0, 3));
        if (type === FRAME.SETTINGS && flags !== ACK)
          socket.write(frame(FRAME.SETTINGS, ACK, 0, Buffer.alloc(0)));
        if (type === FRAME.HEADERS && socket.writable) behaviour(socket, stream);
      }
    });
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca: files.cert,
    caPath: certificates.path("origin.pem"),
    behaves(next) {
      behaviour = next;
    },
  };
}
