import { Oldest } from "../policy/oldest.ts";
import { bodyMatches, decodeMeta, type Meta } from "./codec.ts";
import type { Answered } from "./hash-reads.ts";

/** A record that was decoded, and the bytes that it was decoded from. */
export interface Known {
  readonly name: string;
  readonly bytes: Buffer;
  readonly meta: Meta;
  /** How Redis answered with it and its own body; undefined until it has done so twice, and where that is long. */
  readonly answered: Answered | undefined;
}

const CAPACITY = 8 * 1024 * 1024;
/** What is decoded of a record takes so many times its bytes, and so many more. */
const DECODED_TIMES = 4;
const OVERHEAD = 512;
/** A longer record is decoded each time, and a longer answer read. */
const LONGEST = 16_384;

/**
 * Records as they were decoded lately: the same bytes under the same key need not be decoded again, and
 * come to the same object. Bounded in bytes: the one that was decoded longest ago goes first.
 */
export class DecodedRecords {
  readonly #capacity: number;
  readonly #known = new Map<string, Known>();
  readonly #oldest = new Oldest(this.#known);
  #bytes = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What was decoded last under this id. */
  find(id: string): Known | undefined {
    return this.#known.get(id);
  }

  /** As `decodeMeta`, of the record that has this name in Redis, beside this body. `id` stands for it here, and for no other. */
  decode(id: string, bytes: Buffer, body: Buffer | null = null, name = id): Meta {
    const known = this.#known.get(id);
    if (known?.bytes.equals(bytes) === true) {
      if (body !== null && known.answered === undefined) this.#keepAnswer(id, known, body);
      return known.meta;
    }
    const meta = decodeMeta(bytes);
    this.#forget(id);
    if (meta.type !== "foreign" && bytes.length <= LONGEST)
      this.#keep(id, { name, bytes: joined(bytes), meta, answered: undefined });
    return meta;
  }

  #keepAnswer(id: string, known: Known, body: Buffer): void {
    const { name, bytes: record, meta } = known;
    if (meta.type !== "entry" || record.length + body.length > LONGEST || !bodyMatches(meta, body)) return;
    const head = `*2\r\n$${record.length}\r\n`;
    const between = `\r\n$${body.length}\r\n`;
    const reply = joined(Buffer.from(head), record, Buffer.from(between), body, Buffer.from("\r\n"));
    const bytes = reply.subarray(head.length, head.length + record.length);
    const values = [bytes, reply.subarray(-2 - body.length, -2)];
    this.#forget(id);
    this.#keep(id, { name, bytes, meta, answered: { reply, with: { values } } });
  }

  #keep(id: string, known: Known): void {
    this.#known.set(id, known);
    this.#bytes += weigh(id, known);
    while (this.#bytes > this.#capacity) {
      const oldest = this.#oldest.next();
      if (oldest === undefined) return;
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

const weigh = (id: string, { name, bytes, answered }: Known): number =>
  DECODED_TIMES * bytes.length + (answered?.reply.length ?? 0) + id.length + name.length + OVERHEAD;

/** A copy in memory of its own: one in Node's pool would keep all of that, which is many times as much. */
function joined(...parts: readonly Buffer[]): Buffer {
  const all = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) at += part.copy(all, at);
  return all;
}
