import type { ByteStream } from "../cache/ports/body.ts";

/**
 * A request body on its way to an origin, which can be cut.
 *
 * undici waits for the next chunk even when the response has ended or the request was
 * aborted. `cut` ends that wait by a rejection, never by a clean end: a clean end would
 * complete the message at the origin.
 */
export class Upload implements AsyncIterable<Uint8Array> {
  readonly #stream: ByteStream;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #rejectPending: ((reason: unknown) => void) | undefined;
  #cut = false;
  #broken: unknown;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Was this error the body's own? Then the origin is not to blame. */
  brokeWith(error: unknown): boolean {
    return this.#broken !== undefined && this.#broken === error;
  }

  /** Wants nothing more from the client, and lets the stream know. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#rejectPending?.(new Error("the request is over"));
    this.#rejectPending = undefined;
    void this.#finish();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const iterator = this.#stream[Symbol.asyncIterator]();
    this.#iterator = iterator;
    return {
      next: () => this.#next(iterator),
      return: async () => {
        await this.#finish();
        return { done: true, value: undefined };
      },
    };
  }

  #next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    if (this.#cut) return Promise.reject(new Error("the request is over"));
    return new Promise((resolve, reject) => {
      this.#rejectPending = reject;
      iterator.next().then(resolve, (reason: unknown) => {
        this.#broken = reason ?? new Error("the request body broke off");
        reject(this.#broken);
      });
    });
  }

  async #finish(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    try {
      await iterator?.return?.();
    } catch {
      // It was told to stop; how it takes that is its own affair.
    }
  }
}
