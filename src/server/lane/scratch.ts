const SLAB_BYTES = 65_536;

/** Memory for what is put together and written at once: what nobody reads any more is written over by the next. */
export class Scratch {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** What is before it in there is still read from. */
  #at = 0;

  /** So many bytes, whatever is in them. They are the next one's, too, unless they are kept. */
  room(length: number): Buffer {
    if (length > SLAB_BYTES) return Buffer.allocUnsafeSlow(length);
    if (this.#at + length > SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#at = 0;
    }
    return this.#slab.subarray(this.#at, this.#at + length);
  }

  /** What was given last is still read from, and stays as it is. */
  keep({ buffer, byteOffset, length }: Buffer): void {
    if (buffer === this.#slab.buffer) this.#at = byteOffset + length;
  }
}
