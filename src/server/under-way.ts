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
  /** None of them is empty. */
  readonly #answers = new Map<Duplex, AnswerUnderWay[]>();

  /** One more, until it is closed. */
  add({ socket }: OnConnection, outgoing: AnswerUnderWay): void {
    const answers = this.#answers.get(socket);
    if (answers === undefined) this.#answers.set(socket, [outgoing]);
    else answers.push(outgoing);
    outgoing.once("close", () => this.#remove(socket, outgoing));
  }

  on(connection: Duplex): readonly AnswerUnderWay[] {
    return this.#answers.get(connection)?.slice() ?? NONE;
  }

  /** The last answer of every connection that has one. */
  last(): AnswerUnderWay[] {
    return [...this.#answers.values()].flatMap((answers) => answers.slice(-1));
  }

  #remove(connection: Duplex, outgoing: AnswerUnderWay): void {
    const answers = this.#answers.get(connection) ?? [];
    if (answers.length > 1) answers.splice(answers.indexOf(outgoing), 1);
    else this.#answers.delete(connection);
  }
}
