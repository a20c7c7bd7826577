import { request } from "node:http";
import type { Milliseconds } from "../config/kinds.ts";
import type { Config } from "../config.ts";

export type AdminAnswer =
  | { readonly type: "answered"; readonly status: number; readonly body: string }
  /** No HTTP answer came from there, for this reason. */
  | { readonly type: "nobody"; readonly detail: string };

export type AdminConfig = Pick<Config, "ADMIN_HOST" | "ADMIN_PORT" | "ADMIN_TOKEN">;

export interface AdminRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  /** From the connection to the last byte of the answer. */
  readonly timeout: Milliseconds;
  /** Ends it at once. */
  readonly signal?: AbortSignal;
}

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** Where a client on this machine reaches the admin API; an unspecified address is no destination. */
export function destination(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

export function adminUrl(config: AdminConfig): string {
  const host = destination(config.ADMIN_HOST);
  return `http://${host.includes(":") ? `[${host}]` : host}:${config.ADMIN_PORT}`;
}

/** Asks the admin API of a running proxy. Never rejects; an HTTP error is an answer. */
export function askAdmin(config: AdminConfig, asked: AdminRequest): Promise<AdminAnswer> {
  return new Promise((resolve) => {
    const nobody = (error: Error) => resolve({ type: "nobody", detail: error.message });
    const body = asked.json === undefined ? undefined : Buffer.from(JSON.stringify(asked.json));
    const outgoing = request({
      host: destination(config.ADMIN_HOST),
      port: config.ADMIN_PORT,
      method: asked.method,
      path: asked.path,
      // No keep-alive agent: an idle socket would hold the process.
      agent: false,
      ...(asked.signal === undefined ? {} : { signal: asked.signal }),
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json", "content-length": body.length }),
        ...(config.ADMIN_TOKEN === undefined ? {} : { authorization: `Bearer ${config.ADMIN_TOKEN}` }),
      },
    });
    const timer = setTimeout(() => {
      outgoing.destroy(new Error(`no answer within ${asked.timeout / 1000} s`));
    }, asked.timeout);
    outgoing.on("close", () => clearTimeout(timer));
    outgoing.on("error", nobody);
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on("error", nobody);
      incoming.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) outgoing.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      incoming.on("end", () => {
        resolve({
          type: "answered",
          status: incoming.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    outgoing.end(body);
  });
}
