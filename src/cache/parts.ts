import { combine } from "../policy/combine.ts";
import { type FieldLines, withoutFields } from "../policy/fields.ts";
import { variantId } from "../policy/key.ts";
import { sizeOf } from "../policy/partial.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { type Emit, storeFailed } from "./events.ts";
import { readBytes } from "./ports/body.ts";
import type { Entry, Store } from "./ports/store.ts";
import type { Purges } from "./purges.ts";

interface PartsDeps {
  readonly store: Store;
  readonly purges: Purges;
  readonly limits: { readonly maxObjectBytes: number };
  readonly emit: Emit;
  readonly now: () => EpochMs;
}

const RANGE: ReadonlySet<string> = new Set(["range"]);

/** What a part becomes together with what is stored of the same resource (RFC 9111 §3.4). */
export function createParts({ store, purges, limits, emit, now }: PartsDeps) {
  /** What to store: the part itself, or what it makes with what is stored; undefined when that is better. */
  return async function withStored(
    key: string,
    part: Entry,
    request: FieldLines,
  ): Promise<Entry | undefined> {
    const older = await lookup(key, part.stored, request);
    if (older === undefined) return part;
    const combination = combine(older.stored, part.stored, now(), limits.maxObjectBytes);
    switch (combination.type) {
      case "stays":
        return undefined;
      case "replaced":
        return part;
      case "combined": {
        const { head, union } = combination;
        const body = new Uint8Array(sizeOf(union));
        try {
          for (const { stored, body: bytes } of [older, part])
            body.set(await readBytes(bytes), (stored.part?.first ?? 0) - union.first);
        } catch {
          // What is stored cannot be read any more, of which its store has told.
          return part;
        }
        return { stored: { ...head, bodyLength: body.length }, body };
      }
    }
  };

  /** The same variant, unless it is purged or out of reach. */
  async function lookup(
    key: string,
    { selectingFields }: StoredResponse,
    request: FieldLines,
  ): Promise<Entry | undefined> {
    try {
      // As for the whole, so that a part in a nearer tier does not hide the whole in a farther one.
      const found = await store.lookup(key, withoutFields(request, RANGE));
      if (found.type === "none") return undefined;
      const { stored } = found.entry;
      if (variantId(stored.selectingFields) !== variantId(selectingFields)) return undefined;
      return purges.covers(key, stored.epoch, stored.tags) ? undefined : found.entry;
    } catch (error) {
      emit(storeFailed("lookup", error));
      return undefined;
    }
  }
}
