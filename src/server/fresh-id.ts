import { randomFillSync } from "node:crypto";

/** So many are made at once. */
const BATCH = 128;
const RANDOM_BYTES = 16;
/** The length of a UUID as text. */
export const ID_LENGTH = 36;

const HEX = Buffer.from("0123456789abcdef");
/** Before which random bytes the text has a hyphen (RFC 9562 §4). */
const HYPHENS: ReadonlySet<number> = new Set([4, 6, 8, 10]);
const VERSION_AT = 6;
const VARIANT_AT = 8;

const random = Buffer.alloc(BATCH * RANDOM_BYTES);
const text = Buffer.alloc(BATCH * ID_LENGTH, "-");
let at = text.length;

/**
 * A random UUID (version 4), in lower case: an id for a request that brings none. Node's own comes as a string of
 * twenty pieces, which are joined when the id is written: that costs as much again.
 */
export function freshId(): string {
  if (at === text.length) makeBatch();
  const end = at + ID_LENGTH;
  const id = text.toString("latin1", at, end);
  at = end;
  return id;
}

function makeBatch(): void {
  randomFillSync(random);
  let to = 0;
  for (let i = 0; i < random.length; i++) {
    const place = i % RANDOM_BYTES;
    let byte = random[i] as number;
    if (place === VERSION_AT) byte = (byte & 0x0f) | 0x40;
    else if (place === VARIANT_AT) byte = (byte & 0x3f) | 0x80;
    if (HYPHENS.has(place)) to++;
    text[to++] = HEX[byte >> 4] as number;
    text[to++] = HEX[byte & 0x0f] as number;
  }
  at = 0;
}
