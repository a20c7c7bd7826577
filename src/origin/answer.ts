import { type FieldLines, fieldLineValues, listMembers, trimOws } from "../policy/fields.ts";

/** Field lines as undici gives them, one char per byte: raw ones of HTTP/1.1, an object of Node's of HTTP/2. */
export function fieldLinesFrom(raw: unknown): FieldLines {
  if (!Array.isArray(raw)) return linesOfObject(raw);
  if (raw.length === 0) return [];
  const textOf = textsOf(raw);
  // The parser leaves the whitespace behind a value on it (RFC 9112 §5.1).
  return raw.map((part: unknown, i) => (i % 2 === 0 ? textOf(part) : trimOws(textOf(part))));
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

/** Most parts are views of one read, which is decoded once: that costs a fifth of decoding each. */
function textsOf(parts: readonly unknown[]): (part: unknown) => string {
  const first = parts[0];
  const last = parts.at(-1);
  const alone = (part: unknown): string => (Buffer.isBuffer(part) ? part.toString("latin1") : String(part));
  if (!Buffer.isBuffer(first) || !Buffer.isBuffer(last) || last.buffer !== first.buffer) return alone;
  const { buffer, byteOffset: from } = first;
  const length = last.byteOffset + last.length - from;
  const text = Buffer.from(buffer, from, Math.max(0, length)).toString("latin1");
  return (part) => {
    if (!Buffer.isBuffer(part)) return alone(part);
    const at = part.byteOffset - from;
    const end = at + part.length;
    // One that came in two reads was put together elsewhere.
    return part.buffer === buffer && at >= 0 && end <= text.length ? text.slice(at, end) : alone(part);
  };
}

/** Anything but control characters and the replacement character. */
const WRITABLE = /^[\t\x20-\x7e\x80-\ufffc]*$/;

/**
 * The reason phrase, one char per byte again: undici has read its bytes as UTF-8.
 * What was not UTF-8 is lost, and no phrase is better than a wrong one; nor does one with
 * control characters, which the parser lets through, go any further.
 */
export function reasonPhrase(decoded: string | undefined): string {
  if (decoded === undefined || !WRITABLE.test(decoded)) return "";
  return Buffer.from(decoded, "utf8").toString("latin1");
}

/** Is the end of the connection the only end of this body? (RFC 9112 §6.3) */
export function isCloseDelimited(method: string, status: number, fields: FieldLines): boolean {
  if (method === "HEAD" || status === 204 || status === 304) return false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length !== 14 && name.length !== 17) continue;
    const lower = name.toLowerCase();
    if (lower === "content-length" || lower === "transfer-encoding") return false;
  }
  return true;
}

/** A transfer coding that we neither asked for nor can undo (RFC 9112 §7): the body would be wrong without it. */
export function unknownTransferCoding(fields: FieldLines): string | undefined {
  const codings = fieldLineValues(fields, "transfer-encoding").flatMap(listMembers);
  return codings.length === 0 || (codings.length === 1 && codings[0]?.toLowerCase() === "chunked")
    ? undefined
    : codings.join(", ");
}
