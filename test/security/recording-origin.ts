import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { readRequests, type StrictRequest } from "./strict-reader.ts";

/** What has reached an origin since it was last asked. */
export interface Reached {
  /** Whole requests in the order in which they came. */
  readonly requests: readonly StrictRequest[];
  /** Connections that ended before the request on them did: what had come of it. */
  readonly cut: readonly string[];
  /** What could be read in more than one way, and why. */
  readonly ambiguous: readonly string[];
}

export interface RecordingOrigin {
  readonly url: string;
  /** What has reached it since the last time; health checks and barriers are no part of it. */
  take(): Reached;
  close(): Promise<void>;
}

/** A path that a test asks for to learn that whatever came before it has arrived. */
export const BARRIER = "/barrier";

/**
 * An origin that records every byte and reads it as strictly as RFC 9112 allows. It answers
 * each whole request with its method and target, and refuses what is not one.
 */
export async function startRecordingOrigin(cacheControl = "no-store"): Promise<RecordingOrigin> {
  let requests: StrictRequest[] = [];
  let cut: string[] = [];
  let ambiguous: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let bytes = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.toString("latin1");
      const { requests: read, rest, why } = readRequests(bytes);
      for (const request of read) {
        if (request.target !== "/health-check" && request.target !== BARRIER) requests.push(request);
        const foreign = foreignTo(request);
        if (foreign !== undefined) ambiguous.push(foreign);
        socket.write(answerTo(request, cacheControl));
      }
      if (rest === "nothing") bytes = "";
      else if (read.length > 0) ambiguous.push(`bytes behind a request: ${JSON.stringify(bytes)}`);
      if (rest === "malformed") {
        ambiguous.push(`${why} in ${JSON.stringify(bytes)}`);
        bytes = "";
        socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      }
    });
    socket.on("close", () => {
      sockets.delete(socket);
      if (bytes !== "") cut.push(bytes);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const reached = { requests, cut, ambiguous };
      [requests, cut, ambiguous] = [[], [], []];
      return reached;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a proxy never has to say, although the grammar knows it. */
function foreignTo({ version, trailers, target, fields }: StrictRequest): string | undefined {
  if (version !== "1.1") return `version ${version}`;
  if (trailers.length > 0) return "trailers";
  if (!target.startsWith("/") && target !== "*") return `target ${target}`;
  const hop = fields.find(([name]) => name === "te" || name === "upgrade" || name === "keep-alive");
  return hop === undefined ? undefined : `hop-by-hop ${hop[0]}`;
}

function answerTo({ method, target }: StrictRequest, cacheControl: string): string {
  const body = `<${method} ${target}>`;
  const status = target === "/health-check" ? "404 Not Found" : "200 OK";
  const head = `HTTP/1.1 ${status}\r\nCache-Control: ${target === BARRIER ? "no-store" : cacheControl}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return method === "HEAD" ? head : head + body;
}
