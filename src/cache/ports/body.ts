import { memoryFor } from "./body-room.ts";

/** Bytes on their way. Iterating rejects when they break off; `return()` tells the source to stop. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** All of a short body, where it is here in one piece and nobody reads it: then it is had, and not iterated. */
  take?(): Uint8Array | undefined;
}

/** A body that lies elsewhere and is read where it is needed, as often as it is needed. */
export interface ChunkedBody {
  /** Bytes. */
  readonly length: number;
  /** CRC-32 of all of it. */
  readonly checksum: number;
  /**
   * Bytes `first` to `last`, both included, at the pace of whoever reads, who holds at most two chunks.
   * Rejects with StoreError where they can no longer be had, never gives others; the store tells of that.
   * Where it is away for a moment it may be waited for, for so many milliseconds in one go.
   */
  read(first: number, last: number, patienceMs?: number): ByteStream;
}

/**
 * Bytes of a body at once, for those who cannot take them as they come, and can do without.
 * Rejects as `ChunkedBody.read` does.
 */
export async function readBytes(
  body: Uint8Array | ChunkedBody,
  first = 0,
  last = body.length - 1,
): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(first, last + 1);
  const bytes = memoryFor(last + 1 - first);
  let at = 0;
  for await (const piece of body.read(first, last)) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
