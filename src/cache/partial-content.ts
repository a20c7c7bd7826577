import { type FieldLines, fieldLineValues, withoutFields } from "../policy/fields.ts";
import type { ByteRange } from "../policy/range.ts";
import { type Body, bodyFrom, type CacheResponse, slices } from "./exchange.ts";
import type { Entry } from "./ports/store.ts";

type Partial = Pick<CacheResponse, "status" | "statusMessage" | "fields" | "body">;

/** The length in bytes of the complete representation, of which the body may be a part. */
export const completeLength = ({ stored, body }: Entry): number => stored.part?.length ?? body.length;

const TYPE: ReadonlySet<string> = new Set(["content-type"]);

/** One range of a stored representation, with these lines of it (RFC 9110 §15.3.7.1). */
export function singlePart(entry: Entry, lines: FieldLines, range: ByteRange): Partial {
  const fields = [
    ...lines,
    "Content-Range",
    contentRange(entry, range),
    "Content-Length",
    String(lengthOf(range)),
  ];
  return partial(fields, cut(entry, range));
}

/**
 * Several ranges, in the order in which they were asked for, as multipart/byteranges
 * (RFC 9110 §14.6, §15.3.7.2). Made while it is sent: the ranges are not copied.
 */
export function severalParts(entry: Entry, lines: FieldLines, ranges: readonly ByteRange[]): Partial {
  // 122 random bits: nobody can have put the boundary into the content.
  const boundary = crypto.randomUUID();
  const type = fieldLineValues(lines, "content-type")[0];
  const pieces: Body[] = [];
  let length = 0;
  const add = (text: string) => {
    pieces.push({ type: "bytes", bytes: latin1(text) });
    length += text.length;
  };
  for (const range of ranges) {
    const head = [
      `--${boundary}`,
      ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      `Content-Range: ${contentRange(entry, range)}`,
    ];
    add(`${head.join("\r\n")}\r\n\r\n`);
    pieces.push(cut(entry, range));
    length += lengthOf(range);
    add("\r\n");
  }
  add(`--${boundary}--\r\n`);
  const fields = [
    ...withoutFields(lines, TYPE),
    "Content-Type",
    `multipart/byteranges; boundary=${boundary}`,
    "Content-Length",
    String(length),
  ];
  return partial(fields, { type: "stream", stream: joined(pieces) });
}

/** The range of the representation, as far as the entry's body is concerned: it has to hold it. */
function cut({ stored, body }: Entry, { first, last }: ByteRange): Body {
  const start = stored.part?.first ?? 0;
  if (first < start || last >= start + body.length) throw new RangeError("bytes that are not stored");
  return bodyFrom(body, first - start, last - start);
}

const lengthOf = ({ first, last }: ByteRange): number => last + 1 - first;

const contentRange = (entry: Entry, { first, last }: ByteRange): string =>
  `bytes ${first}-${last}/${completeLength(entry)}`;

const partial = (fields: readonly string[], body: Body): Partial => ({
  status: 206,
  statusMessage: "Partial Content",
  fields,
  body,
});

async function* joined(pieces: readonly Body[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece.type === "stream") yield* piece.stream;
    else if (piece.type === "bytes") yield* slices(piece.bytes);
  }
}

/** Field values are latin1, one char per byte. */
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
