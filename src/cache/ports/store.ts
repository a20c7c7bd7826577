import type { FieldLines } from "../../policy/fields.ts";
import type { Reusable, StoredResponse } from "../../policy/stored-response.ts";
import type { ChunkedBody } from "./body.ts";
import type { PurgeTarget } from "./purge-log.ts";

/** A stored response and its complete body, which is here or elsewhere. */
export interface Entry {
  readonly stored: StoredResponse;
  readonly body: Uint8Array | ChunkedBody;
}

/** A body that lies in the shared store already, with no entry that leads to it yet. */
export interface SentBody {
  /** Where and how it lies, in the store's own words. */
  readonly record: string;
  /** CRC-32 of all of it. */
  readonly checksum: number;
}

/** What of a stored response is looked at before it may be the answer. */
export type Glance = Reusable & Pick<StoredResponse, "uri" | "epoch" | "tags">;

/** A complete response as it lies in memory. */
export interface PackedResponse extends Omit<Glance, "part"> {
  /** Of its field lines, as they go over the wire, each with its end. */
  readonly linesBytes: number;
  readonly bodyBytes: number;
  /** Those with the same one have the same status, reason phrase and names of field lines, in order. */
  readonly shape: number;
  copyLines(to: Uint8Array, at: number): void;
  copyBody(to: Uint8Array, at: number): void;
}

export type Tier = "memory" | "redis";

export type Lookup = (
  | {
      readonly type: "found";
      readonly entry: Entry;
      readonly tier: Tier;
      /** The next look-up makes another object of it: what is made of this one is of no more use than it is. */
      readonly fleeting?: true;
      /** The entry as it lies, where that is known: to be asked at once, before anything is put or dropped, or it throws. */
      readonly packed?: PackedResponse;
      /** Nobody reads its body any more: its memory is used again. For whoever alone has it, and may leave it undone. */
      readonly giveBack?: () => void;
    }
  /** `vary-miss`: the resource is known, but not this variant (RFC 9211 §2.2). */
  | { readonly type: "none"; readonly fwd: "uri-miss" | "vary-miss" }
) & {
  /** The store that instances share could not be asked: it may know better. */
  readonly storeFailed?: boolean;
};

/** One variant in one tier, for those who only look. */
export interface Inspected {
  readonly entry: Entry;
  readonly tier: Tier;
}

/**
 * A place where responses live. Any method may reject; callers treat a rejection as
 * "not there" and say so with a `store-failed` event, never as a 5xx.
 * Every implementation passes test/store/contract.ts.
 */
export interface Store {
  /** The newest variant of `key` whose selecting header fields match the request's (RFC 9111 §4.1). */
  lookup(key: string, request: FieldLines): Lookup | Promise<Lookup>;
  /** What `lookup` would answer at once with something found; undefined where it would have to ask, or found nothing. Asks nobody. */
  near?(key: string, request: FieldLines): Extract<Lookup, { type: "found" }> | undefined;
  /**
   * Keeps the entry until `keepUntil` of its last window, replacing the same variant. `sent` is its
   * body, where that has been left in the store while it arrived.
   */
  put(key: string, entry: Entry, sent?: SentBody): Promise<void>;
  /**
   * Replaces what is known about a response whose body stays (a 304, RFC 9111 §4.3.4).
   * The body is passed along for stores that have lost it meanwhile.
   */
  freshen(key: string, entry: Entry): Promise<void>;
  /**
   * Every variant of `key` that is here and not over, in every tier, at most 64 of them; changes nothing, not
   * even what is evicted next.
   */
  inspect(key: string): Promise<readonly Inspected[]>;
  /** Frees what the target covers. Correctness does not wait for it: the purge log already covers it. */
  drop(target: PurgeTarget): Promise<void>;
  close(): Promise<void>;
}

/** Some of what a tier holds. */
export interface Leaf {
  readonly found: readonly { readonly key: string; readonly stored: StoredResponse }[];
  /** How much was looked at to find it. */
  readonly lookedAt: number;
  /** Where to go on; absent at the end. */
  readonly next?: string;
}

/** A tier that can be leafed through by people: each look costs little, and touches nothing. */
export interface Browsable {
  readonly tier: Tier;
  /**
   * About `most` of the entries whose keys are wanted, or fewer of which there may be more, from the cursor on
   * (empty for the beginning). Undefined where it is no cursor of this tier. Rejects with StoreError.
   */
  browse(cursor: string, most: number, wanted: (key: string) => boolean): Promise<Leaf | undefined>;
}

/** The store did not answer in time, refused, or is known to be away. Nothing was changed that counts. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: "unavailable" | "timeout" | "refused";
  constructor(code: StoreError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
