import { type FieldLines, isToken } from "../../policy/fields.ts";
import { remembering } from "../../policy/remembering.ts";
import type { Part, StoredResponse } from "../../policy/stored-response.ts";

/** A stored response on its way into a record. */
export interface PackedHead {
  readonly stored: StoredResponse;
  /** Its field lines as they go over the wire, each with its end; undefined where they could not go. */
  readonly lines: string | undefined;
  /** What is left, as JSON. */
  readonly rest: string;
  /** It is complete, under its own URI, and has such lines. */
  readonly plain: boolean;
  /** Of all of it. */
  readonly bytes: number;
}

/** Memory with records in it, whose numbers the view reads. */
export interface Room {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Where in a record its numbers are, before its lines and the rest. */
export const AT = {
  responseTime: 0,
  initialAge: 8,
  freshnessLifetime: 16,
  epoch: 24,
  linesBytes: 32,
  shape: 36,
  status: 40,
  flags: 42,
  lines: 43,
} as const;
const NO_CACHE = 1;
const MUST_REVALIDATE = 2;

type Rest = [
  uri: string | null,
  selectingFields: StoredResponse["selectingFields"],
  statusMessage: string,
  etag: string | null,
  lastModified: string | null,
  bodyLength: number,
  staleWhileRevalidate: number,
  staleIfError: number,
  keep: number,
  tags: readonly string[],
  part: Part | null,
  /** Null where the lines have them. */
  fields: FieldLines | null,
];

export function pack(key: string, stored: StoredResponse): PackedHead {
  const { uri, fields, etag, lastModified, part } = stored;
  const lines = linesOf(fields);
  const rest: Rest = [
    uri === key ? null : uri,
    stored.selectingFields,
    stored.statusMessage,
    etag ?? null,
    lastModified ?? null,
    stored.bodyLength,
    stored.staleWhileRevalidate,
    stored.staleIfError,
    stored.keep,
    stored.tags,
    part ?? null,
    lines === undefined ? fields : null,
  ];
  const text = JSON.stringify(rest);
  const bytes = AT.lines + (lines?.length ?? 0) + Buffer.byteLength(text);
  const plain = uri === key && part === undefined && lines !== undefined;
  return { stored, lines, rest: text, plain, bytes };
}

/** `shape`: as shapes.ts numbers it; 0 where it is not to be told by that. */
export function write({ bytes, view }: Room, at: number, packed: PackedHead, shape: number): void {
  const { stored, lines = "", rest } = packed;
  view.setFloat64(at + AT.responseTime, stored.responseTime);
  view.setFloat64(at + AT.initialAge, stored.initialAge);
  view.setFloat64(at + AT.freshnessLifetime, stored.freshnessLifetime);
  view.setFloat64(at + AT.epoch, stored.epoch);
  view.setUint32(at + AT.linesBytes, lines.length);
  view.setUint32(at + AT.shape, shape);
  view.setUint16(at + AT.status, stored.status);
  const noCache = stored.noCache ? NO_CACHE : 0;
  const mustRevalidate = stored.mustRevalidate ? MUST_REVALIDATE : 0;
  view.setUint8(at + AT.flags, noCache | mustRevalidate);
  bytes.write(lines, at + AT.lines, "latin1");
  bytes.write(rest, at + AT.lines + lines.length, "utf8");
}

/** What `write` has written there, and nobody else, so that nothing is checked. `length`: as `pack` said. */
export function unpack(key: string, { bytes, view }: Room, at: number, length: number): StoredResponse {
  const linesEnd = at + AT.lines + view.getUint32(at + AT.linesBytes);
  const rest = JSON.parse(bytes.toString("utf8", linesEnd, at + length)) as Rest;
  const [uri, selectingFields, statusMessage, etag, lastModified, bodyLength] = rest;
  const part = rest[10];
  const flags = view.getUint8(at + AT.flags);
  const stored: { -readonly [name in keyof StoredResponse]: StoredResponse[name] } = {
    uri: uri ?? key,
    selectingFields,
    status: view.getUint16(at + AT.status),
    statusMessage,
    fields: rest[11] ?? fieldsOf(bytes.toString("latin1", at + AT.lines, linesEnd)),
    bodyLength,
    responseTime: view.getFloat64(at + AT.responseTime),
    initialAge: view.getFloat64(at + AT.initialAge),
    freshnessLifetime: view.getFloat64(at + AT.freshnessLifetime),
    staleWhileRevalidate: rest[6],
    staleIfError: rest[7],
    keep: rest[8],
    mustRevalidate: (flags & MUST_REVALIDATE) !== 0,
    noCache: (flags & NO_CACHE) !== 0,
    tags: rest[9],
    epoch: view.getFloat64(at + AT.epoch),
  };
  if (etag !== null) stored.etag = etag;
  if (lastModified !== null) stored.lastModified = lastModified;
  if (part !== null) stored.part = part;
  return stored;
}

export const shapeOf = ({ view }: Room, at: number): number => view.getUint32(at + AT.shape);

export const isNoCache = ({ view }: Room, at: number): boolean =>
  (view.getUint8(at + AT.flags) & NO_CACHE) !== 0;

/** What is not sent in a value (RFC 9110 §5.5). */
const UNWRITABLE = /[^\t\x20-\x7e\x80-\xff]/;
const isName = remembering(isToken, 256);

function linesOf(fields: FieldLines): string | undefined {
  let text = "";
  let values = "";
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (!isName(name)) return undefined;
    values += value;
    text += `${name}: ${value}\r\n`;
  }
  return fields.length % 2 === 1 || UNWRITABLE.test(values) ? undefined : text;
}

function fieldsOf(lines: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(": ", at);
    const end = lines.indexOf("\r\n", colon);
    fields.push(lines.slice(at, colon), lines.slice(colon + 2, end));
    at = end + 2;
  }
  return fields;
}
