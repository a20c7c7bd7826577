import type { FieldLines } from "../policy/fields.ts";
import { canonicalTarget, type SearchVariance, searchVariance } from "../policy/no-vary-search.ts";
import { BoundedMap } from "./bounded-map.ts";

/** Paths remembered; the one learned of longest ago goes first. A forgotten one costs misses until it is learned again. */
const CAPACITY = 10_000;

/**
 * Under which key is an answer to this URI stored?
 *
 * No-Vary-Search comes with a response, and a key is needed before there is one: so what a path's
 * last response said is remembered. What is found under the key is checked against its own field.
 */
export class SearchVariances {
  readonly #paths = new BoundedMap<SearchVariance>(CAPACITY);

  get size(): number {
    return this.#paths.size;
  }

  /** The primary key for a URI: itself, where nothing is known of its path. */
  keyFor(uri: string): string {
    if (this.#paths.size === 0) return uri;
    const mark = uri.indexOf("?");
    const variance = mark === -1 ? undefined : this.#paths.get(uri.slice(0, mark));
    return variance === undefined ? uri : canonicalTarget(uri, variance);
  }

  /** Learns from a response to this URI, and answers the key to store it under. */
  learn(uri: string, response: FieldLines): string {
    const mark = uri.indexOf("?");
    if (mark === -1) return uri;
    const path = uri.slice(0, mark);
    const variance = searchVariance(response);
    if (variance === undefined) {
      this.#paths.delete(path);
      return uri;
    }
    // A copy: what is only a part of a string keeps all of it in memory.
    this.#paths.set(JSON.parse(JSON.stringify(path)) as string, variance);
    return canonicalTarget(uri, variance);
  }
}

/** Does this stored response, by its own No-Vary-Search, answer a request for this URI? */
export function answersUri(
  stored: { readonly uri: string; readonly fields: FieldLines },
  uri: string,
): boolean {
  if (stored.uri === uri) return true;
  const variance = searchVariance(stored.fields);
  return variance !== undefined && canonicalTarget(uri, variance) === canonicalTarget(stored.uri, variance);
}
