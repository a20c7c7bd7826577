import { type FieldLines, isFieldName, UNWRITABLE } from "../../policy/fields.ts";
import type { Part, StoredResponse } from "../../policy/stored-response.ts";

/** A stored response on its way into a record. */
export interface PackedHead {
  readonly key: string;
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

/** Where in a record its numbers and its key are, before its lines and the rest. */
export const AT = {
  responseTime: 0,
  initialAge: 8,
  freshnessLifetime: 16,
  epoch: 24,
  linesBytes: 32,
  shape: 36,
  status: 40,
  flags: 42,
  keyBytes: 43,
  key: 45,
} as const;
const NO_CACHE = 1;
const MUST_REVALIDATE = 2;
const TAGGED = 4;

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
  const bytes = AT.key + key.length + (lines?.length ?? 0) + Buffer.byteLength(text);
  const plain = uri === key && part === undefined && lines !== undefined;
  return { key, stored, lines, rest: text, plain, bytes };
}

/** `shape`: as shapes.ts numbers it; 0 where it is not to be told by that. */
export function write({ bytes, view }: Room, at: number, packed: PackedHead, shape: number): void {
  const { key, stored, lines = "", rest } = packed;
  view.setFloat64(at + AT.responseTime, stored.responseTime);
  view.setFloat64(at + AT.initialAge, stored.initialAge);
  view.setFloat64(at + AT.freshnessLifetime, stored.freshnessLifetime);
  view.setFloat64(at + AT.epoch, stored.epoch);
  view.setUint32(at + AT.linesBytes, lines.length);
  view.setUint32(at + AT.shape, shape);
  view.setUint16(at + AT.status, stored.status);
  const noCache = stored.noCache ? NO_CACHE : 0;
  const mustRevalidate = stored.mustRevalidate ? MUST_REVALIDATE : 0;
  const tagged = stored.tags.length > 0 ? TAGGED : 0;
  view.setUint8(at + AT.flags, noCache | mustRevalidate | tagged);
  view.setUint16(at + AT.keyBytes, key.length);
  const linesAt = at + AT.key + key.length;
  bytes.write(key, at + AT.key, "latin1");
  bytes.write(lines, linesAt, "latin1");
  bytes.write(rest, linesAt + lines.length, "utf8");
}

/** What `write` has written there, and nobody else, so that nothing is checked. `length`: as `pack` said. */
export function unpack(key: string, { bytes, view }: Room, at: number, length: number): StoredResponse {
  const linesAt = linesAtOf({ view }, at);
  const linesEnd = linesAt + view.getUint32(at + AT.linesBytes);
  const rest = JSON.parse(bytes.toString("utf8", linesEnd, at + length)) as Rest;
  const [uri, selectingFields, statusMessage, etag, lastModified, bodyLength] = rest;
  const part = rest[10];
  const flags = view.getUint8(at + AT.flags);
  const stored: { -readonly [name in keyof StoredResponse]: StoredResponse[name] } = {
    uri: uri ?? key,
    selectingFields,
    status: view.getUint16(at + AT.status),
    statusMessage,
    fields: rest[11] ?? fieldsOf(bytes.toString("latin1", linesAt, linesEnd)),
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

/** Can a record have this key? */
export const isKey = (key: string): boolean => key.length <= LONGEST_KEY && !NOT_LATIN1.test(key);
const LONGEST_KEY = 0xffff;
const NOT_LATIN1 = /[\u0100-\uffff]/;

export const keyOf = ({ bytes, view }: Room, at: number): string =>
  bytes.toString("latin1", at + AT.key, linesAtOf({ view }, at));

/** Is it the key of this record? */
export function hasKey({ bytes, view }: Room, at: number, key: string): boolean {
  const { length } = key;
  if (view.getUint16(at + AT.keyBytes) !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + AT.key + i] !== key.charCodeAt(i)) return false;
  return true;
}

/** Where its lines begin. */
export const linesAtOf = ({ view }: Pick<Room, "view">, at: number): number =>
  at + AT.key + view.getUint16(at + AT.keyBytes);

export const shapeOf = ({ view }: Room, at: number): number => view.getUint32(at + AT.shape);

export const isTagged = ({ view }: Room, at: number): boolean =>
  (view.getUint8(at + AT.flags) & TAGGED) !== 0;

export const isNoCache = ({ view }: Room, at: number): boolean =>
  (view.getUint8(at + AT.flags) & NO_CACHE) !== 0;

function linesOf(fields: FieldLines): string | undefined {
  let text = "";
  let values = "";
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (!isFieldName(name)) return undefined;
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
