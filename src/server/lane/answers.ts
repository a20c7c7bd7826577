import { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { PlainHead } from "./head.ts";

interface AnswersDeps {
  readonly socket: Socket;
  readonly keepAliveTimeoutMs: number;
  /** Called when an answer is written, and whether the connection ends with it. */
  readonly onWritten: (last: boolean) => void;
}

/**
 * The answers that are due on one connection, in the order of their requests: each as Node's own server
 * makes it, with its request, so that whoever answers cannot tell the difference.
 */
export class Answers {
  readonly #deps: AnswersDeps;
  readonly #due: ServerResponse[] = [];

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#due.length;
  }

  /** One more; its bytes wait for those before it. */
  add({ method, target, section }: PlainHead): { incoming: IncomingMessage; outgoing: ServerResponse } {
    const { socket, keepAliveTimeoutMs } = this.#deps;
    const incoming = Object.assign(new IncomingMessage(socket), {
      method,
      url: target,
      rawHeaders: [...section.fields],
      httpVersion: "1.1",
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      complete: true,
    });
    const outgoing = new ServerResponse(incoming);
    // As Node's server does, for the Keep-Alive field.
    Object.assign(outgoing, { shouldKeepAlive: section.keepAlive, _keepAliveTimeout: keepAliveTimeoutMs });
    outgoing.once("finish", () => this.#finished(outgoing));
    this.#due.push(outgoing);
    if (this.#due.length === 1) outgoing.assignSocket(socket);
    return { incoming, outgoing };
  }

  /** The connection takes bytes again. */
  drained(): void {
    const [current] = this.#due;
    if (current?.writableNeedDrain === true) current.emit("drain");
  }

  /** The connection is closed. Node tells the answer whose turn it was; the others have to hear it, too. */
  abandon(): void {
    for (const outgoing of this.#due.splice(0)) close(outgoing);
  }

  #finished(outgoing: ServerResponse): void {
    const { socket, onWritten } = this.#deps;
    this.#due.shift();
    outgoing.detachSocket(socket);
    process.nextTick(close, outgoing);
    const last = !outgoing.shouldKeepAlive;
    if (!last) this.#due[0]?.assignSocket(socket);
    onWritten(last);
  }
}

function close(outgoing: ServerResponse): void {
  if (outgoing.closed) return;
  outgoing.destroyed = true;
  outgoing.emit("close");
}
