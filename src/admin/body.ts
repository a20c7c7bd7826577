import type { Context } from "hono";
import type { AdminEnv } from "./env.ts";
import { ApiError } from "./errors.ts";

/** Larger ones are refused, in bytes. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * The request's body as JSON. Throws ApiError 413 beyond MAX_BODY_BYTES, whether the
 * length is declared or not, and 400 when it is not JSON in UTF-8 or breaks off.
 *
 * Not hono/body-limit: it makes a new Request for a chunked body, which the global
 * Request refuses to do from @hono/node-server's own.
 */
export async function jsonBody(c: Context<AdminEnv>): Promise<unknown> {
  if (Number(c.req.header("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of c.req.raw.body ?? []) {
      length += chunk.byteLength;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, "bad_request", "the body is not JSON");
  }
}

const tooLarge = (): ApiError =>
  new ApiError(413, "payload_too_large", `the body is larger than ${MAX_BODY_BYTES} bytes`);
