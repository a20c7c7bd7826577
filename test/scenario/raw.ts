import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { until } from "../until.ts";

/** A client that writes bytes of its own choosing and sees the bytes that come back. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far, one character per byte. */
  received(): string;
  write(bytes: string | Buffer): void;
  /** Resolves when this has been received; rejects with what has been instead, after ten seconds. */
  sees(text: string | RegExp): Promise<string>;
  /** Resolves when the connection has ended, to everything received. */
  end(): Promise<string>;
}

/** Connects to this machine's port; closed when the test has finished. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    socket,
    received: () => text,
    write: (bytes) => socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes),
    async sees(wanted) {
      const found = () => (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text));
      await until(() => `there is ${wanted}, and saw:\n${text}`, found);
      return text;
    },
    async end() {
      await closed;
      return text;
    },
  };
}

/** One GET on a connection that its client keeps, as the plain lane takes it; the answer's bytes up to its body's end, which is this text. */
export async function keptGet(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  bodyEnd: string,
): Promise<string> {
  const client = await rawClient(port);
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  client.write(`${[`GET ${path} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`);
  return client.sees(bodyEnd);
}

/** Writes one request and reads until the connection ends. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const client = await rawClient(port);
  client.write(bytes);
  return client.end();
}
