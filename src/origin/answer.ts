import { type FieldLines, isNamed, listMembers, trimOws } from "../policy/fields.ts";

const NO_LINES: FieldLines = [];

/** Field lines as undici gives them, one char per byte: raw ones of HTTP/1.1, an object of Node's of HTTP/2. */
export function fieldLinesFrom(raw: unknown): FieldLines {
  if (!Array.isArray(raw)) return linesOfObject(raw);
  if (raw.length === 0) return NO_LINES;
  const read = readOf(raw);
  const lines: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    lines.push(textOf(raw[i], read));
    // The parser leaves the whitespace behind a value on it (RFC 9112 §5.1).
    if (i + 1 < raw.length) lines.push(trimOws(textOf(raw[i + 1], read)));
  }
  return lines;
}

/** Is this what undici gives of HTTP/2? */
export const isHttp2Head = (raw: unknown): boolean => !Array.isArray(raw);

/** Lines of one name are one value here, but for Set-Cookie. */
function linesOfObject(fields: unknown): FieldLines {
  return Object.entries(fields ?? {}).flatMap(([name, value]: [string, unknown]) =>
    (Array.isArray(value) ? value : [value]).flatMap((each) => [name, String(each)]),
  );
}

/** Bytes of names and values. */
export const fieldBytes = (fields: FieldLines): number =>
  fields.reduce((bytes, part) => bytes + part.length, 0);

/** What came in one read, as text, and where in its buffer that begins. */
interface Read {
  readonly buffer: ArrayBufferLike;
  readonly from: number;
  readonly text: string;
}

/** Most parts are views of one read, which is decoded once: that costs a fifth of decoding each. */
function readOf(parts: readonly unknown[]): Read | undefined {
  const first = parts[0];
  const last = parts.at(-1);
  if (!Buffer.isBuffer(first) || !Buffer.isBuffer(last) || last.buffer !== first.buffer) return undefined;
  const { buffer, byteOffset: from } = first;
  const length = last.byteOffset + last.length - from;
  return { buffer, from, text: Buffer.from(buffer, from, Math.max(0, length)).toString("latin1") };
}

function textOf(part: unknown, read: Read | undefined): string {
  const bytes = part as Buffer;
  // One that came in two reads was put together elsewhere.
  if (read !== undefined && bytes.buffer === read.buffer) {
    const at = bytes.byteOffset - read.from;
    const end = at + bytes.length;
    if (at >= 0 && end <= read.text.length) return read.text.slice(at, end);
  }
  return Buffer.isBuffer(part) ? part.toString("latin1") : String(part);
}

/** The same bytes in latin1 and UTF-8, and no control characters. */
const ASCII = /^[\t\x20-\x7e]*$/;

/** Anything but control characters and the replacement character. */
const WRITABLE = /^[\t\x20-\x7e\x80-\ufffc]*$/;

/**
 * The reason phrase, one char per byte again: undici has read its bytes as UTF-8.
 * What was not UTF-8 is lost, and no phrase is better than a wrong one; nor does one with
 * control characters, which the parser lets through, go any further.
 */
export function reasonPhrase(decoded: string | undefined): string {
  if (decoded === undefined) return "";
  if (ASCII.test(decoded)) return decoded;
  if (!WRITABLE.test(decoded)) return "";
  return Buffer.from(decoded, "utf8").toString("latin1");
}

/** What a response's head says of where its body ends (RFC 9112 §6). */
export interface Framing {
  readonly hasLength: boolean;
  /** Transfer-Encoding, combined where there are several lines. */
  readonly coding: string | undefined;
}

export function framingOf(fields: FieldLines): Framing {
  let hasLength = false;
  let coding: string | undefined;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (isNamed(name, "content-length")) hasLength = true;
    else if (isNamed(name, "transfer-encoding"))
      coding = coding === undefined ? fields[i + 1] : `${coding}, ${fields[i + 1]}`;
  }
  return { hasLength, coding };
}

/** Is the end of the connection the only end of this body? (RFC 9112 §6.3) */
export const isCloseDelimited = (method: string, status: number, { hasLength, coding }: Framing): boolean =>
  !hasLength && coding === undefined && method !== "HEAD" && status !== 204 && status !== 304;

/** A transfer coding that we neither asked for nor can undo (RFC 9112 §7): the body would be wrong without it. */
export function unknownTransferCoding({ coding }: Framing): string | undefined {
  if (coding === undefined || coding.toLowerCase() === "chunked") return undefined;
  const codings = listMembers(coding);
  return codings.length === 0 || (codings.length === 1 && codings[0]?.toLowerCase() === "chunked")
    ? undefined
    : codings.join(", ");
}
