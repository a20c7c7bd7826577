import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** Which answers are under way, on which connection, in the order of their requests? */
export class UnderWay {
  readonly #answers = new Map<Duplex, Set<ServerResponse>>();

  /** One more, until it is closed. */
  add({ socket }: IncomingMessage, outgoing: ServerResponse): void {
    const answers = this.#answers.get(socket) ?? new Set();
    this.#answers.set(socket, answers.add(outgoing));
    outgoing.once("close", () => {
      answers.delete(outgoing);
      if (answers.size === 0) this.#answers.delete(socket);
    });
  }

  on(connection: Duplex): readonly ServerResponse[] {
    return [...(this.#answers.get(connection) ?? [])];
  }

  /** The last answer of every connection that has one. */
  last(): ServerResponse[] {
    return [...this.#answers.keys()].flatMap((connection) => this.on(connection).slice(-1));
  }
}
