import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** One connection as the origin sees it: latin1 text in, anything out. */
export interface Connection {
  readonly socket: Socket;
  /** Everything received so far. */
  received(): string;
}

export interface RawServer {
  readonly url: string;
  readonly port: number;
  readonly connections: Connection[];
  close(): Promise<void>;
}

/** A server that writes exactly what the test says, and parses nothing; closed when the test has finished. */
export async function rawServer(
  onRequest: (connection: Connection, head: string, nth: number) => void,
  port = 0,
): Promise<RawServer> {
  const connections: Connection[] = [];
  let nth = 0;
  const server = net.createServer((socket) => {
    let text = "";
    let heads = 0;
    const connection: Connection = { socket, received: () => text };
    connections.push(connection);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      // Every empty line that starts no chunked body ends a head; bodies in these tests hold none.
      const complete = text.split("\r\n\r\n").slice(0, -1);
      while (heads < complete.length) {
        const head = complete[heads++] as string;
        if (/^[^\r]* HTTP\/1\.1\r\n/.test(head)) onRequest(connection, head, nth++);
      }
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  const close = async () => {
    for (const { socket } of connections) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${bound}`, port: bound, connections, close };
}

/** A server that always answers with these bytes and leaves the connection open. */
export const answering = (bytes: string): Promise<RawServer> =>
  rawServer(({ socket }) => socket.write(Buffer.from(bytes, "latin1")));

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
