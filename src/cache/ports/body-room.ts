/** Bytes before a body, in its own buffer: an answer's head goes there, and then both are one write of one piece. */
export const ROOM_BYTES = 1024;
/** So much of a body that is here is handed on at once. */
export const SLICE_BYTES = 65_536;
/** A shorter body is copied behind its head, and a longer one than SLICE_BYTES goes in slices. */
const SHORTEST = 8193;

class RoomyBuffer extends ArrayBuffer {
  /** What is before the body is still read from. */
  isTaken = false;
  /** The body with the head that was put before it last. */
  whole: Buffer | undefined;
}

/** Memory for a body of so many bytes, all of it zero, with room before it where that is of use. */
export const memoryFor = (length: number): Uint8Array =>
  length < SHORTEST || length > SLICE_BYTES
    ? new Uint8Array(length)
    : new Uint8Array(new RoomyBuffer(ROOM_BYTES + length), ROOM_BYTES);

/** Is nothing but this body in its buffer, and the room before it? */
export const isAllOfIts = ({ buffer, byteOffset, length }: Uint8Array): boolean =>
  length === buffer.byteLength ||
  (buffer instanceof RoomyBuffer && byteOffset === ROOM_BYTES && length === buffer.byteLength - ROOM_BYTES);

/**
 * The head and the body in one piece, which is good until the next head is put there, or the room is taken. Undefined
 * where there is no room for it, or somebody has it.
 */
export function withHead(head: Uint8Array, body: Uint8Array): Buffer | undefined {
  const { buffer } = body;
  if (!(buffer instanceof RoomyBuffer) || buffer.isTaken || head.length > ROOM_BYTES || !isAllOfIts(body))
    return undefined;
  const length = head.length + body.length;
  let { whole } = buffer;
  if (whole?.length !== length) {
    whole = Buffer.from(buffer, ROOM_BYTES - head.length, length);
    buffer.whole = whole;
  }
  whole.set(head, 0);
  return whole;
}

/** The head that was put there last is still read from, until the returned function is called. */
export function takeRoom({ buffer }: Uint8Array): () => void {
  if (!(buffer instanceof RoomyBuffer)) return () => {};
  buffer.isTaken = true;
  return () => {
    buffer.isTaken = false;
  };
}
