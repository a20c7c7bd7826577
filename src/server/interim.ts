import { STATUS_CODES, validateHeaderName, validateHeaderValue } from "node:http";
import type { Socket } from "node:net";
import type { CacheRequest } from "../cache/exchange.ts";
import type { FieldLines } from "../policy/fields.ts";
import type { Outgoing } from "./outgoing.ts";
import { headOf } from "./raw-head.ts";

/**
 * Writes interim responses (RFC 9110 §15.2) ahead of the final one, and none behind its head.
 * Undefined for a client of HTTP/1.0, which knows none.
 *
 * Straight to the socket: Node's writeEarlyHints knows Link alone, and writeInformation is not
 * in every version that we run on. A response has a socket when it is its turn on the
 * connection; until then they wait, within the bounds that the origin's side keeps.
 */
export function interimWriter(outgoing: Outgoing): CacheRequest["onInterim"] {
  if (outgoing.req.httpVersion === "1.0") return undefined;
  const waiting: Buffer[] = [];
  return (status, fields) => {
    if (outgoing.headersSent || outgoing.destroyed) return;
    if (outgoing.writeInterim !== undefined) {
      outgoing.writeInterim(status, writableLines(fields));
      return;
    }
    const head = headOf(status, STATUS_CODES[status] ?? "", writableLines(fields));
    if (outgoing.socket !== null) {
      outgoing.socket.write(head);
      return;
    }
    // Before Node writes what it holds of the final response.
    if (waiting.length === 0) {
      outgoing.once("socket", (socket: Socket) => {
        for (const each of waiting) socket.write(each);
      });
    }
    waiting.push(head);
  };
}

/** The lines that Node would write. An origin's parser may let through what ours must not send on. */
export function writableLines(lines: FieldLines): string[] {
  const writable: string[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    const value = lines[i + 1] as string;
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      writable.push(name, value);
    } catch {
      // One line less: an interim response or a trailer section says nothing that is needed.
    }
  }
  return writable;
}
