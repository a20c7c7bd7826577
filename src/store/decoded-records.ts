import { decodeMeta, type Meta } from "./codec.ts";

/** A record that was decoded, and the bytes that it was decoded from. */
interface Known {
  readonly name: string;
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

  /** What the record of this is called in Redis; undefined where that has to be made up anew. */
  nameOf(id: string): string | undefined {
    return this.#known.get(id)?.name;
  }

  /** As `decodeMeta`, of the record that has this name in Redis. `id` stands for it here, and for no other. */
  decode(id: string, bytes: Buffer, name = id): Meta {
    const known = this.#known.get(id);
    if (known?.bytes.equals(bytes) === true) return known.meta;
    const meta = decodeMeta(bytes);
    this.#forget(id);
    if (meta.type !== "foreign" && bytes.length <= LONGEST)
      this.#keep(id, { name, bytes: Buffer.from(bytes), meta });
    return meta;
  }

  #keep(id: string, known: Known): void {
    this.#known.set(id, known);
    this.#bytes += weigh(id, known);
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= this.#capacity) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#known.delete(id);
    this.#bytes -= weigh(id, known);
  }
}

const weigh = (id: string, { name, bytes }: Known): number =>
  DECODED_TIMES * bytes.length + id.length + name.length + OVERHEAD;
