import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/**
 * The status by which our side of a connection sees a 100 (Continue): one that nobody has
 * given a meaning, so that it stands for 100 by itself (RFC 9110 §15).
 */
export const STANDS_FOR_100 = 109;

const STATUS_LINE = Buffer.from("HTTP/1.1 100");
const MINOR_VERSION_AT = 7;
const CLASS_AT = 9;
const LAST_DIGIT_AT = 11;
const ZERO = 0x30;
const NINE = 0x39;
const CR = 0x0d;
const LF = 0x0a;

/**
 * What undici does not tell of a response, and what it takes amiss, read off its status line on
 * the way there.
 *
 * A 100 that nobody asked for has to be parsed all the same (RFC 9110 §15.2), and undici ends the
 * connection on it, alone among the interim responses. So one digit of it is changed, and the
 * parser judges the head as it does any other. It is looked at only where a response may begin:
 * behind a request, and behind an interim response to it; what follows the first digit of a final
 * status never is. Nothing is held back, so that it is all the same how the bytes are cut.
 */
export class StatusLine {
  /** The last response was one of HTTP/1.0. */
  isHttp10 = false;
  /** Requests that have been sent on the connection. */
  requests = 0;
  /** Bytes of a status line that match; none where no response is due. */
  #matched: number | undefined;
  /** Bytes of the empty line behind an interim head that match. */
  #emptyLine: number | undefined;
  #isContinue = false;

  sent(): void {
    this.requests++;
    this.expect();
  }

  /** A response may begin. */
  expect(): void {
    this.#matched = 0;
    this.#emptyLine = undefined;
    this.isHttp10 = false;
  }

  /** Changes the chunk in place. */
  read(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length && this.#matched !== undefined; i++) {
      const byte = chunk[i] as number;
      if (this.#emptyLine !== undefined) this.#endHead(byte, this.#emptyLine);
      else if (this.#isLastDigitOf100(byte, this.#matched)) chunk[i] = NINE;
    }
  }

  #isLastDigitOf100(byte: number, at: number): boolean {
    // An empty line before a message is none of it (RFC 9112 §2.2).
    if (at === 0 && (byte === CR || byte === LF)) return false;
    if (at === MINOR_VERSION_AT && byte === ZERO) this.isHttp10 = true;
    else if (at <= CLASS_AT && byte !== STATUS_LINE[at]) {
      this.#matched = undefined;
      return false;
    }
    this.#matched = at + 1;
    // HTTP/1.0 has no interim responses.
    this.#isContinue = at <= CLASS_AT ? !this.isHttp10 : this.#isContinue && byte === STATUS_LINE[at];
    if (at < LAST_DIGIT_AT) return false;
    this.#emptyLine = 0;
    return this.#isContinue;
  }

  #endHead(byte: number, matched: number): void {
    const wanted = matched % 2 === 0 ? CR : LF;
    this.#emptyLine = byte === wanted ? matched + 1 : byte === CR ? 1 : 0;
    if (this.#emptyLine === 4) this.expect();
  }
}

const statusLines = new WeakMap<object, StatusLine>();

// undici's word for a head that is about to be written, and the connection that it goes over.
subscribe("undici:client:sendHeaders", (message) => {
  statusLines.get((message as { readonly socket: Socket }).socket)?.sent();
});

let lastRead: StatusLine | undefined;

/** Watches where responses begin on a connection that undici is about to have. */
export function watchStatusLines(socket: Socket): StatusLine {
  const statusLine = new StatusLine();
  statusLines.set(socket, statusLine);
  const read = socket.read.bind(socket);
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size);
    lastRead = statusLine;
    if (chunk instanceof Uint8Array) statusLine.read(chunk);
    return chunk;
  };
  return statusLine;
}

/**
 * Is the response whose head is being handed over one of HTTP/1.0? undici parses what it reads before it
 * reads anything else, so that it is on the connection that was read last.
 */
export const isHttp10Response = (): boolean => lastRead?.isHttp10 === true;
