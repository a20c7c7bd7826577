/** A resource that every port serves. */
export interface Item {
  readonly id: string;
  /** JSON text, ready to be sent. */
  readonly value: string;
  /** Epoch milliseconds; grows with every change. */
  readonly updatedAt: number;
}

export type PutResult = { readonly type: "updated"; readonly item: Item } | { readonly type: "full" };

export const MAX_ITEMS = 10_000;
/** Bound on all values together, in characters of JSON. */
export const MAX_VALUE_CHARS = 64 * 1024 * 1024;
const FIRST_VALUE = '"initial"';

/**
 * What `/data` serves, shared by every port.
 *
 * Every id exists, unchanged since the start, and takes room only once it has been changed; so any
 * number of ids can be read, and `MAX_ITEMS` of them changed.
 */
export class Data {
  readonly #items = new Map<string, Item>();
  readonly #startedAt: number;
  readonly #now: () => number;
  #chars = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  get(id: string): Item {
    return this.#items.get(id) ?? { id, value: FIRST_VALUE, updatedAt: this.#startedAt };
  }

  /** Sets `updatedAt` to now, and later than before in any case; a missing value (JSON text) stays as it was. */
  put(id: string, value?: string): PutResult {
    const before = this.get(id);
    const known = this.#items.has(id);
    const item = { id, value: value ?? before.value, updatedAt: Math.max(this.#now(), before.updatedAt + 1) };
    const chars = this.#chars + item.value.length - (known ? before.value.length : 0);
    if ((!known && this.#items.size >= MAX_ITEMS) || chars > MAX_VALUE_CHARS) return { type: "full" };
    this.#items.set(id, item);
    this.#chars = chars;
    return { type: "updated", item };
  }
}

const timestamp = (item: Item): string => new Date(item.updatedAt).toISOString();

/** A strong validator made from `updated_at` alone (RFC 9110 §8.8.3). */
export const entityTagOf = (item: Item): string => `"${timestamp(item)}"`;

export const jsonOf = (item: Item): string =>
  `{"id":${JSON.stringify(item.id)},"value":${item.value},"updated_at":"${timestamp(item)}"}`;
