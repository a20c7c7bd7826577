import type { OriginRequest } from "../cache/ports/origin.ts";
import { remembering } from "../policy/remembering.ts";

/** Framing and connection are ours to say; an Expect was answered by our own server. */
const OURS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "expect",
]);

/** Does a line of this name stay here? */
export const isOurs = remembering((name) => OURS.has(name.toLowerCase()), 256);

/** The field lines that go to the origin, flat as they came; its own Host is written by whoever connects. */
export function headersFor(request: OriginRequest, preserveHost: boolean): string[] {
  const headers: string[] = [];
  if (preserveHost && request.host !== "") headers.push("host", request.host);
  const { fields, body } = request;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!isOurs(name)) headers.push(name, fields[i + 1] as string);
  }
  if (body?.length !== undefined && body.length > 0) headers.push("content-length", String(body.length));
  return headers;
}

/** The same lines as HTTP/2 has them: lines whose names differ in case alone would cost the whole connection. */
export const inLowerCase = (headers: readonly string[]): string[] =>
  headers.map((part, i) => (i % 2 === 0 ? part.toLowerCase() : part));
