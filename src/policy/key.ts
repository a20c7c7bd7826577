import { type FieldLines, fieldValue, listElements, listedNames } from "./fields.ts";
import { canonicalPreferences } from "./preferences.ts";
import { remembering } from "./remembering.ts";
import type { StoredResponse } from "./stored-response.ts";

/**
 * The primary key (RFC 9111 §2): the target URI, with the client's Host in lower case and
 * the target's bytes as they came.
 *
 * Nothing else of a request may change an answer and be missing here: a key that is too
 * coarse is cache poisoning. What is not in it is not sent to an origin either
 * (CACHE_KEY_IGNORE_PARAMS removes a parameter from both).
 */
export function primaryKey(scheme: "http" | "https", host: string, target: string): string {
  return `${scheme}://${authorityOf(scheme, host)}${target}`;
}

/** A host as it is in the key (RFC 9110 §4.2.3): no origin may see a difference that the key does not have. */
export function authorityOf(scheme: "http" | "https", host: string): string {
  const defaultPort = scheme === "http" ? ":80" : ":443";
  const authority = host.toLowerCase();
  return authority.endsWith(defaultPort) ? authority.slice(0, -defaultPort.length) : authority;
}

/** The sites of a host (RFC 9110 §4.3.1): who ends TLS before this hop hides under which of them something is stored. */
export const sitesOf = (host: string): string[] => [
  primaryKey("http", host, ""),
  primaryKey("https", host, ""),
];

/** A primary key's scheme and authority (RFC 9110 §4.3.1), as they are in it; empty for a request-target. */
export function siteOf(key: string): string {
  if (key.startsWith("/")) return "";
  const scheme = key.indexOf("://");
  const end = scheme === -1 ? -1 : key.indexOf("/", scheme + 3);
  return end === -1 ? "" : key.slice(0, end);
}

/** The target or URI without the query parameters (RFC 3986 §3.4) that `ignored` names; `utm_*` covers a prefix. */
export function withoutParameters(target: string, ignored: readonly string[]): string {
  const mark = target.indexOf("?");
  if (mark === -1 || ignored.length === 0) return target;
  const matches = (name: string) =>
    ignored.some((rule) => (rule.endsWith("*") ? name.startsWith(rule.slice(0, -1)) : name === rule));
  const parameters = target.slice(mark + 1).split("&");
  const kept = parameters.filter((parameter) => !matches(parameter.split("=", 1)[0] ?? ""));
  if (kept.length === parameters.length) return target;
  return kept.length === 0 ? target.slice(0, mark) : `${target.slice(0, mark)}?${kept.join("&")}`;
}

/** Fields that say what a client prefers: how it is written does not matter (RFC 9110 §12.5). */
const PREFERENCES: ReadonlySet<string> = new Set([
  "accept",
  "accept-charset",
  "accept-encoding",
  "accept-language",
]);

/** Every lookup of a variant asks, and a site's clients write them in few ways. */
const preferencesOf = remembering(canonicalPreferences, 512);

/** A longer value takes so long to read that a request's is read once, however many variants it is compared with. */
const LONG_VALUE = 256;
const longValues = new WeakMap<FieldLines, Map<string, ReadValue>>();
interface ReadValue {
  readonly value: string;
  readonly read: string;
}

/**
 * A selecting header field's value, comparable (RFC 9111 §4.1): preferences by their meaning,
 * others without the whitespace around commas; null where the field is absent.
 */
function normalised(name: string, fields: FieldLines): string | null {
  const value = fieldValue(fields, name);
  if (value === undefined) return null;
  if (value.length <= LONG_VALUE) return comparable(name, value);
  const known = longValues.get(fields) ?? new Map<string, ReadValue>();
  const earlier = known.get(name);
  if (earlier?.value === value) return earlier.read;
  const read = comparable(name, value);
  longValues.set(fields, known.set(name, { value, read }));
  return read;
}

const comparable = (name: string, value: string): string =>
  PREFERENCES.has(name) ? preferencesOf(value) : listElements(value).join(",");

/** The request's values of the named fields; null where absent (RFC 9111 §4.1: absent matches absent). */
export function selectFrom(names: readonly string[], request: FieldLines): Record<string, string | null> {
  const sorted = [...new Set(names)].sort();
  // Entries, because assigning to `__proto__`, a legal field name, would lose it.
  return Object.fromEntries(sorted.map((name) => [name, normalised(name, request)]));
}

/** The request's values of the fields that the response's Vary nominates (RFC 9111 §4.1), and of `more`. */
export const selectingFields = (
  response: FieldLines,
  request: FieldLines,
  more: readonly string[] = [],
): Record<string, string | null> => selectFrom([...listedNames(response, "vary"), ...more], request);

/** Does a response selected by these fields answer this request (RFC 9111 §4.1)? */
export function variantMatches(selecting: StoredResponse["selectingFields"], request: FieldLines): boolean {
  for (const name in selecting) {
    if (name === "*" || selecting[name] !== normalised(name, request)) return false;
  }
  return true;
}

/** Names one variant of a resource (RFC 9111 §4.1); "" when nothing selects. Structured, so that values cannot run into each other. */
export function variantId(selecting: StoredResponse["selectingFields"]): string {
  const names = Object.keys(selecting).sort();
  return names.length === 0 ? "" : JSON.stringify(names.map((name) => [name, selecting[name]]));
}
