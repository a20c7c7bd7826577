import type { Context } from "hono";
import type { AdminEnv } from "./env.ts";
import { ApiError } from "./errors.ts";

/** Larger ones are refused, in bytes. */
const MAX_BODY_BYTES = 1024 * 1024;

/** What a page's form or a request that needs no permission can say of its body; so does curl, and fetch in Node. */
const OF_A_PAGE = /^(?:application\/x-www-form-urlencoded|text\/plain|multipart\/form-data)\s*(?:;|$)/i;

/**
 * The request's body as JSON. Throws ApiError 415 where a page sent it as a form does, 413 beyond
 * MAX_BODY_BYTES, whether the length is declared or not, and 400 when it is not JSON in UTF-8 or breaks off.
 *
 * Not hono/body-limit: it makes a new Request for a chunked body, which the global
 * Request refuses to do from @hono/node-server's own.
 */
export async function jsonBody(c: Context<AdminEnv>): Promise<unknown> {
  const ofAPage = ["origin", "sec-fetch-site", "referer"].some((name) => c.req.header(name) !== undefined);
  if (ofAPage && OF_A_PAGE.test(c.req.header("content-type") ?? ""))
    throw new ApiError(415, "unsupported_media_type", "the body must be application/json");
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
