import type { PackedResponse } from "../../cache/ports/store.ts";
import { ID_PLACE, type Prepared } from "./prepared.ts";

export const MAX_TAILS = 32;
/** More than a safe integer has. */
const MAX_DIGITS = 17;
const LENGTH_NAME = "Content-Length: ";

/** An answer without the stored response's lines, its body and the numbers. */
export interface Pattern {
  readonly aspect: string;
  readonly status: number;
  readonly outcome: Prepared["outcome"];
  readonly statusLine: Buffer;
  /** What is behind the lines: up to the body's length, the age, the ttl and the id, and behind that. */
  readonly pieces: readonly [length: string, age: string, ttl: string, id: string, end: string];
  /** The same with room for the numbers, by how many digits they have. */
  readonly tails: Map<number, Tail>;
  readonly hasBody: boolean;
}

export interface Tail {
  readonly bytes: Buffer;
  /** Where in there the last digits are, and the id. */
  readonly lengthEnd: number;
  readonly ageEnd: number;
  readonly ttlEnd: number;
  readonly idAt: number;
}

/** Behind the lines, where the numbers have so many digits. */
export function tailOf({ pieces, tails }: Pattern, length: number, age: number, ttl: number): Tail {
  const widths = (length * MAX_DIGITS + age) * MAX_DIGITS + ttl;
  const known = tails.get(widths);
  if (known !== undefined) return known;
  const [toLength, toAge, toTtl, toId, end] = pieces;
  const lengthEnd = toLength.length + length;
  const ageEnd = lengthEnd + toAge.length + age;
  const ttlEnd = ageEnd + toTtl.length + ttl;
  const places = [length, age, ttl].map((digits) => "0".repeat(digits));
  const text = toLength + places[0] + toAge + places[1] + toTtl + places[2] + toId + ID_PLACE + end;
  const tail = { bytes: Buffer.from(text, "latin1"), lengthEnd, ageEnd, ttlEnd, idAt: ttlEnd + toId.length };
  if (tails.size >= MAX_TAILS) tails.clear();
  tails.set(widths, tail);
  return tail;
}

/** Can it be written in digits? */
export const isWritten = (number: number): boolean => number >= 0 && Number.isSafeInteger(number);

export function digitsOf(number: number): number {
  let digits = 1;
  for (let left = number; left >= 10; left /= 10) digits++;
  return digits;
}

/** Writes a whole number that is not negative, up to `end`; answers where it begins. */
export function writeDigits(bytes: Uint8Array, end: number, number: number): number {
  let at = end;
  let left = number;
  do {
    const tenth = Math.floor(left / 10);
    bytes[--at] = 0x30 + (left - 10 * tenth);
    left = tenth;
  } while (left > 0);
  return at;
}

/** What is prepared, in pieces. Where its head is not a status line, those lines, and ours behind them, they do not give it again. */
export function patternOf(packed: PackedResponse, prepared: Prepared): Pattern | undefined {
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
  return {
    aspect,
    status,
    outcome,
    statusLine: Buffer.from(statusLine, "latin1"),
    pieces,
    tails: new Map(),
    hasBody: bodyBytes === packed.bodyBytes,
  };
}
