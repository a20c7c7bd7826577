/** Somebody who waits, and not for ever. */
export abstract class Waiting {
  /** On the clock of `performance.now()`; undefined while it does not wait. */
  at: number | undefined;
  before: Waiting | undefined;
  after: Waiting | undefined;

  /** Called once when the time is over, and it has not ended before. Does not throw. */
  abstract late(): void;
}

/**
 * Who has waited for so many milliseconds? One timer for all: one for each would cost as much as
 * what is waited for. It may be a millisecond late, and keeps no process alive.
 */
export class Deadlines {
  readonly #ms: number;
  /** In the order of their times, as each waits equally long. */
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  begin(waiting: Waiting): void {
    waiting.at = performance.now() + this.#ms;
    waiting.before = this.#last;
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.after = waiting;
    this.#last = waiting;
    if (this.#timer === undefined) this.#expect(this.#ms);
  }

  /** It has what it waited for; nothing where it does not wait any more. */
  end(waiting: Waiting): void {
    if (waiting.at === undefined) return;
    const { before, after } = waiting;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    waiting.at = undefined;
    waiting.before = undefined;
    waiting.after = undefined;
  }

  #expect(ms: number): void {
    this.#timer = setTimeout(this.#look, Math.ceil(ms)).unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (let first = this.#first; first?.at !== undefined && first.at <= now; first = this.#first) {
      this.end(first);
      first.late();
    }
    if (this.#timer === undefined && this.#first?.at !== undefined) this.#expect(this.#first.at - now);
  };
}
