import { CR, LF, SEMICOLON, ZERO } from "./characters.ts";
import { malformed } from "./fault.ts";

/** What is being read. */
const SIZE = 0;
const EXTENSIONS = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILERS = 6;
type State =
  | typeof SIZE
  | typeof EXTENSIONS
  | typeof SIZE_LF
  | typeof DATA
  | typeof DATA_CR
  | typeof DATA_LF
  | typeof TRAILERS;

/** Of a size, leading zeros among them: 4 PiB less a byte. */
const MOST_DIGITS = 13;
/** Of one chunk's extensions; nobody sends any. */
const MOST_EXTENSION_BYTES = 1024;
/** RFC 9112 §7.1.1, without whitespace, which is bad there. */
const EXTENSIONS_LINE =
  /^(?:;[!#$%&'*+.^_`|~\w-]+(?:=(?:[!#$%&'*+.^_`|~\w-]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/;

/** Reads a body in chunks (RFC 9112 §7.1), strictly, up to its trailer section, in bytes that come in any pieces. */
export class ChunkReader {
  #state: State = SIZE;
  #size = 0;
  #digits = 0;
  #extensions = "";

  begin(): void {
    this.#state = SIZE;
    this.#size = 0;
    this.#digits = 0;
  }

  /** The last chunk has come: what follows is the trailer section. */
  get atTrailers(): boolean {
    return this.#state === TRAILERS;
  }

  /**
   * Reads on from `at` up to `length`, or to the trailer section, and answers how far; `take` is given the chunks'
   * bytes. Throws a LaneFault.
   */
  read(bytes: Buffer, at: number, length: number, take: (from: number, to: number) => void): number {
    let i = at;
    while (i < length) {
      const byte = bytes[i] as number;
      switch (this.#state) {
        case SIZE:
          this.#onSize(byte);
          break;
        case EXTENSIONS:
          this.#onExtensions(byte);
          break;
        case SIZE_LF:
          if (byte !== LF) throw malformed("a chunk size that does not end");
          this.#state = this.#size === 0 ? TRAILERS : DATA;
          break;
        case DATA: {
          const end = Math.min(length, i + this.#size);
          take(i, end);
          this.#size -= end - i;
          if (this.#size === 0) this.#state = DATA_CR;
          i = end;
          continue;
        }
        case DATA_CR:
          if (byte !== CR) throw malformed("a chunk that is longer than its size");
          this.#state = DATA_LF;
          break;
        case DATA_LF:
          if (byte !== LF) throw malformed("a chunk that is longer than its size");
          this.begin();
          break;
        case TRAILERS:
          return i;
      }
      i++;
    }
    return i;
  }

  #onSize(byte: number): void {
    const digit = hexadecimal(byte);
    if (digit >= 0) {
      if (++this.#digits > MOST_DIGITS) throw malformed("a chunk size that is too large");
      this.#size = 16 * this.#size + digit;
      return;
    }
    if (this.#digits === 0) throw malformed("a chunk without a size");
    if (byte === CR) this.#state = SIZE_LF;
    else if (byte === SEMICOLON) {
      this.#extensions = ";";
      this.#state = EXTENSIONS;
    } else throw malformed("a chunk size that is no number");
  }

  #onExtensions(byte: number): void {
    if (byte === CR) {
      if (!EXTENSIONS_LINE.test(this.#extensions)) throw malformed("chunk extensions that are none");
      this.#extensions = "";
      this.#state = SIZE_LF;
    } else if (this.#extensions.length === MOST_EXTENSION_BYTES || byte === LF)
      throw malformed("chunk extensions that do not end");
    else this.#extensions += String.fromCharCode(byte);
  }
}

/** The digit's value; -1 for what is none. */
function hexadecimal(byte: number): number {
  if (byte >= ZERO && byte <= ZERO + 9) return byte - ZERO;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
