import type { Epoch } from "../policy/stored-response.ts";

/** A power of two. At 8 bytes each they are 2 MiB, once there is anything to remember. */
const PLACES = 2 ** 18;

/**
 * Up to which epoch has a name been deleted? Of names without number, in a fixed space: those that share a
 * hash share the answer, which is never too small, and too large for one other name in 262,144 at a time.
 */
export class CoarseEpochs {
  #places: Float64Array | undefined;

  /** Is there nothing to remember? */
  get isEmpty(): boolean {
    return this.#places === undefined;
  }

  raise(name: string, epoch: Epoch): void {
    this.#places ??= new Float64Array(PLACES);
    const place = placeOf(name);
    this.#places[place] = Math.max(this.#places[place] ?? 0, epoch);
  }

  /** 0 where it never was. */
  of(name: string): Epoch {
    return this.#places?.[placeOf(name)] ?? 0;
  }

  clear(): void {
    this.#places = undefined;
  }
}

/** FNV-1a, its high bits folded into those that are kept. */
function placeOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 18)) & (PLACES - 1);
}
