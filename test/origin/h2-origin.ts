import { once } from "node:events";
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { certificateFolder } from "../certificates.ts";

/**
 * An https origin that offers HTTP/2, and HTTP/1.1 beside it. What it answers has to have a length: Node's
 * server resets some bodies in place of ending them.
 */
export interface H2Origin {
  readonly url: string;
  /** The authority that vouches for it, as a file and as PEM. */
  readonly caPath: string;
  readonly ca: string;
  readonly server: Http2SecureServer;
  readonly sessions: readonly ServerHttp2Session[];
  /** What was asked over HTTP/2, health checks left out. */
  readonly asked: readonly IncomingHttpHeaders[];
}

/** Answers streams of HTTP/2 as `answer` does, and requests of HTTP/1.1 with their version, method and content. */
export async function h2Origin(
  answer: (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => void,
): Promise<H2Origin> {
  const certificates = certificateFolder();
  certificates.certify("authority");
  certificates.certify("origin", { by: "authority" });
  const files = { key: certificates.pem("origin.key"), cert: certificates.pem("origin.pem") };
  const server = createSecureServer({ ...files, allowHTTP1: true });
  const sessions: ServerHttp2Session[] = [];
  const asked: IncomingHttpHeaders[] = [];
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => {});
  });
  server.on("stream", (opened, fields) => {
    const stream = opened as ServerHttp2Stream;
    stream.on("error", () => {});
    if (fields[":path"] === "/health-check") {
      stream.respond({ ":status": 200 }, { endStream: true });
      return;
    }
    asked.push(fields);
    answer(stream, fields);
  });
  // Else Node answers streams, too, once there is a listener for requests.
  server.removeAllListeners("newListener");
  server.on("request", async (request, response) => {
    const content = Buffer.concat(await request.toArray()).toString();
    response.end(`${request.httpVersion} ${request.method} ${content}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const ca = certificates.pem("authority.pem");
  return {
    url: `https://localhost:${port}`,
    caPath: certificates.path("authority.pem"),
    ca,
    server,
    sessions,
    asked,
  };
}
