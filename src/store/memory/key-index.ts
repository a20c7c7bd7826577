import type { StoredResponse } from "../../policy/stored-response.ts";
import { KeyTable } from "./key-table.ts";
import { NONE } from "./slots.ts";

/** One of several variants of a resource, or one that fields select. */
export interface Variant {
  readonly slot: number;
  /** As `variantId` names it. */
  readonly id: string;
  readonly selectingFields: StoredResponse["selectingFields"];
}

const NOTHING_SELECTS = {};

/**
 * Which slots are a key's? Most resources have one variant that nothing selects, and need no more than its
 * number. Of others the most recently put comes first.
 */
export class KeyIndex {
  /** Of those with one variant that nothing selects. */
  readonly #plain: KeyTable;
  readonly #variants = new Map<string, Variant[]>();
  readonly #mostOfOne: number;

  /** `has`: has this slot this key? It is asked of slots that were put. */
  constructor(mostVariantsOfOne: number, has: (slot: number, key: string) => boolean) {
    this.#mostOfOne = mostVariantsOfOne;
    this.#plain = new KeyTable(has);
  }

  get(key: string): number | readonly Variant[] | undefined {
    const slot = this.#plain.get(key);
    if (slot !== NONE) return slot;
    return this.#variants.size === 0 ? undefined : this.#variants.get(key);
  }

  /** All slots of a key. */
  slots(key: string): number[] {
    const variants = this.get(key);
    if (variants === undefined) return [];
    return typeof variants === "number" ? [variants] : variants.map(({ slot }) => slot);
  }

  /** The slot of a variant; NONE where it is not here. */
  find(key: string, id: string): number {
    const variants = this.get(key);
    if (variants === undefined) return NONE;
    if (typeof variants === "number") return id === "" ? variants : NONE;
    return variants.find((variant) => variant.id === id)?.slot ?? NONE;
  }

  /** The slot that has to go before one more variant comes; NONE while there is room. */
  surplus(key: string): number {
    const variants = this.#variants.get(key);
    if (variants === undefined || variants.length < this.#mostOfOne) return NONE;
    return variants.at(-1)?.slot ?? NONE;
  }

  /** Puts a variant first, whether it is new or known. */
  put(key: string, variant: Variant): void {
    const variants = this.#variants.get(key);
    if (variants !== undefined) {
      removeSlot(variants, variant.slot);
      variants.unshift(variant);
      return;
    }
    const slot = this.#plain.get(key);
    if (variant.id === "") {
      if (slot === NONE) this.#plain.add(key, variant.slot);
    } else if (slot === NONE) this.#variants.set(key, [variant]);
    else {
      this.#plain.delete(key, slot);
      this.#variants.set(key, [variant, { slot, id: "", selectingFields: NOTHING_SELECTS }]);
    }
  }

  delete(key: string, slot: number): void {
    const variants = this.#variants.get(key);
    if (variants === undefined) {
      this.#plain.delete(key, slot);
      return;
    }
    removeSlot(variants, slot);
    if (variants.length === 0) this.#variants.delete(key);
  }

  clear(): void {
    this.#plain.clear();
    this.#variants.clear();
  }
}

function removeSlot(variants: Variant[], slot: number): void {
  const at = variants.findIndex((variant) => variant.slot === slot);
  if (at !== -1) variants.splice(at, 1);
}
