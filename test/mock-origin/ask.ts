import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { request as httpRequest } from "node:http";

export interface Reply {
  readonly status: number;
  readonly reason: string;
  /** Field lines as they came: name, value, name, value, … */
  readonly lines: readonly string[];
  /** Combined, with lower-case names. */
  readonly fields: IncomingMessage["headers"];
  readonly body: Buffer;
  /** False when the body broke off. */
  readonly complete: boolean;
}

interface AskOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** One request on a connection of its own. Rejects when the connection ends before the head. */
export const ask = (base: string, path: string, { method = "GET", headers = {}, body }: AskOptions = {}) =>
  new Promise<Reply>((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const request = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => {});
      response.on("close", () => {
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? "",
          lines: response.rawHeaders,
          fields: response.headers,
          body: Buffer.concat(chunks),
          complete: response.complete,
        });
      });
    });
    request.on("error", reject);
    request.end(body);
  });

export const put = (base: string, path: string, value?: unknown): Promise<Reply> =>
  ask(base, path, { method: "PUT", ...(value === undefined ? {} : { body: JSON.stringify(value) }) });

export const jsonOf = (reply: Reply) => JSON.parse(reply.body.toString("utf8"));
