import { createConnection, type Socket } from "node:net";

/** One answer, byte for byte. */
export interface RawAnswer {
  readonly status: number;
  /** With the empty line at its end. */
  readonly head: Buffer;
  readonly body: Buffer;
}

const PATIENCE_MS = 10_000;
const END = Buffer.from("\r\n\r\n");

/**
 * Sends the bytes of one request and resolves to its answer, whose length must be said (RFC 9112 §6.3).
 * Rejects when the connection fails or breaks off, and after ten seconds.
 */
export function ask(port: number, request: string): Promise<RawAnswer> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  const settled = new Promise<RawAnswer>((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    socket.setTimeout(PATIENCE_MS, () => reject(new Error(`no answer in ${PATIENCE_MS} ms`)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection broke off")));
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const answer = answerIn(bytes);
      if (answer !== undefined) resolve(answer);
    });
    socket.write(request);
  });
  return settled.finally(() => socket.destroy());
}

function answerIn(bytes: Buffer): RawAnswer | undefined {
  const end = bytes.indexOf(END);
  if (end === -1) return undefined;
  const head = bytes.subarray(0, end + END.length);
  const { status, length } = readHead(head);
  const body = bytes.subarray(head.length);
  return body.length < length ? undefined : { status, head, body: body.subarray(0, length) };
}

/** Status and content length of a head; NaN for a length that is not said. */
export function readHead(head: Buffer): { status: number; length: number } {
  const text = head.toString("latin1");
  const status = Number(text.slice(9, 12));
  const bare = status === 304 || status === 204;
  return { status, length: bare ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1]) };
}

/** Connects, or resolves to undefined where nobody listens yet. */
export const connected = (port: number): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
