import { EventEmitter } from "node:events";
import { ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type FieldLines, isToken } from "../../policy/fields.ts";
import { remembering } from "../../policy/remembering.ts";
import { isRepeated, rememberingLines } from "../../policy/repeated-lines.ts";
import type { Outgoing } from "../outgoing.ts";
import type { LaneRequest } from "./request.ts";

interface Head {
  readonly status: number;
  readonly message: string;
  readonly lines: FieldLines;
  /** Lines behind them, of this answer alone. */
  readonly own: FieldLines;
  /** The last of them as they are written, own ones included, and those before as bytes where they come again. */
  readonly text: string;
  readonly before: Uint8Array;
  /** Bytes of content that go with it. */
  readonly contentBytes: number;
}

/** So much is copied behind its head: one write of one buffer costs less than one of two. */
export const SHORT_BYTES = 8192;

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
    const isPlain = !(socket instanceof TLSSocket);
    socket.write(bytes, isPlain ? undefined : this.#onWritten);
    if (!isPlain) return;
    if (socket.writableLength > 0 || socket.errored !== null || socket.destroyed) {
      socket.write(NOTHING, this.#onWritten);
      return;
    }
    memory.free(bytes.length);
    process.nextTick(this.#onWritten);
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

const SLAB_BYTES = 65_536;

/** Where answers are put together: what was taken at once is memory for the next one. */
class AnswerMemory {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #at = 0;

  take(length: number): Buffer {
    if (this.#at + length > SLAB_BYTES) {
      if (length > SLAB_BYTES) return Buffer.allocUnsafe(length);
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#at = 0;
    }
    this.#at += length;
    return this.#slab.subarray(this.#at - length, this.#at);
  }

  /** Nobody reads any more from what was taken last, which was of so many bytes. */
  free(length: number): void {
    if (length <= this.#at) this.#at -= length;
  }
}

const memory = new AnswerMemory();

/** What Node does not write in a value or a reason phrase, either. */
const UNWRITABLE = /[^\t\x20-\x7e\x80-\xff]/;

/** What Node writes itself, or reads as an order. */
export const NODES_OWN: readonly string[] = [
  "connection",
  "keep-alive",
  "transfer-encoding",
  "trailer",
  "expect",
];

/** What is a line of this name here? `nodes`: Node writes it, or refuses it. Names come again and again. */
const kindOf = remembering((name): "plain" | "date" | "content-length" | "nodes" => {
  const lowerName = name.toLowerCase();
  if (!isToken(name) || NODES_OWN.includes(lowerName)) return "nodes";
  return lowerName === "date" || lowerName === "content-length" ? lowerName : "plain";
}, 256);

/** What lines are here. */
interface Lines {
  /** As they are written. */
  readonly text: string;
  readonly isDated: boolean;
  /** As Content-Length says. */
  readonly length: number | undefined;
}

/** Lines that Node has more to say of, or refuses. */
const NODES: Lines = { text: "", isDated: false, length: undefined };

const linesOf = rememberingLines((lines): Lines => {
  let isDated = false;
  let length: number | undefined;
  let values = "";
  let text = "";
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string;
    const value = lines[i + 1] as string;
    const kind = kindOf(name);
    if (kind === "nodes") return NODES;
    values += value;
    text += `${name}: ${value}\r\n`;
    if (kind === "date") isDated = true;
    else if (kind === "content-length") length = Number(value);
  }
  // One look at all of them costs half of what one at each does.
  return UNWRITABLE.test(values) ? NODES : { text, isDated, length };
});

const bytesOfLines = rememberingLines((lines) => {
  const { text } = linesOf(lines);
  // Of its own: a piece of Node's pool would keep all of that.
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, "latin1");
  return bytes;
});

/** These lines as they are written, and what is behind them; undefined where Node has more to say of them, or refuses them. */
function plainLines(
  { method }: LaneRequest,
  status: number,
  lines: FieldLines,
  own: FieldLines,
): Pick<Head, "text" | "before" | "contentBytes"> | undefined {
  const first = linesOf(lines);
  const last = linesOf(own);
  if (first === NODES || last === NODES || !(first.isDated || last.isDated)) return undefined;
  const hasNone = method === "HEAD" || status === 204 || status === 304;
  const contentBytes = hasNone ? 0 : (last.length ?? first.length);
  if (contentBytes === undefined) return undefined;
  return isRepeated(lines)
    ? { before: bytesOfLines(lines), text: last.text, contentBytes }
    : { before: NOTHING, text: first.text + last.text, contentBytes };
}

/** As Node writes it to a connection that is kept. */
function bytesOf(
  { status, message, before, text }: Head,
  content: Uint8Array,
  keepAliveTimeoutMs: number,
): Buffer {
  const statusLine = `HTTP/1.1 ${status} ${message}\r\n`;
  const rest = `${text}Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1000)}\r\n\r\n`;
  const at = statusLine.length + before.length;
  const bytes = memory.take(at + rest.length + content.length);
  if (before.length === 0) bytes.write(statusLine + rest, "latin1");
  else {
    bytes.write(statusLine, "latin1");
    bytes.set(before, statusLine.length);
    bytes.write(rest, at, "latin1");
  }
  bytes.set(content, at + rest.length);
  return bytes;
}
