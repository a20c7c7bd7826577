import { isDeepStrictEqual } from "node:util";
import type { PackedResponse } from "../../cache/ports/store.ts";
import { digitsOf, isWritten, type Pattern, patternOf, tailOf, writeDigits } from "./pattern.ts";
import type { Prepared } from "./prepared.ts";
import { Scratch } from "./scratch.ts";

/** The same for one aspect of a request, or that there is none. */
interface Known {
  readonly aspect: string;
  readonly pattern: Pattern | undefined;
}

const MAX_SHAPES = 256;
/** GET and HEAD, for some web origins. */
const MAX_ASPECTS = 8;

/**
 * Answers made of the bytes that lie in memory, for what is asked for too seldom to be kept ready.
 *
 * Nothing is known here of what an answer says: it is what was prepared of another response of the same shape, for a
 * request of the same aspect, with this one's lines, body and numbers in their places.
 */
export class ComposedAnswers {
  /** By shape. */
  readonly #known = new Map<number, Known[]>();
  readonly #scratch = new Scratch();
  /** The answer that was composed last. */
  readonly #composed = {
    aspect: "",
    age: 0,
    ttl: 0,
    status: 0,
    outcome: { word: "HIT", body: "cache" } as Prepared["outcome"],
    bytes: Buffer.alloc(0) as Buffer,
    idAt: 0,
    timesAt: { age: 0, ttl: 0 },
    bodyBytes: 0,
    bodyApart: false,
  };

  /** Undefined where none has been learned. It is good until the next one is asked for, and its bytes longer where they are left. */
  find(packed: PackedResponse, aspect: string, age: number, ttl: number): Prepared | undefined {
    const pattern = this.#find(packed.shape, aspect)?.pattern;
    return pattern === undefined ? undefined : this.#compose(packed, pattern, age, ttl);
  }

  /** Learns from what was prepared to answer with this response. */
  learn(packed: PackedResponse, prepared: Prepared): void {
    const { shape } = packed;
    const { aspect, age, ttl } = prepared;
    // Of an empty body nobody can tell whether it was sent.
    if (packed.bodyBytes === 0 || this.#find(shape, aspect) !== undefined) return;
    const pattern = patternOf(packed, prepared);
    const isRight =
      pattern !== undefined && isDeepStrictEqual(this.#compose(packed, pattern, age, ttl), prepared);
    const others = this.#known.get(shape) ?? [];
    this.#known.delete(shape);
    const known = { aspect, pattern: isRight ? pattern : undefined };
    this.#known.set(shape, [known, ...others].slice(0, MAX_ASPECTS));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_SHAPES) break;
      this.#known.delete(oldest);
    }
  }

  /** These bytes, which were found here, are being sent, and stay as they are. */
  leave({ bytes }: Prepared): void {
    this.#scratch.keep(bytes);
  }

  #find(shape: number, aspect: string): Known | undefined {
    const known = this.#known.get(shape);
    if (known === undefined) return undefined;
    for (const each of known) if (each.aspect === aspect) return each;
    return undefined;
  }

  #compose(packed: PackedResponse, pattern: Pattern, age: number, ttl: number): Prepared | undefined {
    if (!isWritten(age) || !isWritten(ttl)) return undefined;
    const { statusLine, hasBody, aspect, status, outcome } = pattern;
    const { linesBytes, bodyBytes } = packed;
    const tail = tailOf(pattern, digitsOf(bodyBytes), digitsOf(age), digitsOf(ttl));
    const begin = statusLine.length + linesBytes;
    const headBytes = begin + tail.bytes.length;
    const bytes = this.#scratch.room(headBytes + (hasBody ? bodyBytes : 0));
    bytes.set(statusLine, 0);
    packed.copyLines(bytes, statusLine.length);
    bytes.set(tail.bytes, begin);
    writeDigits(bytes, begin + tail.lengthEnd, bodyBytes);
    const ageAt = writeDigits(bytes, begin + tail.ageEnd, age);
    const ttlAt = writeDigits(bytes, begin + tail.ttlEnd, ttl);
    if (hasBody) packed.copyBody(bytes, headBytes);
    const composed = this.#composed;
    composed.aspect = aspect;
    composed.age = age;
    composed.ttl = ttl;
    composed.status = status;
    composed.outcome = { ...outcome, age, ttl };
    composed.bytes = bytes;
    composed.idAt = begin + tail.idAt;
    composed.timesAt.age = ageAt;
    composed.timesAt.ttl = ttlAt;
    composed.bodyBytes = hasBody ? bodyBytes : 0;
    return composed;
  }
}
