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

/** The one for requests: an AbortController costs a multiple of it, and each request would have two. */
export class Cutter implements Cut {
  #cut: { readonly reason: unknown } | undefined;
  #listeners: readonly Listener[] = [];

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
    if (this.#cut === undefined) this.#listeners = [...this.#listeners, listener];
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    this.#listeners = this.#listeners.filter((each) => each !== listener);
  }

  cut(reason: unknown): void {
    if (this.#cut !== undefined) return;
    this.#cut = { reason };
    for (;;) {
      const [listener, ...others] = this.#listeners;
      if (listener === undefined) return;
      this.#listeners = others;
      if (typeof listener === "function") listener();
      else listener.handleEvent();
    }
  }
}
