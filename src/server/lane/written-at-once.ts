import type { Socket } from "node:net";
import type { Sending } from "./at-once.ts";

/** Answers that were written at once: is the connection still taking the last of them? */
export class WrittenAtOnce {
  readonly #socket: Socket;
  readonly #onTaken: () => void;
  #sending: Sending | undefined;
  /** Of how many it has not been heard that they are taken. */
  #unheard = 0;
  #late: NodeJS.Timeout | undefined;

  /** `onTaken` is called when the connection has taken all of one that was under way. */
  constructor(socket: Socket, onTaken: () => void) {
    this.#socket = socket;
    this.#onTaken = onTaken;
  }

  get underWay(): boolean {
    return this.#sending !== undefined;
  }

  /** One more; a client that takes nothing of it for so long is cut. */
  add(answer: Sending | "sent", writeTimeoutMs: number): void {
    this.#unheard++;
    if (answer === "sent") return;
    this.#sending = answer;
    this.#late = setTimeout(() => this.#socket.destroy(), writeTimeoutMs);
  }

  /** The first of those that have not been heard of is taken, or never will be. */
  readonly onWritten = (error?: Error | null): void => {
    this.#unheard--;
    // What the system took at once is heard of late.
    if (this.#sending === undefined || this.#unheard > 0) return;
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
