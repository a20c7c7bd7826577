import type { Socket } from "node:net";
import type { SectionFacts } from "./facts.ts";
import type { PlainHead } from "./head.ts";
import { LaneRequest } from "./request.ts";
import { LaneResponse } from "./response.ts";

interface AnswersDeps {
  readonly socket: Socket;
  readonly keepAliveTimeoutMs: number;
  /** Called when an answer is written, and whether the connection ends with it. */
  readonly onWritten: (last: boolean) => void;
}

/**
 * The answers that are due on one connection, in the order of their requests, each with its request. Whoever
 * answers cannot tell them from those of Node's own server.
 */
export class Answers {
  readonly #deps: AnswersDeps;
  readonly #due: LaneResponse[] = [];

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#due.length;
  }

  /** One more; its bytes wait for those before it. */
  add(head: PlainHead, facts?: SectionFacts): { incoming: LaneRequest; outgoing: LaneResponse } {
    const { socket, keepAliveTimeoutMs } = this.#deps;
    const incoming = new LaneRequest(head, socket, facts);
    const outgoing = new LaneResponse(incoming, head.section.keepAlive, keepAliveTimeoutMs);
    outgoing.on("finish", () => this.#finished(outgoing));
    this.#due.push(outgoing);
    if (this.#due.length === 1) outgoing.takeTurn();
    return { incoming, outgoing };
  }

  /** The connection takes bytes again. */
  drained(): void {
    const [current] = this.#due;
    if (current?.writableNeedDrain === true) current.emit("drain");
  }

  /** The connection is closed, and they have to hear it. */
  abandon(): void {
    for (const outgoing of this.#due.splice(0)) outgoing.close();
  }

  #finished(outgoing: LaneResponse): void {
    this.#due.shift();
    outgoing.endTurn();
    process.nextTick(close, outgoing);
    const last = !outgoing.shouldKeepAlive;
    if (!last) this.#due[0]?.takeTurn();
    this.#deps.onWritten(last);
  }
}

const close = (outgoing: LaneResponse): void => outgoing.close();
