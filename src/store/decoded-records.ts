import { decodeMeta, type Meta } from "./codec.ts";

/** A record that was decoded, and the bytes that it was decoded from. */
interface Known {
  readonly bytes: Buffer;
  readonly meta: Meta;
}

const CAPACITY = 8 * 1024 * 1024;
/** What is decoded of a record takes so many times its bytes, and so many more. */
const DECODED_TIMES = 4;
const OVERHEAD = 512;
/** A longer one is decoded each time. */
const LONGEST = 16_384;

/**
 * Records as they were decoded lately: the same bytes under the same key need not be decoded again, and
 * come to the same object. Bounded in bytes: the one that was decoded longest ago goes first.
 */
export class DecodedRecords {
  readonly #capacity: number;
  readonly #known = new Map<string, Known>();
  #bytes = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** As `decodeMeta`, of the record under this key of Redis. */
  decode(name: string, bytes: Buffer): Meta {
    const known = this.#known.get(name);
    if (known?.bytes.equals(bytes) === true) return known.meta;
    const meta = decodeMeta(bytes);
    this.#forget(name);
    if (meta.type !== "foreign" && bytes.length <= LONGEST)
      this.#keep(name, { bytes: Buffer.from(bytes), meta });
    return meta;
  }

  #keep(name: string, known: Known): void {
    this.#known.set(name, known);
    this.#bytes += weigh(name, known);
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= this.#capacity) break;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#known.delete(name);
    this.#bytes -= weigh(name, known);
  }
}

const weigh = (name: string, { bytes }: Known): number =>
  DECODED_TIMES * bytes.length + name.length + OVERHEAD;
