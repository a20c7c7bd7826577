/** The largest payload that is accepted, in bytes. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** RFC 6455 §5.2; a fragment's continuation (0x0) is not spoken here. */
export const OPCODE = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

export type Parsed =
  | { readonly type: "frame"; readonly opcode: number; readonly payload: Buffer; readonly rest: Buffer }
  | { readonly type: "incomplete" }
  /** The connection must be closed with this code (RFC 6455 §7.4.1). */
  | { readonly type: "violation"; readonly code: 1002 | 1003 | 1009 };

const KNOWN: ReadonlySet<number> = new Set(Object.values(OPCODE));

/** Reads one frame of a client from the start of `bytes`: whole, masked, unfragmented. */
export function parseFrame(bytes: Buffer): Parsed {
  if (bytes.length < 2) return { type: "incomplete" };
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const opcode = first & 0x0f;
  const isControl = opcode >= 0x8;
  const shortLength = second & 0x7f;
  const reservedBits = (first & 0x70) !== 0;
  const unmasked = (second & 0x80) === 0;
  const final = (first & 0x80) !== 0;
  if (reservedBits || unmasked) return { type: "violation", code: 1002 };
  if (isControl && (!final || shortLength > 125)) return { type: "violation", code: 1002 };
  if (opcode !== 0 && !KNOWN.has(opcode)) return { type: "violation", code: 1002 };
  if (!final || opcode === 0) return { type: "violation", code: 1003 };

  const extended = shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0;
  const maskAt = 2 + extended;
  if (bytes.length < maskAt + 4) return { type: "incomplete" };
  const length = extended === 0 ? shortLength : Number(BigInt(`0x${bytes.toString("hex", 2, maskAt)}`));
  if (length > MAX_PAYLOAD_BYTES) return { type: "violation", code: 1009 };
  const end = maskAt + 4 + length;
  if (bytes.length < end) return { type: "incomplete" };

  const payload = Buffer.from(bytes.subarray(maskAt + 4, end));
  for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (bytes[maskAt + (i & 3)] as number);
  return { type: "frame", opcode, payload, rest: bytes.subarray(end) };
}

/** One whole frame of a server: never masked (RFC 6455 §5.1). */
export function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head.writeUInt8(0x80 | opcode, 0);
  if (length < 126) head.writeUInt8(length, 1);
  else if (length < 0x10000) {
    head.writeUInt8(126, 1);
    head.writeUInt16BE(length, 2);
  } else {
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

export function closeFrame(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(OPCODE.close, payload);
}
