/** What is no longer goes out at once, and is not worth counting. */
const SHORT_BYTES = 65_536;

const NOTHING = (): void => {};

/**
 * How many bytes of bodies are in this process for the clients that they are being sent to?
 *
 * A body that a slow client takes lives on when the memory tier has let it go, and the next client
 * gets another copy. Each body counts once, however many clients it goes to.
 */
export class HeldBodies {
  readonly #limit: number;
  /** How many clients each body is being sent to, by the buffer that it is in. */
  readonly #clients = new Map<ArrayBufferLike, number>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Room for a body that is being brought here, until the returned function is called, once; undefined where there is none. */
  readonly reserve = (bytes: number): (() => void) | undefined => {
    if (this.#bytes + bytes > this.#limit) return undefined;
    this.#bytes += bytes;
    return () => {
      this.#bytes -= bytes;
    };
  };

  /** Counts a body that is being sent until the returned function is called, once. */
  readonly hold = ({ buffer, length }: Uint8Array): (() => void) => {
    if (length <= SHORT_BYTES) return NOTHING;
    const clients = this.#clients.get(buffer) ?? 0;
    if (clients === 0) this.#bytes += buffer.byteLength;
    this.#clients.set(buffer, clients + 1);
    return () => {
      const left = (this.#clients.get(buffer) ?? 1) - 1;
      if (left > 0) this.#clients.set(buffer, left);
      else {
        this.#clients.delete(buffer);
        this.#bytes -= buffer.byteLength;
      }
    };
  };
}
