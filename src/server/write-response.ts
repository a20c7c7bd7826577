import type { EventEmitter } from "node:events";
import { ServerResponse } from "node:http";
import { type CacheResponse, discard, slices, type Trailers } from "../cache/exchange.ts";
import { SLICE_BYTES } from "../cache/ports/body-room.ts";
import { hasField } from "../policy/fields.ts";
import { writableLines } from "./interim.ts";
import { SHORT_BYTES } from "./lane/answer-bytes.ts";
import type { Outgoing } from "./outgoing.ts";

export interface Written {
  /** Body bytes handed to the connection. */
  readonly bytes: number;
  /** The client left, stopped reading, or the body broke off. */
  readonly aborted: boolean;
}

/**
 * Writes an answer with back-pressure. Where the body breaks off the connection breaks too,
 * so that nobody takes a part for the whole (RFC 9112 §8). Never rejects.
 */
export function writeResponse(
  outgoing: Outgoing,
  response: CacheResponse,
  addedFields: readonly string[],
  writeTimeoutMs: number,
): Written | Promise<Written> {
  const { body } = response;
  // By itself Node sends chunks to an HTTP/1.0 client that says TE: chunked (RFC 9112 §6.1).
  if (outgoing.req.httpVersion < "1.1") outgoing.useChunkedEncodingByDefault = false;
  if (outgoing.destroyed || !writeHead(outgoing, response, addedFields)) return unwritten(outgoing, body);
  switch (body.type) {
    case "none":
      outgoing.end();
      return ended(outgoing, 0, writeTimeoutMs);
    case "bytes":
      // So much a client takes within the time-out at least; a whole body at once would have one for all of it.
      if (body.bytes.length > SLICE_BYTES) return pump(outgoing, slices(body.bytes), writeTimeoutMs);
      endWithBody(outgoing, body.bytes);
      return ended(outgoing, body.bytes.length, writeTimeoutMs);
    case "stream": {
      const whole = body.stream.take?.();
      if (whole !== undefined) {
        if (body.trailers !== undefined) addTrailers(outgoing, body.trailers);
        outgoing.end(whole);
        return ended(outgoing, whole.length, writeTimeoutMs);
      }
      // The head must not wait for a body that may be long in coming (server-sent events).
      // Not by flushHeaders, which writes the bytes of field values as UTF-8.
      outgoing.write("", "latin1");
      return pump(outgoing, body.stream, writeTimeoutMs, body.trailers);
    }
  }
}

/** A short body goes as text, byte for byte: Node writes that with its head in one piece, and bytes in another. */
function endWithBody(outgoing: Outgoing, bytes: Uint8Array): void {
  if (outgoing instanceof ServerResponse && bytes.length <= SHORT_BYTES)
    outgoing.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"), "latin1");
  else outgoing.end(bytes);
}

/** The client has left, or its answer cannot be written. */
async function unwritten(outgoing: Outgoing, body: CacheResponse["body"]): Promise<Written> {
  if (body.type === "stream") await discard(body.stream);
  outgoing.destroy();
  return { bytes: 0, aborted: true };
}

/** At once where the system has taken all of an answer that is ended. */
function ended(outgoing: Outgoing, bytes: number, writeTimeoutMs: number): Written | Promise<Written> {
  if (outgoing.writableFinished || isTaken(outgoing)) return { bytes, aborted: false };
  return settles(outgoing, "finish", writeTimeoutMs).then((good) => ({ bytes, aborted: !good }));
}

/** False when the head has a byte that Node does not write: then the connection breaks, and nothing is left open. */
function writeHead(outgoing: Outgoing, response: CacheResponse, addedFields: readonly string[]): boolean {
  const own = [...announcement(outgoing, response), ...addedFields];
  try {
    if (outgoing.writeHeadOf !== undefined) {
      outgoing.writeHeadOf(response.status, response.statusMessage, response.fields, own);
      return true;
    }
    const lines = [...response.fields, ...own];
    if (response.statusMessage === "") outgoing.writeHead(response.status, lines);
    else outgoing.writeHead(response.status, response.statusMessage, lines);
    return true;
  } catch {
    return false;
  }
}

/** Trailer, where there will be chunks for the trailers to come behind; anywhere else Node refuses the field. */
function announcement(outgoing: Outgoing, { fields, body }: CacheResponse): string[] {
  if (body.type !== "stream" || body.trailers === undefined || body.trailers.announced.length === 0)
    return [];
  const chunked = outgoing.useChunkedEncodingByDefault && !hasField(fields, "content-length");
  return chunked ? ["Trailer", body.trailers.announced.join(", ")] : [];
}

async function pump(
  outgoing: Outgoing,
  stream: AsyncIterable<Uint8Array>,
  writeTimeoutMs: number,
  trailers?: Trailers,
): Promise<Written> {
  const chunks = stream[Symbol.asyncIterator]();
  let bytes = 0;
  // A client that leaves while the origin is silent would otherwise be noticed at the next chunk only.
  const leave = () => void chunks.return?.().catch(() => {});
  outgoing.once("close", leave);
  try {
    for (;;) {
      const { done, value } = await chunks.next();
      if (outgoing.destroyed) return { bytes, aborted: true };
      if (done === true) break;
      bytes += value.length;
      if (!outgoing.write(value) && !(await drained(outgoing, writeTimeoutMs)))
        return { bytes, aborted: true };
    }
    if (trailers !== undefined) addTrailers(outgoing, trailers);
    outgoing.end();
    return await ended(outgoing, bytes, writeTimeoutMs);
  } catch {
    outgoing.destroy();
    return { bytes, aborted: true };
  } finally {
    outgoing.off("close", leave);
    leave();
  }
}

/** Node writes them behind the last chunk, or drops them where there are none. */
function addTrailers(outgoing: Outgoing, trailers: Trailers): void {
  const lines = writableLines(trailers.fields());
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) pairs.push([lines[i] as string, lines[i + 1] as string]);
  if (pairs.length > 0) outgoing.addTrailers(pairs);
}

const drained = (outgoing: Outgoing, timeoutMs: number): Promise<boolean> =>
  settles(outgoing, "drain", timeoutMs);

/** Has the system taken all bytes of an ended answer? Node tells of it a moment later. */
export const isTaken = ({ socket, destroyed }: Outgoing): boolean =>
  socket !== null &&
  !destroyed &&
  socket.writableLength === 0 &&
  socket.errored === null &&
  !socket.destroyed;

/** True when `event` comes before the connection closes; a client that takes nothing for too long is cut. */
export function settles(
  outgoing: Pick<Outgoing, "destroyed" | "writableFinished" | "destroy"> &
    Partial<Pick<Outgoing, "socket">> &
    EventEmitter,
  event: "drain" | "finish",
  timeoutMs: number,
): Promise<boolean> {
  if (outgoing.destroyed) return Promise.resolve(false);
  const { socket } = outgoing;
  return new Promise((resolve) => {
    let isLate = false;
    const settle = (good: boolean) => {
      clearTimeout(timer);
      outgoing.off(event, onEvent);
      outgoing.off("close", onClose);
      resolve(good);
    };
    // Before Node 26 a response whose connection breaks is `finish`ed as well.
    const onEvent = () => settle(!isLate && (socket?.errored ?? null) === null);
    const onClose = () => settle(outgoing.writableFinished);
    const timer = setTimeout(() => {
      isLate = true;
      outgoing.destroy();
    }, timeoutMs);
    outgoing.once(event, onEvent);
    outgoing.once("close", onClose);
  });
}
