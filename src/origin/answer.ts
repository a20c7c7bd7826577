import { type FieldLines, fieldLineValues, listMembers, trimOws } from "../policy/fields.ts";

/** Raw field lines as undici's parser gives them, one char per byte. */
export function fieldLinesFrom(raw: unknown): FieldLines {
  if (!Array.isArray(raw)) return [];
  return raw.map((part: unknown, i) => {
    const text = Buffer.isBuffer(part) ? part.toString("latin1") : String(part);
    // The parser leaves the whitespace behind a value on it (RFC 9112 §5.1).
    return i % 2 === 0 ? text : trimOws(text);
  });
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
