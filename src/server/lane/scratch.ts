const SLAB_BYTES = 65_536;
/** Views that may be asked for again; a power of two. */
const VIEWS = 64;

/** Memory for what is put together and written at once: what nobody reads any more is written over by the next. */
export class Scratch {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** What is before it in there is still read from. */
  #at = 0;
  /** Of what is behind that, by the last bits of their length. */
  #views: (Buffer | undefined)[] = Array(VIEWS);

  /** So many bytes, whatever is in them. They are the next one's, too, unless they are kept. */
  room(length: number): Buffer {
    if (length > SLAB_BYTES) return Buffer.allocUnsafeSlow(length);
    if (this.#at + length > SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#begin(0);
    }
    const known = this.#views[length & (VIEWS - 1)];
    if (known?.length === length) return known;
    const view = this.#slab.subarray(this.#at, this.#at + length);
    this.#views[length & (VIEWS - 1)] = view;
    return view;
  }

  /** What was given last is still read from, and stays as it is. */
  keep({ buffer, byteOffset, length }: Buffer): void {
    if (buffer === this.#slab.buffer) this.#begin(byteOffset + length);
  }

  #begin(at: number): void {
    this.#at = at;
    this.#views.fill(undefined);
  }
}
