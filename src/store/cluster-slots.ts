import type { RedisServer } from "./redis-address.ts";

export const SLOTS = 16_384;

/** CRC-16/XMODEM of each byte, as the Redis Cluster specification asks for. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** Which of the 16 384 slots has this key? Only what stands in the first braces counts, when something does. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) ^ (CRC16[(crc >> 8) ^ byte] ?? 0)) & 0xffff;
  return crc % SLOTS;
}

/** A range of slots and the master that has it. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly master: RedisServer;
}

/** Reads the answer to CLUSTER SLOTS. A node that does not know its own host is where it was `asked`. Throws when it is none. */
export function parseSlots(reply: unknown, asked: string): SlotRange[] {
  if (!Array.isArray(reply)) throw new Error("CLUSTER SLOTS answered something else");
  return reply.map((range: unknown) => {
    const [first, last, [host, port] = []] = range as [unknown, unknown, unknown[]?];
    const sound = (slot: unknown): slot is number =>
      Number.isInteger(slot) && Number(slot) >= 0 && Number(slot) < SLOTS;
    if (!sound(first) || !sound(last) || !Number.isInteger(port)) {
      throw new Error("CLUSTER SLOTS answered something else");
    }
    return { first, last, master: { host: host ? String(host) : asked, port: Number(port) } };
  });
}

/** Where a key is instead: for good (MOVED), or for this one command while its slot is on its way (ASK). */
export interface Redirection {
  readonly type: "moved" | "ask";
  readonly slot: number;
  readonly server: RedisServer;
}

/** Is this what a node says that does not have the key? A node that does not know its host is where it was `asked`. */
export function redirectionIn(message: string, asked: string): Redirection | undefined {
  const match = /^(MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})$/.exec(message);
  if (match === null || Number(match[2]) >= SLOTS) return undefined;
  return {
    type: match[1] === "MOVED" ? "moved" : "ask",
    slot: Number(match[2]),
    server: { host: match[3] || asked, port: Number(match[4]) },
  };
}
