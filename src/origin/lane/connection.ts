import { connect, type Socket } from "node:net";
import type { FieldLines } from "../../policy/fields.ts";
import { reasonPhrase } from "../answer.ts";
import type { Carrier, Exchange } from "../exchange.ts";
import { ChunkReader } from "./chunks.ts";
import { LaneFault, malformed } from "./fault.ts";
import { checkTrailers, type Framing, framingOf } from "./framing.ts";
import type { Head, KnownHead } from "./known-head.ts";
import { SectionReader } from "./section.ts";

/** What a connection needs of its lane. */
export interface ConnectionDeps {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly knownHead: KnownHead;
  /** Milliseconds on the lane's own coarse clock. */
  readonly now: () => number;
  /** It stands, and carries nothing. */
  readonly free: (connection: Connection) => void;
  /** It has ended. */
  readonly gone: (connection: Connection) => void;
}

/** What one read brings at most. */
const READ_BYTES = 65_536;
/** Every connection reads into the same memory: all of a read is looked at, and what is kept copied, before the next. */
const MEMORY = Buffer.allocUnsafeSlow(READ_BYTES);
const TCP_KEEP_ALIVE_MS = 60_000;
/** How long one is kept that has carried nothing. */
const UNUSED_MS = 4_000;
const NO_LINES: FieldLines = [];

/**
 * One connection to an origin, which carries one exchange after another. It ends with whatever is no
 * response to what it carries, and what comes while it carries nothing is never read.
 */
export class Connection implements Carrier {
  readonly #deps: ConnectionDeps;
  readonly #socket: Socket;
  readonly #section: SectionReader;
  readonly #chunks = new ChunkReader();
  #exchange: Exchange | undefined;
  #stands = false;
  #ended = false;
  /** What of the body is to come; undefined while a head is awaited. */
  #content: Framing["content"] | undefined;
  #trailers = NO_LINES;
  #keepMs = UNUSED_MS;
  /** Responses that it has carried. */
  #answers = 0;
  #paused = false;
  #freeSince = 0;
  /** When it ends if nothing happens. */
  #endsAt: number;

  /** Is made for an exchange, and its request's head, which others may carry when it comes to stand. */
  constructor(deps: ConnectionDeps, exchange: Exchange, head: string) {
    this.#deps = deps;
    this.#section = new SectionReader(deps.maxHeaderBytes);
    this.#exchange = exchange;
    this.#endsAt = deps.now() + deps.connectTimeoutMs;
    this.#socket = connect({
      host: deps.host,
      port: deps.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      onread: { buffer: MEMORY, callback: this.#onRead },
    });
    this.#socket.once("connect", () => this.#onConnect(exchange, head));
    this.#socket.once("end", this.#onEnd);
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.once("close", () => this.#fail(new LaneFault("reset", "the connection was closed")));
  }

  /** On the lane's clock, as it was then; of one that is free. */
  get freeSince(): number {
    return this.#freeSince;
  }

  /** Writes a request's head; it has to be free. */
  carry(exchange: Exchange, head: string): void {
    this.#exchange = exchange;
    this.#content = undefined;
    this.#section.begin("head");
    this.#endsAt = this.#deps.now() + exchange.headMs;
    exchange.begin(this);
    this.#socket.write(head, "latin1");
  }

  pause(): void {
    this.#paused = true;
    this.#endsAt = Number.POSITIVE_INFINITY;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#endsAt = this.#deps.now() + this.#deps.bodyTimeoutMs;
    this.#socket.resume();
  }

  abort(reason: unknown): void {
    this.#fail(reason);
  }

  close(): void {
    this.#fail(new LaneFault("reset", "the client is closed"));
  }

  /** Ends it where it has waited for too long. */
  checkTime(now: number): void {
    if (now < this.#endsAt) return;
    if (!this.#stands) this.#fail(new LaneFault("connect", "no connection in time"));
    else if (this.#content === undefined) this.#fail(new LaneFault("timeout", "no head in time"));
    else this.#fail(new LaneFault("timeout", "nothing more of the body in time"));
  }

  #onConnect(exchange: Exchange, head: string): void {
    if (this.#ended) return;
    this.#stands = true;
    if (!exchange.ended) {
      this.carry(exchange, head);
      return;
    }
    this.#release();
    exchange.failed(new Error("aborted while a connection was made"), false);
  }

  readonly #onRead = (length: number): boolean => {
    const exchange = this.#exchange;
    try {
      // What comes while nothing was asked for is the answer to nothing.
      if (exchange === undefined) this.#end();
      else this.#read(exchange, length);
    } catch (cause) {
      this.#fail(cause);
    }
    return true;
  };

  #read(exchange: Exchange, length: number): void {
    let at = 0;
    if (this.#content === undefined) exchange.responseBegan();
    while (at < length && this.#exchange === exchange) {
      at =
        this.#content === undefined
          ? this.#readHead(exchange, at, length)
          : this.#readBody(exchange, at, length);
      if (this.#content === 0 && this.#exchange === exchange) {
        this.#complete(exchange, at < length);
        return;
      }
    }
  }

  #readHead(exchange: Exchange, at: number, length: number): number {
    const section = this.#section;
    const { knownHead } = this.#deps;
    const { method } = exchange.request;
    const known = method === "GET" && section.isUntouched ? knownHead.at(MEMORY, at, length) : undefined;
    if (known !== undefined) {
      this.#onHead(exchange, known);
      return at + known.text.length;
    }
    const end = section.read(MEMORY, at, length);
    if (end === -1) return length;
    const { status, text } = section;
    const fields = section.fieldLines();
    const { content, keepMs } = framingOf(method, section, fields);
    if (status < 200) {
      this.#onInterim(exchange, status, fields);
      return end;
    }
    const statusMessage = reasonOf(section.reason);
    const head = { text, status, statusMessage, fields, content, keepMs: method === "HEAD" ? 0 : keepMs };
    if (method === "GET") knownHead.keep(head);
    this.#onHead(exchange, head);
    return end;
  }

  #onHead(exchange: Exchange, { status, statusMessage, fields, content, keepMs }: Head): void {
    exchange.headArrived();
    this.#content = content;
    if (content === "chunks") this.#chunks.begin();
    this.#keepMs = keepMs;
    this.#endsAt = this.#deps.now() + this.#deps.bodyTimeoutMs;
    exchange.respond({ status, statusMessage, fields, closeDelimited: content === "close" });
  }

  #onInterim(exchange: Exchange, status: number, fields: FieldLines): void {
    if (status === 101) throw malformed("a change of protocols that nobody asked for");
    if (this.#section.isHttp10) throw malformed("an interim response in HTTP/1.0");
    this.#section.begin("head");
    this.#endsAt = this.#deps.now() + exchange.headMs;
    exchange.interim(status, fields);
  }

  #readBody(exchange: Exchange, at: number, length: number): number {
    const content = this.#content;
    if (!this.#paused) this.#endsAt = this.#deps.now() + this.#deps.bodyTimeoutMs;
    if (content === "chunks") return this.#readChunks(at, length);
    const end = typeof content === "number" ? Math.min(length, at + content) : length;
    if (typeof content === "number") this.#content = content - (end - at);
    exchange.data(copied(at, end));
    return end;
  }

  #readChunks(at: number, length: number): number {
    const chunks = this.#chunks;
    if (!chunks.atTrailers) {
      const end = chunks.read(MEMORY, at, length, this.#onChunk);
      if (chunks.atTrailers) this.#section.begin("trailers");
      return end;
    }
    const end = this.#section.read(MEMORY, at, length);
    if (end === -1) return length;
    this.#trailers = this.#section.fieldLines();
    checkTrailers(this.#trailers);
    this.#content = 0;
    return end;
  }

  readonly #onChunk = (from: number, to: number): void => this.#exchange?.data(copied(from, to));

  readonly #onEnd = (): void => {
    const exchange = this.#exchange;
    if (exchange !== undefined && this.#content === "close") this.#complete(exchange, false);
    else this.#fail(new LaneFault("reset", "the origin has ended the connection"));
  };

  /** `more`: bytes have come behind the response, which are none of it. */
  #complete(exchange: Exchange, more: boolean): void {
    const trailers = this.#trailers;
    this.#trailers = NO_LINES;
    this.#answers++;
    // What is left of a request that was answered early would go before the next one.
    if (more || this.#keepMs === 0 || this.#socket.writableLength > 0) this.#end();
    else this.#release();
    exchange.complete(trailers);
  }

  #release(): void {
    this.#exchange = undefined;
    if (this.#paused) this.resume();
    this.#freeSince = this.#deps.now();
    this.#endsAt = this.#freeSince + this.#keepMs;
    this.#deps.free(this);
  }

  #fail(cause: unknown): void {
    const exchange = this.#exchange;
    this.#end();
    exchange?.failed(cause, this.#answers > 0);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exchange = undefined;
    this.#endsAt = Number.POSITIVE_INFINITY;
    this.#socket.destroy();
    this.#deps.gone(this);
  }
}

function copied(from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  MEMORY.copy(copy, 0, from, to);
  return copy;
}

/** As undici gives it: what is not UTF-8 is no phrase. */
const reasonOf = (phrase: string): string =>
  reasonPhrase(/[\x80-\xff]/.test(phrase) ? Buffer.from(phrase, "latin1").toString("utf8") : phrase);
