import type { ServerResponse } from "node:http";
import { takeRoom, withHead } from "../cache/ports/body-room.ts";
import { ID_LENGTH } from "./fresh-id.ts";
import { isTaken, settles } from "./write-response.ts";

/** An answer of which everything is there but the id of its request, and its content where that is long. */
export interface PreparedText {
  readonly before: string;
  /** With the content, where that is short: Node writes text with its head in one piece, and bytes in another. */
  readonly behind: string;
  /** The text as bytes, with a place for an id, where the content goes behind it. */
  readonly head: Buffer | undefined;
  readonly idAt: number;
}

/** Where Node keeps the head of a response until it writes it, and whether it has, which it documents nowhere. */
type Inner = ServerResponse & { _header?: string | null; _headerSent?: boolean };

/**
 * Writes an answer whose head is there as text, with its content in it or `apart`, as Node's `writeHead` and `end` would
 * write it to a connection that is kept: to make the head of its lines costs Node a tenth of a hit. `taken` where the
 * system has all of it, else whether it was written in time. Undefined where the connection is not kept, or Node keeps
 * its heads elsewhere by now; nothing was done then.
 */
export function writePrepared(
  outgoing: ServerResponse,
  answer: PreparedText,
  apart: Uint8Array | undefined,
  id: string,
  writeTimeoutMs: number,
): "taken" | Promise<boolean> | undefined {
  if (outgoing.destroyed || outgoing.headersSent || !outgoing.shouldKeepAlive) return undefined;
  const { before, behind } = answer;
  const inner: Inner = outgoing;
  const whole = inner._headerSent === false ? inOnePiece(outgoing, answer, apart, id) : undefined;
  inner._header = before + id + behind;
  if (!outgoing.headersSent) return undefined;
  if (whole !== undefined) {
    inner._headerSent = true;
    outgoing.socket?.write(whole);
  }
  if (apart === undefined || whole !== undefined) outgoing.end();
  else outgoing.end(apart);
  if (isTaken(outgoing)) return "taken";
  const written = settles(outgoing, "finish", writeTimeoutMs);
  // Its bytes are still read from.
  return apart === undefined || whole === undefined ? written : written.finally(takeRoom(apart));
}

/** Head and content, where there is room for that and the connection is this answer's. */
function inOnePiece(
  { socket }: ServerResponse,
  { head, idAt }: PreparedText,
  apart: Uint8Array | undefined,
  id: string,
): Buffer | undefined {
  if (head === undefined || apart === undefined || id.length !== ID_LENGTH || socket?.writable !== true)
    return undefined;
  head.write(id, idAt, ID_LENGTH, "latin1");
  return withHead(head, apart);
}
