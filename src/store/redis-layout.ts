import { hash } from "node:crypto";
import { variantId } from "../policy/key.ts";
import { type StoredResponse, useStaleUpto } from "../policy/stored-response.ts";
import { tagName } from "../policy/tags.ts";
import { encodeMeta } from "./codec.ts";

/** A key longer than this is hashed, so that no key name is a burden to Redis. */
const LONGEST_KEY = 512;
/** What may stand in a hash tag as it is: printable, and no braces. */
const PLAIN_KEY = /^[\x20-\x7a\x7c\x7e]+$/;
/** Tags that are names of ours and not of a resource. */
const RESERVED: ReadonlySet<string> = new Set(["purges"]);

/** `freshline:{<key>}`: the resource's hash. Everything else of the resource begins with it. */
export function baseKey(namespace: string, key: string): string {
  const plain = key.length <= LONGEST_KEY && PLAIN_KEY.test(key) && !RESERVED.has(key);
  return `${namespace}:{${plain ? key : hash("sha256", key)}}`;
}

/** What names a variant's hash under its resource: `freshline:{<key>}:<suffix>`. */
export const variantSuffix = (variantId: string): string => hash("sha256", variantId).slice(0, 32);

/** The hash of one response: the resource's own where nothing selects it. */
export function entryName(base: string, { selectingFields }: StoredResponse): string {
  const variant = variantId(selectingFields);
  return variant === "" ? base : `${base}:${variantSuffix(variant)}`;
}

/** Which selecting header fields divide the resource, for people and for dropping. */
export const indexKey = (base: string): string => `${base}:vary`;

/** A namespace begins every key; braces in it would break the hash tags. */
export function checkNamespace(namespace: string): string {
  if (!/^[\w:.-]{1,64}$/.test(namespace)) {
    throw new Error(
      `not a Redis namespace: "${namespace}" (expected 1–64 letters, digits, "_", "-", "." or ":")`,
    );
  }
  return namespace;
}

/** Tells whether the body that is there is the body that is meant, without reading it. */
export const bodyId = ({ bodyLength }: StoredResponse, checksum: number): string =>
  `${bodyLength}-${checksum.toString(16)}`;

/** The selecting fields of a variant in one readable line; the time first, so that the oldest is the smallest. */
export function variantLabel(stored: StoredResponse): string {
  const fields = Object.entries(stored.selectingFields).map(
    ([name, value]) => `${name}: ${value ?? "(absent)"}`,
  );
  return `${isoTime(stored.responseTime)} ${fields.join("; ")}`;
}

/**
 * All fields of an entry's hash but the body, always all of them, so that writing them again
 * leaves nothing old. A hit reads `meta` and `body`; the others are for people and tools.
 */
export function hashFields(key: string, stored: StoredResponse, checksum: number): (string | Buffer)[] {
  return [
    "meta",
    encodeMeta(key, stored, checksum),
    "body_id",
    bodyId(stored, checksum),
    "uri",
    stored.uri,
    "status",
    String(stored.status),
    "headers",
    readableHeaders(stored),
    "etag",
    stored.etag ?? "",
    "last-modified",
    stored.lastModified ?? "",
    "cache_type",
    cacheType(stored),
    "max-age",
    String(stored.freshnessLifetime),
    "use_stale_upto",
    String(useStaleUpto(stored)),
    "stale-while-revalidate",
    String(stored.staleWhileRevalidate),
    "stale-if-error",
    String(stored.staleIfError),
    "stored_at",
    isoTime(stored.responseTime),
    "age",
    String(stored.initialAge),
    "epoch",
    String(stored.epoch),
    "tags",
    stored.tags.map(tagName).join(", "),
    "vary",
    Object.keys(stored.selectingFields).join(", "),
  ];
}

/** What kind of entry this is, in the words of Cache-Control; `plain` when none applies. */
function cacheType(stored: StoredResponse): string {
  const words: string[] = [];
  if (stored.noCache) words.push("no-cache");
  if (stored.mustRevalidate) words.push("must-revalidate");
  if (stored.staleWhileRevalidate > 0) words.push("stale-while-revalidate");
  if (stored.staleIfError > 0) words.push("stale-if-error");
  return words.length === 0 ? "plain" : words.join(",");
}

function readableHeaders(stored: StoredResponse): string {
  let lines = "";
  for (let i = 0; i + 1 < stored.fields.length; i += 2)
    lines += `${stored.fields[i]}: ${stored.fields[i + 1]}\n`;
  return lines;
}

const isoTime = (instant: number): string => {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? String(instant) : date.toISOString();
};
