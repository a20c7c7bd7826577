import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { CacheResponse } from "../cache/exchange.ts";
import { formatHttpDate } from "../policy/http-date.ts";
import { endAndLinger } from "./linger.ts";
import { headOf } from "./raw-head.ts";

/** Writes an answer of our own where Node has no response for it, and ends the connection; answers the bytes of its body. */
export function endWith(
  socket: Duplex,
  { status, fields, body }: CacheResponse,
  added: readonly string[],
): number {
  const lines = [...fields, "Date", formatHttpDate(Date.now()), ...added, "Connection", "close"];
  const bytes = body.type === "bytes" ? body.bytes : new Uint8Array();
  const head = headOf(status, STATUS_CODES[status] ?? "", lines);
  socket.write(Buffer.concat([head, bytes]));
  // Who was too slow has had time enough.
  endAndLinger(socket, status === 408 ? 0 : undefined);
  return bytes.length;
}
