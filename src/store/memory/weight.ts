import type { Packed } from "./records.ts";
import { WASTE } from "./slabs.ts";

/** What one entry costs beyond its record: its places in the table of keys and in the columns, which grow by halves or double. As measured. */
const ENTRY_OVERHEAD = 160;
/** What a buffer of its own costs beyond its bytes. */
const BUFFER_OVERHEAD = 600;
/** What selecting fields cost beyond their characters, which are there four times. */
const SELECTING_OVERHEAD = 200;

/** What an entry takes of the process's memory, in bytes; bench/memory-weight.ts measures it. */
export function weigh(key: string, variant: string, { head, body, own }: Packed): number {
  const record = own ? head.bytes : head.bytes + body.length;
  const elsewhere = own ? body.buffer.byteLength + BUFFER_OVERHEAD : 0;
  const selecting = variant === "" ? 0 : SELECTING_OVERHEAD + key.length + 4 * variant.length;
  return ENTRY_OVERHEAD + Math.ceil(record / (1 - WASTE)) + elsewhere + selecting;
}
