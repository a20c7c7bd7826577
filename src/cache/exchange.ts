import type { RequestFacts } from "../policy/decide.ts";
import type { FieldLines } from "../policy/fields.ts";
import type { ForwardedFor } from "../policy/forwarding.ts";
import type { Outcome } from "../policy/outcome.ts";
import type { Cut } from "./cut.ts";
import type { ByteStream } from "./ports/body.ts";
import { memoryFor, SLICE_BYTES } from "./ports/body-room.ts";
import type { RequestBody } from "./ports/origin.ts";
import type { Entry, Lookup, Tier } from "./ports/store.ts";

/** One request as the server hands it over: framed, strictly read, its peer established. */
export interface CacheRequest extends RequestFacts {
  readonly id: string;
  /** Target URI and primary key (RFC 9111 §2): see policy/key.ts. */
  readonly uri: string;
  /** Request-target in origin form, without the parameters that the key ignores. */
  readonly target: string;
  readonly host: string;
  readonly forwarded: ForwardedFor;
  /** The version of HTTP that the client asked in, `1.0`, `1.1` or `2`; absent where there is no client. */
  readonly httpVersion?: string;
  readonly body?: RequestBody;
  /** Aborted when the client leaves. */
  readonly signal: Cut;
  /** Takes interim responses ahead of the answer (RFC 9110 §15.2); absent when the client wants none. Does not throw. */
  readonly onInterim?: (status: number, fields: FieldLines) => void;
}

/** What makes keys of targets, as it is at the moment. */
export interface Keying {
  /** Query parameters that are in no key, and that no origin gets (CACHE_KEY_IGNORE_PARAMS). */
  readonly ignoredParameters: readonly string[];
}

/** What was looked up for a request before it was handed over. */
export interface Looked {
  /** Under which key. */
  readonly key: string;
  readonly found: Lookup;
  /** Milliseconds that it took. */
  readonly waitedMs: number;
}

/** Fields behind a body: for whoever gets it from the origin, while the cache forgets them (RFC 9111 §3). */
export interface Trailers {
  /** The names that the origin announced in its head. */
  readonly announced: readonly string[];
  /** The lines, once the body has ended; none before. */
  fields(): FieldLines;
}

export type Body =
  | { readonly type: "none" }
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  | { readonly type: "stream"; readonly stream: ByteStream; readonly trailers?: Trailers };

/** The answer to one request, ready to be written. */
export interface CacheResponse {
  readonly status: number;
  readonly statusMessage: string;
  /** Everything but what belongs to the connection and to the server's own settings. */
  readonly fields: FieldLines;
  readonly body: Body;
  readonly outcome: Outcome;
  readonly tier?: Tier;
  readonly origin?: string;
}

export const NO_BODY: Body = { type: "none" };

/** A client that has the head can get the body from nowhere else: it may wait while Redis is away, or be cut off. */
const BODY_PATIENCE_MS = 5000;

/** Bytes `first` to `last` of a stored body: at once where they are here, else read as they are written. */
export function bodyFrom(stored: Entry["body"], first = 0, last = stored.length - 1): Body {
  if (last < first) return NO_BODY;
  if (stored instanceof Uint8Array) {
    const isAll = first === 0 && last === stored.length - 1;
    return { type: "bytes", bytes: isAll ? stored : stored.subarray(first, last + 1) };
  }
  return { type: "stream", stream: stored.read(first, last, BODY_PATIENCE_MS) };
}

export async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES);
}

/** So many bytes in one piece, always a new one. */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const body = memoryFor(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** Tells a source that nobody will read its body. */
export async function discard(stream: ByteStream): Promise<void> {
  try {
    await stream[Symbol.asyncIterator]().return?.();
  } catch {
    // It was unwanted already.
  }
}
