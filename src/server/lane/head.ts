import type { FieldLines } from "../../policy/fields.ts";
import { isHost } from "../peer.ts";

/** A field section (RFC 9112 §5) as a connection repeats it, and what its bytes say. */
export interface FieldSection {
  /** All of it, the empty line included. */
  readonly bytes: Buffer;
  readonly fields: FieldLines;
  readonly host: string;
  /** The client keeps the connection (RFC 9112 §9.3). */
  readonly keepAlive: boolean;
}

/** The head of a plain request: nothing follows it but the next one. */
export interface PlainHead {
  readonly method: "GET" | "HEAD";
  /** In origin form (RFC 9112 §3.2.1), bytes as they came. */
  readonly target: string;
  readonly section: FieldSection;
  /** Where the next request begins. */
  readonly end: number;
}

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
const COLON = 0x3a;
const SLASH = 0x2f;

/** More lines than clients send; Node's parser has a bound of its own. */
const MAX_LINES = 100;
/** A longer section is read anew each time rather than kept for the connection. */
export const MAX_KEPT_BYTES = 4096;

/** Which bytes are among these characters? */
function table(characters: string, upTo = 0, from = 256): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const character of characters) bytes[character.charCodeAt(0)] = 1;
  for (let byte = from; byte < upTo; byte++) bytes[byte] = 1;
  return bytes;
}

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** RFC 9110 §5.6.2. */
const TOKEN = table(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`);
/** RFC 3986's path and query, and `[`, `]`, `|`, which browsers send as they are. */
const TARGET = table(`${ALPHANUMERIC}-._~%!$&'()*+,;=:@/?[]|`);
/** RFC 9110 §5.5: visible characters, obs-text, and whitespace between them. */
const VALUE = table(`${String.fromCharCode(HTAB, SP)}`, 256, 0x21);
VALUE[0x7f] = 0;

/**
 * Fields that make a request more than plain: a body's framing, wishes about the connection or the way
 * the answer comes (RFC 9110 §7.6.1, §7.8, §10.1.1, §10.1.4, §6.6.2), and what parsers take for such.
 */
export const NOT_PLAIN: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "http2-settings",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const VERSION = Buffer.from("HTTP/1.1\r\n");

/**
 * Reads the head that begins at `at`, strictly. `incomplete`: what is there may become a plain one;
 * `exotic`: it is none, whatever comes, and somebody who knows more has to look at it. `known` is a section
 * that is likely to come again: the same bytes are not read twice. Of `bytes` it is the first `length` that have come.
 */
export function readHead(
  bytes: Buffer,
  at: number,
  known: FieldSection | undefined,
  maxBytes: number,
  length = bytes.length,
): PlainHead | "incomplete" | "exotic" {
  const method = bytes[at] === 0x47 ? "GET" : "HEAD";
  let i = at;
  for (let m = 0; m < method.length; m++, i++) {
    if (i === length) return "incomplete";
    if (bytes[i] !== method.charCodeAt(m)) return "exotic";
  }
  if (i === length) return "incomplete";
  if (bytes[i++] !== SP) return "exotic";
  const targetAt = i;
  if (i < length && bytes[i] !== SLASH) return "exotic";
  while (i < length && TARGET[bytes[i] as number] === 1) i++;
  if (i === length) return tooLong(length - at, maxBytes);
  if (bytes[i] !== SP) return "exotic";
  const targetEnd = i++;
  for (let v = 0; v < VERSION.length; v++, i++) {
    if (i === length) return tooLong(length - at, maxBytes);
    if (bytes[i] !== VERSION[v]) return "exotic";
  }
  const section = sameSection(bytes, i, known, length) ? known : readSection(bytes, i, length);
  if (section === undefined) return "exotic";
  if (section === "incomplete") return tooLong(length - at, maxBytes);
  const end = i + section.bytes.length;
  if (end - at > maxBytes) return "exotic";
  return { method, target: bytes.toString("latin1", targetAt, targetEnd), section, end };
}

/** Node tells the client of that. */
const tooLong = (bytes: number, maxBytes: number): "incomplete" | "exotic" =>
  bytes > maxBytes ? "exotic" : "incomplete";

function sameSection(
  bytes: Buffer,
  at: number,
  known: FieldSection | undefined,
  end: number,
): known is FieldSection {
  if (known === undefined) return false;
  const { length } = known.bytes;
  return end - at >= length && bytes.compare(known.bytes, 0, length, at, at + length) === 0;
}

/** Undefined where it is not that of a plain request. */
function readSection(bytes: Buffer, at: number, length: number): FieldSection | "incomplete" | undefined {
  const fields: string[] = [];
  let host: string | undefined;
  let connection: string | undefined;
  let i = at;
  for (;;) {
    if (i === length) return "incomplete";
    if (bytes[i] === CR) break;
    const nameAt = i;
    while (i < length && TOKEN[bytes[i] as number] === 1) i++;
    if (i === length) return "incomplete";
    if (i === nameAt || bytes[i] !== COLON) return undefined;
    const name = bytes.toString("latin1", nameAt, i++);
    while (i < length && isOws(bytes[i])) i++;
    const valueAt = i;
    while (i < length && VALUE[bytes[i] as number] === 1) i++;
    if (i === length) return "incomplete";
    if (bytes[i] !== CR) return undefined;
    let valueEnd = i++;
    while (valueEnd > valueAt && isOws(bytes[valueEnd - 1])) valueEnd--;
    if (i === length) return "incomplete";
    if (bytes[i++] !== LF) return undefined;
    const value = bytes.toString("latin1", valueAt, valueEnd);
    const lowerName = name.toLowerCase();
    if (NOT_PLAIN.has(lowerName) || fields.length === 2 * MAX_LINES) return undefined;
    if (lowerName === "host") {
      if (host !== undefined) return undefined;
      host = value;
    } else if (lowerName === "connection") {
      if (connection !== undefined) return undefined;
      connection = value.toLowerCase();
      if (connection !== "keep-alive" && connection !== "close") return undefined;
    }
    fields.push(name, value);
  }
  if (i + 1 === length) return "incomplete";
  if (bytes[i + 1] !== LF || host === undefined || !isHost(host)) return undefined;
  return {
    // A copy: what is only a part of what was read would keep all of it in memory.
    bytes: Buffer.from(bytes.subarray(at, i + 2)),
    fields,
    host,
    keepAlive: connection !== "close",
  };
}

const isOws = (byte: number | undefined): boolean => byte === SP || byte === HTAB;

/** Is it small enough to be kept for as long as its connection? */
export const isKept = ({ bytes }: FieldSection): boolean => bytes.length <= MAX_KEPT_BYTES;
