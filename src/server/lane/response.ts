import { EventEmitter } from "node:events";
import { ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type FieldLines, isToken } from "../../policy/fields.ts";
import { remembering } from "../../policy/remembering.ts";
import type { Outgoing } from "../outgoing.ts";
import { linesOfHead } from "../raw-head.ts";
import type { LaneRequest } from "./request.ts";

interface Head {
  readonly status: number;
  readonly message: string;
  readonly lines: string[];
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
    const [message, lines] =
      typeof given === "string" ? [given, behind] : [STATUS_CODES[status] ?? "unknown", given];
    const isPlain = this.#hasTurn && this.#shouldKeepAlive && this.#keepAliveTimeoutMs >= 1000;
    const contentBytes = isPlain ? contentBehind(this.req, status, lines) : undefined;
    if (contentBytes === undefined || UNWRITABLE.test(message))
      this.#made().writeHead(status, message, lines);
    else this.#head = { status, message, lines, contentBytes };
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
    this.req.socket.write(bytesOf(head, content, this.#keepAliveTimeoutMs), (error) => {
      if (error !== undefined && error !== null) return;
      this.#isWritten = true;
      this.emit("finish");
    });
  }

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
    if (this.#head !== undefined) node.writeHead(this.#head.status, this.#head.message, this.#head.lines);
    return node;
  }
}

const NOTHING = new Uint8Array();

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

/** Bytes of content behind this head; undefined where Node has more to say of it, or refuses it. */
function contentBehind({ method }: LaneRequest, status: number, lines: FieldLines): number | undefined {
  let isDated = false;
  let length: number | undefined;
  let values = "";
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const value = lines[i + 1] as string;
    const kind = kindOf(lines[i] as string);
    if (kind === "nodes") return undefined;
    values += value;
    if (kind === "date") isDated = true;
    else if (kind === "content-length") length = Number(value);
  }
  // One look at all of them costs half of what one at each does.
  if (!isDated || UNWRITABLE.test(values)) return undefined;
  return method === "HEAD" || status === 204 || status === 304 ? 0 : length;
}

/** As Node writes it to a connection that is kept. */
function bytesOf({ status, message, lines }: Head, content: Uint8Array, keepAliveTimeoutMs: number): Buffer {
  let text = linesOfHead(status, message, lines);
  text += `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1000)}\r\n\r\n`;
  const bytes = Buffer.allocUnsafe(text.length + content.length);
  bytes.write(text, "latin1");
  bytes.set(content, text.length);
  return bytes;
}
