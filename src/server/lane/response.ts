import { EventEmitter } from "node:events";
import { ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type FieldLines, UNWRITABLE } from "../../policy/fields.ts";
import type { Outgoing } from "../outgoing.ts";
import { bytesOf, type Head, plainLines, SHORT_BYTES, scratch } from "./answer-bytes.ts";
import type { LaneRequest } from "./request.ts";

/**
 * An answer in the lane, written to as Node's own response is. Where all of it is there at once, and Node has
 * nothing to say of it but what it says of each, it is one write; else Node's own is made, and writes.
 */
export class LaneResponse extends EventEmitter implements Outgoing {
  readonly req: LaneRequest;
  useChunkedEncodingByDefault = true;
  destroyed = false;
  readonly #keepAliveTimeoutMs: number;
  #shouldKeepAlive: boolean;
  #hasTurn = false;
  #head: Head | undefined;
  #node: ServerResponse | undefined;
  #isWritten = false;
  #isClosed = false;

  constructor(req: LaneRequest, shouldKeepAlive: boolean, keepAliveTimeoutMs: number) {
    super();
    this.req = req;
    this.#shouldKeepAlive = shouldKeepAlive;
    this.#keepAliveTimeoutMs = keepAliveTimeoutMs;
  }

  get headersSent(): boolean {
    return this.#head !== undefined || this.#node?.headersSent === true;
  }

  /** While it is its turn. */
  get socket(): Socket | null {
    return this.#hasTurn ? this.req.socket : null;
  }

  get writableFinished(): boolean {
    return this.#node?.writableFinished ?? this.#isWritten;
  }

  get writableNeedDrain(): boolean {
    return this.#node?.writableNeedDrain ?? false;
  }

  get shouldKeepAlive(): boolean {
    return this.#node?.shouldKeepAlive ?? this.#shouldKeepAlive;
  }

  set shouldKeepAlive(keep: boolean) {
    this.#shouldKeepAlive = keep;
    if (this.#node !== undefined) this.#node.shouldKeepAlive = keep;
  }

  /** From now on it may write to the connection. */
  takeTurn(): void {
    this.#hasTurn = true;
    // Whoever waits for it may write ahead of what Node holds.
    this.emit("socket", this.req.socket);
    this.#node?.assignSocket(this.req.socket);
  }

  endTurn(): void {
    this.#hasTurn = false;
    this.#node?.detachSocket(this.req.socket);
  }

  /** Throws where a line cannot be written; nothing is, then. */
  writeHead(status: number, lines: string[]): void;
  writeHead(status: number, message: string, lines: string[]): void;
  writeHead(status: number, given: string | string[], behind: string[] = []): void {
    if (typeof given === "string") this.writeHeadOf(status, given, behind, []);
    else this.writeHeadOf(status, "", given, []);
  }

  writeHeadOf(status: number, given: string, lines: FieldLines, own: readonly string[]): void {
    const message = given === "" ? (STATUS_CODES[status] ?? "unknown") : given;
    const isPlain = this.#hasTurn && this.#shouldKeepAlive && this.#keepAliveTimeoutMs >= 1000;
    const plain = isPlain ? plainLines(this.req, status, lines, own) : undefined;
    if (plain === undefined || UNWRITABLE.test(message))
      this.#made().writeHead(status, message, [...lines, ...own]);
    else this.#head = { status, message, lines, own, ...plain };
  }

  write(chunk: Uint8Array): boolean;
  write(text: string, encoding: "latin1"): boolean;
  write(chunk: Uint8Array | string): boolean {
    return this.#made().write(chunk, "latin1");
  }

  addTrailers(pairs: [string, string][]): void {
    this.#made().addTrailers(pairs);
  }

  end(content: Uint8Array = NOTHING): void {
    const head = this.#head;
    const { length } = content;
    if (this.#node !== undefined || head?.contentBytes !== length || length > SHORT_BYTES) {
      this.#made().end(content);
      return;
    }
    const { socket } = this.req;
    const bytes = bytesOf(head, content, this.#keepAliveTimeoutMs);
    // Node is quicker with a write that nobody is told of; what is encrypted is seldom taken at once.
    if (socket instanceof TLSSocket) {
      scratch.keep(bytes);
      socket.write(bytes, this.#onWritten);
      return;
    }
    socket.write(bytes);
    if (socket.writableLength === 0 && socket.errored === null && !socket.destroyed) {
      process.nextTick(this.#onWritten);
      return;
    }
    scratch.keep(bytes);
    socket.write(NOTHING, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return;
    this.#isWritten = true;
    this.emit("finish");
  };

  /** Breaks the connection off, where it is its turn. */
  destroy(): void {
    this.destroyed = true;
    if (this.#hasTurn) this.req.socket.destroy();
    else this.once("socket", (socket: Socket) => socket.destroy());
  }

  /** Nothing more comes of it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.destroyed = true;
    this.emit("close");
  }

  #made(): ServerResponse {
    if (this.#node !== undefined) return this.#node;
    const node = new ServerResponse(this.req.forNode());
    this.#node = node;
    // As Node's server does, for the Keep-Alive field.
    Object.assign(node, { _keepAliveTimeout: this.#keepAliveTimeoutMs });
    node.shouldKeepAlive = this.#shouldKeepAlive;
    node.on("drain", () => this.emit("drain"));
    node.once("finish", () => this.emit("finish"));
    if (this.#hasTurn) node.assignSocket(this.req.socket);
    if (this.#head !== undefined) {
      const { status, message, lines, own } = this.#head;
      node.writeHead(status, message, [...lines, ...own]);
    }
    return node;
  }
}

const NOTHING = new Uint8Array();
