import { validateHeaderName, validateHeaderValue } from "node:http";
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Writable } from "node:stream";
import { type FieldLines, HOP_BY_HOP } from "../policy/fields.ts";
import { HTTP2 } from "./incoming.ts";
import type { Outgoing } from "./outgoing.ts";

/** Fields that no message of HTTP/2 has (RFC 9113 §8.2.2); Trailer is none of them. */
const OF_A_CONNECTION: ReadonlySet<string> = new Set([...HOP_BY_HOP].filter((name) => name !== "trailer"));

/** Greater ones are invalid, for recipients to take as a 5xx (RFC 9110 §15). Node writes none of them in HTTP/2. */
const LAST_STATUS = 599;
const BAD_GATEWAY = 502;

/** One for all: nobody looks at it. */
const BROKEN_OFF = new Error("the answer broke off");

/** The answer on one stream of HTTP/2, written to as Node's own response of HTTP/1.1 is. */
export class H2Response extends Writable implements Outgoing {
  readonly req = { httpVersion: HTTP2 };
  readonly socket = null;
  // What HTTP/1.1 says of its connection: nothing here.
  shouldKeepAlive = true;
  useChunkedEncodingByDefault = true;
  headersSent = false;
  readonly #stream: ServerHttp2Stream;
  readonly #isHead: boolean;
  #hasContent = true;
  #waitsForTrailers = false;
  #trailers: [string, string][] = [];

  constructor(stream: ServerHttp2Stream, method: string) {
    super();
    this.#stream = stream;
    this.#isHead = method === "HEAD";
    // Whoever writes hears of both by "close".
    this.on("error", () => {});
    stream.on("error", () => {});
    stream.once("close", () => this.destroy());
    // So that its end comes, where nobody reads it.
    if (stream.endAfterHeaders) stream.resume();
  }

  /** Throws where a line has a character that it may not have; nothing is written then. */
  writeHead(status: number, ...message: [string[]] | [string, string[]]): void {
    const lines = message.at(-1) as string[];
    const fields = fieldsOf(status, lines);
    this.#hasContent = !this.#isHead && status !== 204 && status !== 304;
    // As in HTTP/1.1 they come behind chunks alone.
    this.#waitsForTrailers = this.#hasContent && !("content-length" in fields);
    if (this.#waitsForTrailers) this.#stream.once("wantTrailers", () => this.#sendTrailers());
    this.#stream.respond(fields, {
      endStream: !this.#hasContent,
      waitForTrailers: this.#waitsForTrailers,
    });
    this.headersSent = true;
  }

  writeInterim(status: number, lines: FieldLines): void {
    if (!this.#stream.closed) this.#stream.additionalHeaders(fieldsOf(status, lines));
  }

  addTrailers(pairs: [string, string][]): void {
    this.#trailers = pairs;
  }

  #sendTrailers(): void {
    if (this.#stream.closed) return;
    this.#stream.sendTrailers(joined(this.#trailers));
    this.#endRequest();
  }

  override _write(chunk: Buffer, _encoding: unknown, written: (error?: Error | null) => void): void {
    if (chunk.length === 0 || !this.#hasContent) written();
    else this.#stream.write(chunk, written);
  }

  override _final(ended: (error?: Error | null) => void): void {
    if (!this.#hasContent) this.#endRequest();
    else if (!this.#waitsForTrailers) this.#stream.once("finish", () => this.#endRequest());
    if (this.#hasContent) this.#stream.end(ended);
    else ended();
  }

  /** All is said: a client that still sends need not go on (RFC 9113 §8.1). */
  #endRequest(): void {
    if (this.#stream.readableEnded) return;
    // Behind the last frame, which is on its way now.
    setImmediate(() => this.#stream.close(constants.NGHTTP2_NO_ERROR));
  }

  /** The client must not take a part for the whole. */
  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    // Not `close`, which would send what is left, and a clean end, before the reset.
    if (!this.writableFinished) this.#stream.destroy(error ?? BROKEN_OFF);
    destroyed(error);
  }
}

/** Throws where a line has a character that it may not have: nobody behind this hop would look for it again. */
function fieldsOf(status: number, lines: FieldLines): OutgoingHttpHeaders {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    const value = lines[i + 1] as string;
    validateHeaderName(name);
    validateHeaderValue(name, value);
    pairs.push([name, value]);
  }
  const fields = joined(pairs);
  // It has none (RFC 9110 §8.6).
  if (status === 204 || status < 200) delete fields["content-length"];
  return Object.assign(fields, { ":status": status > LAST_STATUS ? BAD_GATEWAY : status });
}

/** Each name once, in lower case: Node refuses some fields that are repeated, and a list is the same in one line (RFC 9110 §5.3). */
function joined(pairs: readonly (readonly [string, string])[]): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of pairs) {
    const lowerName = name.toLowerCase();
    const before = fields[lowerName];
    if (OF_A_CONNECTION.has(lowerName)) continue;
    if (lowerName === "set-cookie") fields[lowerName] = [...(before ?? []), value];
    else fields[lowerName] = before === undefined ? value : `${before}, ${value}`;
  }
  return fields;
}
