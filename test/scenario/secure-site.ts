import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { request as httpsRequest } from "node:https";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { onTestFinished } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { type CertificateFolder, certificateFolder } from "../certificates.ts";
import { type Site, startSite } from "./site.ts";

/** A site that is asked over TLS. */
export interface SecureSite extends Site {
  readonly tlsPort: number;
  readonly certificates: CertificateFolder;
  readonly ca: string;
}

/** With a certificate `server` for this machine, signed by `authority`. */
export async function startSecureSite(
  settings: Partial<Record<SettingName, string>> = {},
): Promise<SecureSite> {
  const certificates = certificateFolder();
  certificates.certify("authority");
  certificates.certify("server", { by: "authority" });
  const files = { TLS_CERT: certificates.path("server.pem"), TLS_KEY: certificates.path("server.key") };
  const site = await startSite({ settings: { ...files, TLS_WATCH_INTERVAL: "20ms", ...settings } });
  const { tlsPort = 0 } = site.proxy;
  return Object.assign(site, { tlsPort, certificates, ca: certificates.pem("authority.pem") });
}

export interface H2Answer {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  readonly interim: readonly number[];
}

/** A client of HTTP/2; closed when the test has finished. */
export function h2Client({ tlsPort, ca }: Pick<SecureSite, "tlsPort" | "ca">): ClientHttp2Session {
  const client = connect(`https://localhost:${tlsPort}`, { ca, maxSendHeaderBlockLength: 2 ** 24 });
  client.on("error", () => {});
  onTestFinished(() => client.destroy());
  return client;
}

/** Asks on a stream of its own; rejects when it is reset before its end. */
export function askH2(
  client: ClientHttp2Session,
  fields: Record<string, string | string[]>,
  body?: string | Buffer,
): Promise<H2Answer> {
  return new Promise((resolve, reject) => {
    const stream = client.request(fields, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    const interim: number[] = [];
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on("headers", (early) => interim.push(early[":status"] ?? 0));
    stream.on("response", (response) => {
      head = response;
    });
    stream.on("trailers", (lines) => {
      trailers = lines;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      if (stream.rstCode !== 0) reject(new Error(`reset with ${stream.rstCode}`));
      const status = Number(head[":status"] ?? 0);
      resolve({ status, fields: head, body: Buffer.concat(chunks), trailers, interim });
    });
    if (body !== undefined) stream.end(body);
  });
}

/** One request of HTTP/1.1 over TLS. */
export function askH1(
  { tlsPort, ca }: Pick<SecureSite, "tlsPort" | "ca">,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{
  status: number;
  headers: IncomingHttpHeaders;
  header: (name: string) => string | undefined;
  text: string;
}> {
  return new Promise((resolve, reject) => {
    const options = { host: "localhost", port: tlsPort, ca, path, method, headers, agent: false };
    const request = httpsRequest(options, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      const header = (name: string) => response.headers[name]?.toString();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, header, text });
    });
    request.on("error", reject);
    request.end();
  });
}

/** A connection whose handshake is done; closed when the test has finished. */
export async function handshake(
  { tlsPort, ca }: Pick<SecureSite, "tlsPort" | "ca">,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = tlsConnect({ host: "127.0.0.1", port: tlsPort, ca, servername: "localhost", ...options });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  return socket;
}
