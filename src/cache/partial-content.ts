import { fieldLineValues, withoutFields } from "../policy/fields.ts";
import type { ByteRange } from "../policy/range.ts";
import type { Body, CacheResponse } from "./exchange.ts";
import type { Entry } from "./ports.ts";

type Partial = Pick<CacheResponse, "status" | "statusMessage" | "fields" | "body">;

/** So many bytes of a body are handed on at once. */
const SLICE_BYTES = 65_536;

/** The length in bytes of the complete representation, of which the body may be a part. */
export const completeLength = ({ stored, body }: Entry): number => stored.part?.length ?? body.length;

/** One range of a stored representation (RFC 9110 §15.3.7.1). */
export function singlePart(entry: Entry, range: ByteRange): Partial {
  const bytes = cut(entry, range);
  const fields = [
    ...entry.stored.fields,
    "Content-Range",
    contentRange(entry, range),
    "Content-Length",
    String(bytes.length),
  ];
  return partial(fields, { type: "bytes", bytes });
}

/**
 * Several ranges, in the order in which they were asked for, as multipart/byteranges
 * (RFC 9110 §14.6, §15.3.7.2). Made while it is sent: the ranges are not copied.
 */
export function severalParts(entry: Entry, ranges: readonly ByteRange[]): Partial {
  // 122 random bits: nobody can have put the boundary into the content.
  const boundary = crypto.randomUUID();
  const type = fieldLineValues(entry.stored.fields, "content-type")[0];
  const pieces: Uint8Array[] = [];
  for (const range of ranges) {
    const lines = [
      `--${boundary}`,
      ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      `Content-Range: ${contentRange(entry, range)}`,
    ];
    pieces.push(latin1(`${lines.join("\r\n")}\r\n\r\n`), cut(entry, range), latin1("\r\n"));
  }
  pieces.push(latin1(`--${boundary}--\r\n`));
  const length = pieces.reduce((sum, { length }) => sum + length, 0);
  const fields = [
    ...withoutFields(entry.stored.fields, new Set(["content-type"])),
    "Content-Type",
    `multipart/byteranges; boundary=${boundary}`,
    "Content-Length",
    String(length),
  ];
  return partial(fields, { type: "stream", stream: sliced(pieces) });
}

/** The range of the representation, as far as the entry's body is concerned: it has to hold it. */
function cut({ stored, body }: Entry, { first, last }: ByteRange): Uint8Array {
  const start = stored.part?.first ?? 0;
  if (first < start || last >= start + body.length) throw new RangeError("bytes that are not stored");
  return body.subarray(first - start, last + 1 - start);
}

const contentRange = (entry: Entry, { first, last }: ByteRange): string =>
  `bytes ${first}-${last}/${completeLength(entry)}`;

const partial = (fields: readonly string[], body: Body): Partial => ({
  status: 206,
  statusMessage: "Partial Content",
  fields,
  body,
});

async function* sliced(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += SLICE_BYTES) yield piece.subarray(at, at + SLICE_BYTES);
  }
}

/** Field values are latin1, one char per byte. */
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
