import { isDeepStrictEqual } from "node:util";
import type { PackedResponse } from "../../cache/ports/store.ts";
import { ID_PLACE, type Prepared } from "./prepared.ts";
import { Scratch } from "./scratch.ts";

/** An answer without the stored response's lines, its body and the numbers. */
interface Pattern {
  readonly aspect: string;
  readonly status: number;
  readonly outcome: Prepared["outcome"];
  readonly statusLine: string;
  /** What is behind the lines: up to the body's length, the age, the ttl and the id, and behind that. */
  readonly pieces: readonly [length: string, age: string, ttl: string, id: string, end: string];
  readonly hasBody: boolean;
}

/** The same for one aspect of a request, or that there is none. */
interface Known {
  readonly aspect: string;
  readonly pattern: Pattern | undefined;
}

const MAX_SHAPES = 256;
/** GET and HEAD, for some web origins. */
const MAX_ASPECTS = 8;
const LENGTH_NAME = "Content-Length: ";

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

  /** Undefined where none has been learned. Its bytes are good until the next one is asked for, or `leave`. */
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

  #compose(packed: PackedResponse, pattern: Pattern, age: number, ttl: number): Prepared {
    const { statusLine, pieces, hasBody, aspect, status, outcome } = pattern;
    const [toLength, toAge, toTtl, toId, end] = pieces;
    const { linesBytes, bodyBytes } = packed;
    const untilAge = `${toLength}${bodyBytes}${toAge}`;
    const untilTtl = `${untilAge}${age}${toTtl}`;
    const untilId = `${untilTtl}${ttl}${toId}`;
    const begin = statusLine.length + linesBytes;
    const idAt = begin + untilId.length;
    const headBytes = idAt + ID_PLACE.length + end.length;
    const bytes = this.#scratch.room(headBytes + (hasBody ? bodyBytes : 0));
    bytes.write(statusLine, "latin1");
    packed.copyLines(bytes, statusLine.length);
    bytes.write(untilId + ID_PLACE + end, begin, "latin1");
    if (hasBody) packed.copyBody(bytes, headBytes);
    return {
      aspect,
      age,
      ttl,
      status,
      outcome: { ...outcome, age, ttl },
      bytes,
      idAt,
      timesAt: { age: begin + untilAge.length, ttl: begin + untilTtl.length },
      bodyBytes: hasBody ? bodyBytes : 0,
      bodyApart: false,
    };
  }
}

/** What is prepared, in pieces. Where its head is not a status line, those lines, and ours behind them, they do not give it again. */
function patternOf(packed: PackedResponse, prepared: Prepared): Pattern | undefined {
  const { aspect, status, outcome, bytes, idAt, timesAt, bodyBytes, bodyApart } = prepared;
  if (bodyApart || timesAt?.age === undefined || timesAt.ttl === undefined) return undefined;
  const head = bytes.toString("latin1", 0, bytes.length - bodyBytes);
  const statusLine = head.slice(0, head.indexOf("\r\n") + 2);
  let at = statusLine.length + packed.linesBytes;
  const places = [
    [at + LENGTH_NAME.length, String(packed.bodyBytes).length],
    [timesAt.age, String(prepared.age).length],
    [timesAt.ttl, String(prepared.ttl).length],
    [idAt, ID_PLACE.length],
  ] as const;
  const upTo = ([place, length]: readonly [number, number]): string => {
    const text = head.slice(at, place);
    at = place + length;
    return text;
  };
  const [length, age, ttl, id] = places;
  const pieces = [upTo(length), upTo(age), upTo(ttl), upTo(id), head.slice(at)] as const;
  return { aspect, status, outcome, statusLine, pieces, hasBody: bodyBytes === packed.bodyBytes };
}
