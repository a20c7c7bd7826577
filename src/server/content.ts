import type { ByteStream } from "../cache/ports/body.ts";
import type { RequestBody } from "../cache/ports/origin.ts";
import type { Incoming } from "./incoming.ts";
import type { Wrong } from "./malformed.ts";

export interface ContentLimits {
  /** The longest body that is taken. */
  readonly maxBodyBytes: number;
  /** How long a client may take for each PIECE_BYTES of its body. */
  readonly bodyTimeoutMs: number;
}

/** The body of a request while it arrives. */
export interface Content {
  readonly body: RequestBody;
  /** What the request is to be refused for, once its body has broken a limit; the stream rejects then. */
  readonly wrong: () => Wrong | undefined;
}

/** Shorter pieces are handed on with what waits behind them: each costs everybody behind as much as a long one does. */
const SHORT_BYTES = 1024;
/** So much of a body is progress: who sends a byte at a time is as slow as who sends nothing. */
const PIECE_BYTES = 1024;

export const TOO_LONG: Wrong = { status: 413, detail: "the request's body is longer than is taken" };
const TOO_SLOW: Wrong = { status: 408, detail: "the request's body did not come in time" };

/**
 * A request's body within its limits, or undefined when it has none (RFC 9112 §6.3). Trailer fields are
 * dropped, as they may be (RFC 9110 §6.5.1): nothing here could judge them before they are sent.
 */
export function contentOf(incoming: Incoming, limits: ContentLimits): Content | undefined {
  const { "content-length": length, "transfer-encoding": coding } = incoming.headers;
  if (coding === undefined && (length === undefined || Number(length) === 0)) return undefined;
  let wrong: Wrong | undefined;
  const stream = limited(incoming, limits, (refused) => {
    wrong = refused;
    return new Error(refused.detail);
  });
  return {
    body: coding === undefined ? { stream, length: Number(length) } : { stream },
    wrong: () => wrong,
  };
}

function limited(
  incoming: Incoming,
  { maxBodyBytes, bodyTimeoutMs }: ContentLimits,
  refuse: (wrong: Wrong) => Error,
): ByteStream {
  return {
    [Symbol.asyncIterator]() {
      // An origin that answers early must not cost the client its connection.
      const pieces = incoming.iterator({ destroyOnReturn: false });
      const length = Number(incoming.headers["content-length"]);
      let bytes = 0;
      let progressed = 0;
      let leftMs = bodyTimeoutMs;
      return {
        async next() {
          const askedAt = performance.now();
          // Only while the client is waited for: an origin that reads slowly is not the client's fault.
          const next = await inTime(pieces.next(), leftMs, () => refuse(TOO_SLOW));
          if (next.done === true) return next;
          const isShort = next.value.length < SHORT_BYTES && bytes + next.value.length !== length;
          const piece = isShort ? await withRest(next.value, incoming) : next.value;
          bytes += piece.length;
          if (bytes > maxBodyBytes) throw refuse(TOO_LONG);
          leftMs -= performance.now() - askedAt;
          if (bytes - progressed >= PIECE_BYTES) {
            progressed = bytes;
            leftMs = bodyTimeoutMs;
          }
          return { done: false, value: piece };
        },
        return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}

/** Of one read of the socket each chunk is told by itself, and the next turn knows them all. */
async function withRest(piece: Buffer, incoming: Incoming): Promise<Buffer> {
  await new Promise(setImmediate);
  const { readableLength = 0 } = incoming;
  const rest = readableLength > 0 ? incoming.read?.(readableLength) : undefined;
  return rest ? Buffer.concat([piece, rest]) : piece;
}

function inTime<T>(coming: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.max(1, ms));
    coming.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
