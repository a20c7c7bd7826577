import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { FieldLines } from "../policy/fields.ts";

/** What of Node's ServerResponse an answer is written to; H2Response and LaneResponse have it as well. */
export interface Outgoing extends EventEmitter {
  readonly req: { readonly httpVersion: string };
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  /** Undefined where answers have no socket to wait for. */
  readonly socket: Socket | null;
  shouldKeepAlive: boolean;
  useChunkedEncodingByDefault: boolean;
  /** Throws where a line has a character that it may not have; nothing is written then. */
  writeHead(status: number, lines: string[]): unknown;
  writeHead(status: number, message: string, lines: string[]): unknown;
  /**
   * The same, where lines that come again are told from those of this answer alone, which go behind them;
   * without a message it is the status's own.
   */
  writeHeadOf?(status: number, message: string, lines: FieldLines, own: readonly string[]): unknown;
  /** False where the reader is slower than the writer: "drain" says when it takes more. */
  write(chunk: Uint8Array): boolean;
  write(text: string, encoding: "latin1"): boolean;
  addTrailers(pairs: [string, string][]): void;
  end(content?: Uint8Array): unknown;
  destroy(): unknown;
  /** Writes an interim response, where that is not done on the socket. */
  writeInterim?(status: number, lines: FieldLines): void;
}
