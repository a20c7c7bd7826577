import type { Duplex } from "node:stream";
import type { Incoming } from "./incoming.ts";
import type { Outgoing } from "./outgoing.ts";

/** A request as far as it matters on which connection it came. */
export interface OnConnection {
  readonly socket: Duplex;
}

/** An answer, and as much of its request as others on its connection want to know. */
export type AnswerUnderWay = Outgoing & {
  readonly req: Pick<Incoming, "method" | "url" | "rawHeaders" | "complete">;
};

const NONE: readonly AnswerUnderWay[] = [];

/** Which answers are under way, on which connection, in the order of their requests? */
export class UnderWay {
  /**
   * A list for as long as a connection is open, not one for as long as an answer is due: a Map that entries come to
   * and leave with every request is given one table after the other, each of which refers to the next. Once V8 has
   * taken one for old, it keeps all that follow, with every answer that was in them, until a full collection.
   */
  readonly #answers = new Map<Duplex, AnswerUnderWay[]>();

  /** One more, until it is closed. */
  add({ socket }: OnConnection, outgoing: AnswerUnderWay): void {
    const answers = this.#answers.get(socket) ?? this.#begin(socket);
    answers.push(outgoing);
    outgoing.on("close", () => {
      const at = answers.indexOf(outgoing);
      if (at !== -1) answers.splice(at, 1);
      if (socket.destroyed) this.#forget(socket);
    });
  }

  on(connection: Duplex): readonly AnswerUnderWay[] {
    const answers = this.#answers.get(connection);
    return answers === undefined || answers.length === 0 ? NONE : answers.slice();
  }

  /** The last answer of every connection that has one. */
  last(): AnswerUnderWay[] {
    return [...this.#answers.values()].flatMap((answers) => answers.slice(-1));
  }

  #begin(connection: Duplex): AnswerUnderWay[] {
    const answers: AnswerUnderWay[] = [];
    this.#answers.set(connection, answers);
    connection.once("close", () => this.#forget(connection));
    return answers;
  }

  /** Unless answers are due that have yet to hear of its end. */
  #forget(connection: Duplex): void {
    if (this.#answers.get(connection)?.length === 0) this.#answers.delete(connection);
  }
}
