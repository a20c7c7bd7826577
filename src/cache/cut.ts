type Listener = (() => void) | { handleEvent(): void };

/** Says once that an answer is wanted no longer. An AbortSignal is one. */
export interface Cut {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** Throws the reason once it has been said. */
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: Listener, options?: { readonly once: true }): void;
  removeEventListener(type: "abort", listener: Listener): void;
}

const NONE: readonly Listener[] = [];

/** The one for requests: an AbortController costs a multiple of it, and each request would have two. */
export class Cutter implements Cut {
  #cut: { readonly reason: unknown } | undefined;
  /** One is the rule. */
  #first: Listener | undefined;
  #others: readonly Listener[] = NONE;

  get aborted(): boolean {
    return this.#cut !== undefined;
  }

  get reason(): unknown {
    return this.#cut?.reason;
  }

  throwIfAborted(): void {
    if (this.#cut !== undefined) throw this.#cut.reason;
  }

  addEventListener(_type: "abort", listener: Listener): void {
    if (this.#cut !== undefined) return;
    if (this.#first === undefined) this.#first = listener;
    else this.#others = [...this.#others, listener];
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    if (this.#first === listener) this.#next();
    else if (this.#others.length > 0) this.#others = this.#others.filter((each) => each !== listener);
  }

  cut(reason: unknown): void {
    if (this.#cut !== undefined) return;
    this.#cut = { reason };
    for (;;) {
      const listener = this.#first;
      if (listener === undefined) return;
      this.#next();
      if (typeof listener === "function") listener();
      else listener.handleEvent();
    }
  }

  #next(): void {
    const others = this.#others;
    this.#first = others[0];
    if (others.length > 0) this.#others = others.slice(1);
  }
}
