import { type FieldLines, fieldValue } from "./fields.ts";
import { readDictionary } from "./structured-fields.ts";

/** Which differences between two queries do not matter (No-Vary-Search, draft-ietf-httpbis-no-vary-search). */
export interface SearchVariance {
  /** Every parameter counts but those named, or only those named. */
  readonly parameters:
    | { readonly type: "all-but"; readonly names: readonly string[] }
    | { readonly type: "only"; readonly names: readonly string[] };
  readonly keyOrder: boolean;
}

/** What a response says of its query (No-Vary-Search, “Parsing”); undefined when it says nothing, or nothing that is valid. */
export function searchVariance(response: FieldLines): SearchVariance | undefined {
  const value = fieldValue(response, "no-vary-search");
  if (value === undefined) return undefined;
  try {
    const members = readDictionary(value);
    const keyOrder = members.get("key-order")?.[0] ?? false;
    const params = members.get("params")?.[0] ?? false;
    const except = members.get("except")?.[0];
    if (typeof keyOrder !== "boolean") return undefined;
    if (typeof params === "boolean") {
      if (except === undefined) {
        if (!params && !keyOrder) return undefined;
        return {
          parameters: params ? { type: "only", names: [] } : { type: "all-but", names: [] },
          keyOrder,
        };
      }
      // `except` narrows `params` only.
      const names = stringsOf(except);
      return params && names !== undefined ? { parameters: { type: "only", names }, keyOrder } : undefined;
    }
    const names = except === undefined ? stringsOf(params) : undefined;
    // An empty list ignores nothing: that is no variance, and bytes count.
    if (names === undefined || (names.length === 0 && !keyOrder)) return undefined;
    return { parameters: { type: "all-but", names }, keyOrder };
  } catch {
    return undefined;
  }
}

const stringsOf = (list: unknown): string[] | undefined => {
  if (!Array.isArray(list)) return undefined;
  const names = list.map((item: unknown) => (Array.isArray(item) ? item[0] : undefined));
  return names.every((name) => typeof name === "string") ? names.map(parameterName) : undefined;
};

/** A parameter's name as it is after decoding ("parse a key", §5.3): `%C3%A9+x` names `é x`. */
const parameterName = (text: string): string =>
  new URLSearchParams(`name=${text.replaceAll("&", "%26")}`).get("name") ?? "";

/**
 * The pairs of a query (§6). Bytes beyond ASCII are encoded first, as they came, because the
 * parser would take each of our chars for a character; the `&` keeps it from dropping a `?`.
 */
const pairsOf = (query: string): [string, string][] => [
  ...new URLSearchParams(
    `&${query.replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)}`,
  ),
];

/**
 * The target in the form that all equivalent targets share (No-Vary-Search, “Comparing”): without the
 * parameters that do not count, in the order of their names where order does not count.
 */
export function canonicalTarget(target: string, variance: SearchVariance): string {
  const mark = target.indexOf("?");
  if (mark === -1) return target;
  const { parameters, keyOrder } = variance;
  const names = new Set(parameters.names);
  const counts = (name: string): boolean => names.has(name) === (parameters.type === "only");
  // Some origins end a parameter at a `;` as well: what does not count may hide one that does.
  const hides = (text: string): boolean => text.includes(";");
  const pairs = pairsOf(target.slice(mark + 1)).filter(
    ([name, value]) => counts(name) || hides(name) || hides(value),
  );
  // Stable, so that the values of one name stay in their order.
  if (keyOrder) pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const query = new URLSearchParams(pairs).toString();
  return query === "" ? target.slice(0, mark) : `${target.slice(0, mark)}?${query}`;
}

/**
 * The group (RFC 9875 §2) of all responses that answer several queries of one path. A purge of one query covers the
 * group: which of its responses answer that query only their own fields say, and a purge reaches those
 * that have never read them.
 */
export const searchGroup = (target: string): string => `?${target.split("?", 1)[0]}`;
