import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

/** How a body lies in Redis that is longer than one chunk. */
export interface Chunks {
  /** New for every body that is written, whatever its content, so that no two are ever mixed. */
  readonly id: string;
  /** Bytes of the body in each chunk but the last. */
  readonly chunkBytes: number;
  readonly count: number;
}

/** What stands before the bytes in a chunk's value: their checksum. */
export const CHECKSUM_BYTES = 4;
/** No body has more chunks than this, which scripts walk along: those of a longer one are larger. */
export const MAX_CHUNKS = 2048;
/** A record that asks a reader for larger chunks is not ours. */
const LARGEST_CHUNK = 8 * 1024 * 1024;
/** No record of chunks is longer, in bytes. */
export const LONGEST_RECORD = 100;

/** How a body of so many bytes is divided. */
export function divide(length: number, wantedChunkBytes: number): Chunks {
  const chunkBytes = Math.max(wantedChunkBytes, Math.ceil(length / MAX_CHUNKS));
  return { id: randomBytes(16).toString("hex"), chunkBytes, count: Math.ceil(length / chunkBytes) };
}

/** What the `body` field of an entry's hash holds where its chunks are elsewhere, readable for people. */
export const chunksRecord = ({ id, chunkBytes, count }: Chunks): string =>
  `FL2c ${id} ${chunkBytes} ${count}`;

/** The same in Lua: id and number of chunks. */
export const CHUNKS_PATTERN = "^FL2c (%x+) %d+ (%d+)$";

/** Undefined where the field is not how a body of so many bytes can be divided. */
export function parseChunks(field: Buffer, length: number): Chunks | undefined {
  if (field.length > LONGEST_RECORD) return undefined;
  const [, id, size, number] =
    /^FL2c ([0-9a-f]{32}) (\d{1,9}) (\d{1,9})$/.exec(field.toString("latin1")) ?? [];
  const [chunkBytes, count] = [Number(size), Number(number)];
  if (id === undefined || chunkBytes < 1 || chunkBytes > LARGEST_CHUNK || count > MAX_CHUNKS)
    return undefined;
  return count === Math.ceil(length / chunkBytes) ? { id, chunkBytes, count } : undefined;
}

/** What the keys of all chunks begin with; `name` is the key of the entry's hash. The chunk's index follows. */
export const chunkPrefix = (name: string, { id }: Chunks): string => `${name}:${id}:`;

/** Over the body's identity and the chunk's place in it, too: a chunk that got elsewhere is a foreign one. */
const checksum = ({ id }: Chunks, index: number, bytes: Uint8Array): number =>
  crc32(bytes, crc32(`${id}:${index}:`));

/** The value of a chunk, whose bytes may be in several pieces. */
export function encodeChunk(chunks: Chunks, index: number, pieces: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat([Buffer.alloc(CHECKSUM_BYTES), ...pieces]);
  value.writeUInt32BE(checksum(chunks, index, value.subarray(CHECKSUM_BYTES)));
  return value;
}

/** The bytes, or undefined where the value is not this chunk as it was written. */
export function decodeChunk(chunks: Chunks, index: number, value: Buffer): Uint8Array | undefined {
  if (value.length < CHECKSUM_BYTES) return undefined;
  const bytes = value.subarray(CHECKSUM_BYTES);
  return checksum(chunks, index, bytes) === value.readUInt32BE() ? bytes : undefined;
}
