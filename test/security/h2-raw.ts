import type { TLSSocket } from "node:tls";
import { handshake, type SecureSite } from "../scenario/secure-site.ts";
import { until } from "../until.ts";

/** Types of frames (RFC 9113 §6) and flags that tests write. */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client of HTTP/2 that writes frames of its own choosing, without a library's manners. */
export interface RawH2 {
  readonly socket: TLSSocket;
  readonly frames: readonly Frame[];
  send(type: number, flags: number, stream: number, payload?: Buffer | readonly number[]): void;
  /** A whole field section on this stream; with `flags` as they are given. */
  headers(stream: number, lines: readonly Line[], flags?: number): void;
  /** The first frame of this type on this stream, when it has come. */
  sees(type: number, stream?: number): Promise<Frame>;
  /** Resolves when the connection has ended, to the code of its GOAWAY. */
  ended(): Promise<number | undefined>;
}

export type Line = readonly [name: string, value: string];

export const GET: readonly Line[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "a.example"],
  [":path", "/data?id=1&cache-control=max-age=60"],
];

export const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

/** A literal without indexing, and without Huffman's code (RFC 7541 §6.2.2). */
export const literal = ([name, value]: Line): Buffer =>
  Buffer.concat([Buffer.from([0]), text(name), text(value)]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    rest -= 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export const section = (lines: readonly Line[]): Buffer => Buffer.concat(lines.map(literal));

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** With the client's preface and these settings sent; answers the server's own. */
export async function rawH2(
  site: SecureSite,
  settings: readonly (readonly [id: number, value: number])[] = [],
): Promise<RawH2> {
  const socket = await handshake(site, { ALPNProtocols: ["h2"] });
  const frames: Frame[] = [];
  let unread: Buffer = Buffer.alloc(0);
  let closed = false;
  socket.on("close", () => {
    closed = true;
  });
  const send: RawH2["send"] = (type, flags, stream, payload = []) => {
    if (socket.writable) socket.write(frame(type, flags, stream, Buffer.from(payload)));
  };
  socket.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
      const end = 9 + unread.readUIntBE(0, 3);
      const [type = 0, flags = 0] = unread.subarray(3, 5);
      frames.push({ type, flags, stream: unread.readUInt32BE(5), payload: unread.subarray(9, end) });
      unread = unread.subarray(end);
      if (type === FRAME.SETTINGS && flags === 0) send(FRAME.SETTINGS, ACK, 0);
    }
  });
  const entries = settings.map(([id, value]) => {
    const entry = Buffer.alloc(6);
    entry.writeUInt16BE(id, 0);
    entry.writeUInt32BE(value, 2);
    return entry;
  });
  socket.write(Buffer.concat([PREFACE, frame(FRAME.SETTINGS, 0, 0, Buffer.concat(entries))]));
  return {
    socket,
    frames,
    send,
    headers: (stream, lines, flags = END_HEADERS | END_STREAM) =>
      send(FRAME.HEADERS, flags, stream, section(lines)),
    async sees(type, stream = 0) {
      const found = () => frames.find((each) => each.type === type && each.stream === stream);
      const told = () =>
        `a frame of type ${type} on ${stream} comes; ${frames.map((each) => `${each.type}/${each.stream}`)}`;
      await until(told, () => found() !== undefined || closed);
      const seen = found();
      if (seen === undefined) throw new Error(`the connection has ended before ${told()}`);
      return seen;
    },
    async ended() {
      await until("the connection ends", () => closed);
      return frames.find(({ type }) => type === FRAME.GOAWAY)?.payload.readUInt32BE(4);
    },
  };
}
