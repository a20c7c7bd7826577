import type { Socket } from "node:net";
import type { Sending } from "./at-once.ts";

/** Answers that were written at once, and not taken at once: is the connection still at one? */
export class WrittenAtOnce {
  readonly #socket: Socket;
  readonly #onTaken: () => void;
  #sending: Sending | undefined;
  #late: NodeJS.Timeout | undefined;

  /** `onTaken` is called when the connection has taken all of it. */
  constructor(socket: Socket, onTaken: () => void) {
    this.#socket = socket;
    this.#onTaken = onTaken;
  }

  get underWay(): boolean {
    return this.#sending !== undefined;
  }

  /** The next, once the one before is taken; a client that does not take all of it in so long is cut. */
  add(answer: Sending, writeTimeoutMs: number): void {
    this.#sending = answer;
    this.#late = setTimeout(() => this.#socket.destroy(), writeTimeoutMs);
  }

  /** It is taken, or never will be. */
  readonly onWritten = (error?: Error | null): void => {
    if (this.#sending === undefined) return;
    const aborted = error !== undefined && error !== null;
    this.#end(aborted);
    if (!aborted) this.#onTaken();
  };

  /** The connection is closed. */
  abandon(): void {
    this.#end(true);
  }

  #end(aborted: boolean): void {
    clearTimeout(this.#late);
    const sending = this.#sending;
    this.#sending = undefined;
    sending?.end(aborted);
  }
}
