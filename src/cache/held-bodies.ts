/** What is no longer, in no longer a buffer, is a copy of its own that goes out at once: not worth counting. */
export const SHORT_BYTES = 8192;
const SHORT_BUFFER_BYTES = 65_536;

const NOTHING = (): void => {};

/**
 * How many bytes of bodies are in this process for the clients that they are being sent to?
 *
 * A body that a slow client takes lives on when the memory tier has let it go: then it is stray. Each body
 * counts once, however many clients it goes to.
 */
export class HeldBodies {
  readonly #limit: number;
  /** How many clients each body is being sent to, by the buffer that it is in. */
  readonly #clients = new Map<ArrayBufferLike, number>();
  /** The memory tier has let these go. */
  readonly #left = new WeakSet<ArrayBufferLike>();
  #bytes = 0;
  #strayBytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of what is being sent though the memory tier has let it go. */
  get strayBytes(): number {
    return this.#strayBytes;
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
    if (length <= SHORT_BYTES && buffer.byteLength <= SHORT_BUFFER_BYTES) return NOTHING;
    const clients = this.#clients.get(buffer) ?? 0;
    this.#clients.set(buffer, clients + 1);
    if (clients === 0) this.#count(buffer, buffer.byteLength);
    return () => {
      const left = (this.#clients.get(buffer) ?? 1) - 1;
      if (left > 0) this.#clients.set(buffer, left);
      else {
        this.#clients.delete(buffer);
        this.#count(buffer, -buffer.byteLength);
      }
    };
  };

  isHeld({ buffer }: Uint8Array): boolean {
    return this.#clients.has(buffer);
  }

  /** The memory tier keeps the body, and counts it. */
  enter({ buffer }: Uint8Array): void {
    if (!this.#left.delete(buffer)) return;
    if (this.#clients.has(buffer)) this.#strayBytes -= buffer.byteLength;
  }

  /** The memory tier keeps the body no longer. */
  leave({ buffer }: Uint8Array): void {
    this.#left.add(buffer);
    if (this.#clients.has(buffer)) this.#strayBytes += buffer.byteLength;
  }

  #count(buffer: ArrayBufferLike, bytes: number): void {
    this.#bytes += bytes;
    if (this.#left.has(buffer)) this.#strayBytes += bytes;
  }
}
