import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll } from "vitest";

/** A request as Node's own server has read it. */
export interface NodeRequest {
  readonly incoming: IncomingMessage;
  /** One character for each byte; undefined where it has not come to its end. */
  readonly body: string | undefined;
}

/** Node's own server for a file's tests: what does it make of the bytes of one connection? It closes behind the first request. */
export function nodeServer(maxHeaderSize: number): (bytes: string) => Promise<NodeRequest[]> {
  const seen: { incoming: IncomingMessage; body: string | undefined }[] = [];
  const server = createServer({ maxHeaderSize, requireHostHeader: false }, (incoming, outgoing) => {
    const request: (typeof seen)[number] = { incoming, body: undefined };
    seen.push(request);
    let body = "";
    incoming.on("error", () => {});
    incoming.on("data", (chunk: Buffer) => {
      body += chunk.toString("latin1");
    });
    incoming.on("end", () => {
      if (incoming.complete) request.body = body;
      outgoing.writeHead(200, { Connection: "close" }).end();
    });
  });
  server.on("clientError", (_, socket) => socket.destroy());
  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => void server.close());
  return async (bytes) => {
    seen.length = 0;
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {});
    socket.end(Buffer.from(bytes, "latin1"));
    socket.resume();
    await once(socket, "close");
    return [...seen];
  };
}
