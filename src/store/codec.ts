import { crc32 } from "node:zlib";
import type { ChunkedBody } from "../cache/ports/body.ts";
import { HOP_BY_HOP, isToken, UNWRITABLE } from "../policy/fields.ts";
import type { StoredResponse } from "../policy/stored-response.ts";
import { isCount, parseJson } from "./json.ts";

/**
 * What the `meta` field of a Redis hash holds: one packed record of all that a decision needs.
 *
 *   FL2e <crc32 of what follows, 8 hex> <JSON array>        an entry
 *   FL2v LF <JSON string: key> LF <names> LF <names> …      a divided resource
 *
 * without the spaces. The first four bytes are magic, version and kind. The second record is
 * lines, not JSON, because a script in Redis edits it; it carries no checksum, because nothing
 * is believed of it: the variants that it leads to are checked themselves.
 */
const ENTRY_MAGIC = "FL2e";
const DIVIDED_MAGIC = "FL2v";
const CHECKSUM_LENGTH = 8;
/** In seconds; far beyond what any field can say (RFC 9111 §1.2.2). */
const LONGEST = 2 ** 40;
/** Ours to say of each answer, and never stored. */
const FRAMING: ReadonlySet<string> = new Set([...HOP_BY_HOP, "content-length"]);
/** A record larger than this is not ours: field sections are bounded long before (RFC 9110 §5.4). */
const LARGEST_META = 4 * 1024 * 1024;

export type Meta =
  | {
      readonly type: "entry";
      readonly key: string;
      readonly stored: StoredResponse;
      readonly bodyChecksum: number;
    }
  /** The resource has variants; the sets of selecting field names in use, newest first. */
  | { readonly type: "divided"; readonly key: string; readonly sets: readonly (readonly string[])[] }
  | { readonly type: "foreign"; readonly detail: string };

/** The body's checksum (CRC-32): with its length enough to notice a truncated or swapped body. */
export const bodyChecksum = (body: Uint8Array | ChunkedBody): number =>
  body instanceof Uint8Array ? crc32(body) : body.checksum;

/** Is this the body that the record speaks of? */
export const bodyMatches = (meta: Extract<Meta, { type: "entry" }>, body: Uint8Array): boolean =>
  body.byteLength === meta.stored.bodyLength && bodyChecksum(body) === meta.bodyChecksum;

export function encodeMeta(key: string, stored: StoredResponse, checksumOfBody: number): Buffer {
  const json = JSON.stringify([
    stored.uri,
    key === stored.uri ? null : key,
    stored.selectingFields,
    stored.status,
    stored.statusMessage,
    stored.fields,
    stored.etag ?? null,
    stored.lastModified ?? null,
    stored.bodyLength,
    checksumOfBody,
    stored.responseTime,
    stored.initialAge,
    stored.freshnessLifetime,
    stored.staleWhileRevalidate,
    stored.staleIfError,
    stored.keep,
    stored.mustRevalidate,
    stored.noCache,
    stored.epoch,
    stored.tags,
    stored.part === undefined ? null : [stored.part.first, stored.part.last, stored.part.length],
  ]);
  const checksum = crc32(json).toString(16).padStart(CHECKSUM_LENGTH, "0");
  return Buffer.from(ENTRY_MAGIC + checksum + json, "utf8");
}

/** The unchanging start of a divided resource's record; the script in Redis appends the sets. */
export const dividedHead = (key: string): string => `${DIVIDED_MAGIC}\n${JSON.stringify(key)}\n`;

/** One set of selecting field names, as a line of a divided resource's record. */
export const dividedLine = (names: readonly string[]): string => names.map(encodeURIComponent).join(",");

/** Never throws: what is not exactly one of our records is `foreign`, with a reason for people. */
export function decodeMeta(bytes: Buffer): Meta {
  if (bytes.length > LARGEST_META) return foreign(`a record of ${bytes.length} bytes`);
  const magic = bytes.toString("latin1", 0, 4);
  if (magic === ENTRY_MAGIC) return decodeEntry(bytes);
  if (magic === DIVIDED_MAGIC) return decodeDivided(bytes);
  return foreign(magic.startsWith("FL") ? "a record of an unknown version" : "not a record of ours");
}

const foreign = (detail: string): Meta => ({ type: "foreign", detail });

function decodeEntry(bytes: Buffer): Meta {
  const start = ENTRY_MAGIC.length + CHECKSUM_LENGTH;
  const json = bytes.subarray(start);
  if (
    crc32(json).toString(16).padStart(CHECKSUM_LENGTH, "0") !==
    bytes.toString("latin1", ENTRY_MAGIC.length, start)
  ) {
    return foreign("a damaged record");
  }
  const record = parseJson(json.toString("utf8"));
  if (!Array.isArray(record) || record.length !== 21) return foreign("a record of another shape");
  const [uri, key, selectingFields, status, statusMessage, fields, etag, lastModified, bodyLength, checksum] =
    record;
  const [responseTime, initialAge, freshnessLifetime, staleWhileRevalidate, staleIfError, keep] =
    record.slice(10);
  const [mustRevalidate, noCache, epoch, tags, part] = record.slice(16);
  if (
    !isText(uri) ||
    !(key === null || isText(key)) ||
    !isSelecting(selectingFields) ||
    !isStatus(status) ||
    !isWritable(statusMessage) ||
    !isFields(fields) ||
    !(etag === null || isText(etag)) ||
    !(lastModified === null || isText(lastModified)) ||
    !isCount(bodyLength) ||
    !isCount(checksum) ||
    !isNumber(responseTime) ||
    !isSeconds(initialAge) ||
    !isSeconds(freshnessLifetime) ||
    !isSeconds(staleWhileRevalidate) ||
    !isSeconds(staleIfError) ||
    !isSeconds(keep) ||
    typeof mustRevalidate !== "boolean" ||
    typeof noCache !== "boolean" ||
    !isCount(epoch) ||
    !(Array.isArray(tags) && tags.every(isText)) ||
    !(part === null || isPart(part, bodyLength))
  ) {
    return foreign("a record with values of other types");
  }
  const stored: StoredResponse = {
    uri,
    selectingFields,
    status,
    statusMessage,
    fields,
    ...(etag === null ? {} : { etag }),
    ...(lastModified === null ? {} : { lastModified }),
    bodyLength,
    responseTime,
    initialAge,
    freshnessLifetime,
    staleWhileRevalidate,
    staleIfError,
    keep,
    mustRevalidate,
    noCache,
    tags,
    ...(part === null ? {} : { part: { first: part[0], last: part[1], length: part[2] } }),
    epoch,
  };
  return { type: "entry", key: key ?? uri, stored, bodyChecksum: checksum };
}

function decodeDivided(bytes: Buffer): Meta {
  const lines = bytes.toString("utf8", DIVIDED_MAGIC.length + 1).split("\n");
  const key = parseJson(lines[0] ?? "");
  if (!isText(key)) return foreign("a divided record without a key");
  const sets: string[][] = [];
  for (const line of lines.slice(1, 1 + MAX_SETS)) {
    if (line.length > LONGEST_SET) return foreign("a divided record with more names than anybody sends");
    const names = line.split(",").map(decodeName);
    if (names.some((name) => name === undefined || name === "")) return foreign("a damaged divided record");
    sets.push(names as string[]);
  }
  return sets.length === 0 ? foreign("a divided record without names") : { type: "divided", key, sets };
}

/** More sets of selecting field names than this are not remembered for one resource: the oldest goes. */
export const MAX_SETS = 8;
/** Nor is one that is longer as a line, in characters: each lookup makes a name of it. */
export const LONGEST_SET = 8192;

function decodeName(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isSeconds = (value: unknown): value is number => isNumber(value) && value >= 0 && value <= LONGEST;
/** Of a final response: anything else would be no answer, or none that could be written. */
const isStatus = (value: unknown): value is number => isCount(value) && value >= 200 && value <= 999;
const isWritable = (value: unknown): value is string => isText(value) && !UNWRITABLE.test(value);
const isName = (value: unknown): boolean =>
  isText(value) && isToken(value) && !FRAMING.has(value.toLowerCase());
const isFields = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length % 2 === 0 &&
  value.every((each, i) => (i % 2 === 0 ? isName(each) : isWritable(each)));
const isPart = (value: unknown, bodyLength: number): value is [number, number, number] => {
  if (!Array.isArray(value) || value.length !== 3 || !value.every(isCount)) return false;
  const [first, last, length] = value as [number, number, number];
  return first <= last && last < length && last - first + 1 === bodyLength;
};
const isSelecting = (value: unknown): value is Record<string, string | null> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((item) => item === null || isText(item));
