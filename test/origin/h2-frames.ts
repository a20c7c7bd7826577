import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { certificateFolder } from "../certificates.ts";

/** One request of HTTP/2, answered in frames. */
export interface FramedStream {
  /** A 200 that may be stored, with a Content-Length where one is given; its END_STREAM is still to come. */
  head(length?: number): void;
  data(text: string, end?: "END_STREAM"): void;
  reset(code: number): void;
}

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const PREFACE_LENGTH = 24;
const HEAD_LENGTH = 9;
/** `:status: 200` of HPACK's static table, and `cache-control: max-age=60` (RFC 7541 §6.1, §6.2.2); a length of one digit goes behind it. */
const HEAD = Buffer.concat([Buffer.from([0x88, 0x0f, 0x09, 10]), Buffer.from("max-age=60")]);

function frame(type: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_LENGTH);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** An https origin that speaks HTTP/2 in frames of the test's choosing: Node's server ends a body well before it resets. */
export async function framedOrigin(
  answer: (stream: FramedStream, asked: number) => void,
): Promise<{ readonly url: string; readonly ca: string; readonly caPath: string; asked(): number }> {
  const certificates = certificateFolder();
  certificates.certify("origin");
  const sockets = new Set<TLSSocket>();
  let asked = 0;
  const files = { key: certificates.pem("origin.key"), cert: certificates.pem("origin.pem") };
  const server = createServer({ ...files, ALPNProtocols: ["h2"] }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const send = (...parts: Parameters<typeof frame>) => socket.write(frame(...parts));
    send(SETTINGS, 0, 0, Buffer.alloc(0));
    let unread = Buffer.alloc(0);
    let at = PREFACE_LENGTH;
    socket.on("data", (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= at + HEAD_LENGTH) {
        const end = at + HEAD_LENGTH + unread.readUIntBE(at, 3);
        if (unread.length < end) return;
        const type = unread.readUInt8(at + 3);
        const flags = unread.readUInt8(at + 4);
        const id = unread.readUInt32BE(at + 5);
        at = end;
        if (type === SETTINGS && flags !== ACK) send(SETTINGS, ACK, 0, Buffer.alloc(0));
        if (type !== HEADERS) continue;
        asked++;
        const stream: FramedStream = {
          head: (length) => {
            const more = length === undefined ? [] : [0x0f, 0x0d, 1, 0x30 + length];
            send(HEADERS, END_HEADERS, id, Buffer.concat([HEAD, Buffer.from(more)]));
          },
          data: (text, end) => void send(DATA, end === undefined ? 0 : END_STREAM, id, Buffer.from(text)),
          reset: (code) => void send(RST_STREAM, 0, id, Buffer.from([0, 0, 0, code])),
        };
        answer(stream, asked);
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
    ca: certificates.pem("origin.pem"),
    caPath: certificates.path("origin.pem"),
    asked: () => asked,
  };
}
