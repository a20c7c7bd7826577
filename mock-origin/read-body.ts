import type { IncomingMessage } from "node:http";
import { Refusal } from "./answer.ts";

/** Largest body that is kept whole, in bytes. */
const MAX_BODY_BYTES = 1024 * 1024;

/** The whole request body. Throws a 413 beyond `MAX_BODY_BYTES`; rejects when the client breaks off. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Left undestroyed, so that the 413 can still be sent; Node reads the rest away.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += (chunk as Buffer).length;
    if (length > MAX_BODY_BYTES) throw new Refusal(413, `a body may have ${MAX_BODY_BYTES} bytes at most`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** What a body means as JSON; undefined when it is empty. Throws a 400 when it is not JSON in UTF-8. */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new Refusal(400, "the body is not well-formed JSON in UTF-8");
  }
}
