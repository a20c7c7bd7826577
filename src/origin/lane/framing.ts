import { type FieldLines, isNamed, listMembers } from "../../policy/fields.ts";
import { malformed } from "./fault.ts";

/** Where a response's body ends (RFC 9112 §6), and what becomes of its connection then (§9.3). */
export interface Framing {
  /** So many bytes; `close`: where the connection ends. */
  readonly content: number | "chunks" | "close";
  /** How long the connection may be kept for the next request, in milliseconds; 0 where it must not be. */
  readonly keepMs: number;
}

/** How long a connection is kept of which its origin says nothing, in milliseconds. */
const KEEP_MS = 4_000;
/** So much sooner than the origin says it will end it, since a request takes its time to get there. */
const SOONER_MS = 2_000;
const LONGEST_KEEP_MS = 600_000;
const DIGITS = /^\d{1,16}$/;
const TIMEOUT = /(?:^|,)[\t ]*timeout=(\d+)/i;

interface Head {
  readonly status: number;
  readonly isHttp10: boolean;
}

/**
 * What the head of a response to this method says. Throws a LaneFault where nobody can tell, or more than one
 * answer could be had: for two lengths, a length and chunks, codings that we did not ask for, chunks in HTTP/1.0 (§6.1, §6.3).
 */
export function framingOf(method: string, { status, isHttp10 }: Head, fields: FieldLines): Framing {
  let length: number | undefined;
  let chunked = false;
  let keepMs = isHttp10 ? 0 : KEEP_MS;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (isNamed(name, "content-length")) {
      if (length !== undefined) throw malformed("more than one length");
      length = lengthFrom(value);
    } else if (isNamed(name, "transfer-encoding")) {
      if (chunked || value.toLowerCase() !== "chunked") throw malformed(`unknown transfer coding: ${value}`);
      chunked = true;
    } else if (isNamed(name, "connection")) {
      if (!hasClose(value)) continue;
      // The answer itself could not come any more (RFC 9112 §9.6).
      if (status < 200) throw malformed("an interim response that ends the connection");
      keepMs = 0;
    } else if (isNamed(name, "keep-alive") && keepMs > 0) keepMs = keptFor(value);
  }
  if (chunked && isHttp10) throw malformed("a transfer coding in HTTP/1.0");
  if (chunked && length !== undefined) throw malformed("a length and chunks");
  if (method === "HEAD" || status < 200) return { content: 0, keepMs };
  // What has no content and says it has some may be followed by it.
  if (status === 204 || status === 304)
    return { content: 0, keepMs: chunked || (length ?? 0) > 0 ? 0 : keepMs };
  if (chunked) return { content: "chunks", keepMs };
  return length === undefined ? { content: "close", keepMs: 0 } : { content: length, keepMs };
}

/** Fields that say where a message ends have no place behind its end (RFC 9110 §6.5.1). */
export function checkTrailers(trailers: FieldLines): void {
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string;
    if (isNamed(name, "content-length") || isNamed(name, "transfer-encoding"))
      throw malformed(`${name} in the trailers`);
  }
}

function lengthFrom(value: string): number {
  const length = DIGITS.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(length)) throw malformed("a length that is none");
  return length;
}

const hasClose = (value: string): boolean =>
  value.length >= 5 && listMembers(value).some((option) => option.toLowerCase() === "close");

function keptFor(value: string): number {
  const seconds = TIMEOUT.exec(value)?.[1];
  if (seconds === undefined) return KEEP_MS;
  return Math.min(Math.max(0, Number(seconds) * 1000 - SOONER_MS), LONGEST_KEEP_MS);
}
