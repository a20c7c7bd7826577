import { readBytes } from "../cache/ports/body.ts";
import type { PurgeTarget } from "../cache/ports/purge-log.ts";
import type { Entry, Inspected, Lookup, Store } from "../cache/ports/store.ts";
import type { FieldLines } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import { variantId, variantMatches } from "../policy/key.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { KeyIndex, type Variant } from "./memory/key-index.ts";
import { isKey } from "./memory/packed.ts";
import { type Packed, packEntry, Records, type Sending } from "./memory/records.ts";
import { Sieve } from "./memory/sieve.ts";
import { NONE, Slots } from "./memory/slots.ts";
import type { Found } from "./memory/unpacked.ts";
import { weigh } from "./memory/weight.ts";

/** More variants of one resource than this are not kept: the least recently put goes. */
export const MAX_VARIANTS = 32;
/** A body larger than this share of the capacity would push out too much else. */
const LARGEST_SHARE = 1 / 8;
/** What is asked for often is ready as objects, within this share of the capacity, and never more than so many bytes. */
const UNPACKED_SHARE = 1 / 8;
const UNPACKED_MOST = 64 * 1024 * 1024;
/** A Map takes twice as many. */
const MAX_ENTRIES = 2 ** 23;

export interface MemoryOptions {
  /** Bytes that all entries together may take, overhead included; 0 keeps nothing. */
  readonly capacity: number;
  readonly now: () => EpochMs;
  /** Absent: what is sent is not looked at. */
  readonly sending?: Sending;
  readonly maxEntries?: number;
}

export interface MemoryStats {
  readonly entries: number;
  readonly bytes: number;
  /** Entries pushed out by others since the start; expired and dropped ones do not count. */
  readonly evictions: number;
  /** Entries that were found to be over. */
  readonly expired: number;
  /** Entries that purges have dropped. */
  readonly purged: number;
}

const URI_MISS: Lookup = { type: "none", fwd: "uri-miss" };
const VARY_MISS: Lookup = { type: "none", fwd: "vary-miss" };

/**
 * The memory tier: what this process keeps, bounded in bytes, and evicted by SIEVE.
 *
 * An entry is a number, its slot, and a record in a slab: text for all but the body, and the body where it is
 * short. So a million of them are few objects, and the garbage collector has little to walk. What is asked for
 * often is kept as objects, too. A body that is being sent is not evicted: its memory would not come back.
 */
export class MemoryStore implements Store {
  readonly #capacity: number;
  /** Bytes for entries. */
  readonly #room: number;
  readonly #maxEntries: number;
  readonly #now: () => EpochMs;
  readonly #index = new KeyIndex(MAX_VARIANTS, (slot, key) => this.#records.hasKey(slot, key));
  readonly #slots = new Slots();
  readonly #queue = new Sieve((slot) => this.#slots.forget(slot));
  readonly #records: Records;
  #bytes = 0;
  #evictions = 0;
  #expired = 0;
  #purged = 0;

  constructor({ capacity, now, sending, maxEntries = MAX_ENTRIES }: MemoryOptions) {
    const unpacked = Math.min(Math.floor(capacity * UNPACKED_SHARE), UNPACKED_MOST);
    this.#capacity = capacity;
    this.#room = capacity - unpacked;
    this.#maxEntries = maxEntries;
    this.#now = now;
    this.#records = new Records(this.#slots, this.#room, unpacked, sending);
  }

  /** The longest body that is kept. */
  get maxBodyBytes(): number {
    return Math.floor(this.#capacity * LARGEST_SHARE);
  }

  lookup(key: string, request: FieldLines): Lookup {
    const slot = this.#find(key, request);
    return typeof slot === "number" ? this.#records.find(slot, key, this.#slots.ask(slot)) : slot;
  }

  /** The same for who decides at once: `packed` tells of some what there is to tell, and nothing of them is made. */
  near(key: string, request: FieldLines): Found | undefined {
    const slot = this.#find(key, request);
    return typeof slot === "number" ? this.#records.near(slot, key, this.#slots.ask(slot)) : undefined;
  }

  async inspect(key: string): Promise<readonly Inspected[]> {
    const now = this.#now();
    return this.#index
      .slots(key)
      .filter((slot) => this.#slots.until(slot) > now)
      .map((slot) => this.#records.peek(slot, key));
  }

  /** Of the entries in so many slots from `first` on at most `most` that are wanted; and where it has come to. */
  leaf(first: number, slots: number, most: number, wanted: (key: string) => boolean) {
    const now = this.#now();
    const end = Math.min(first + slots, this.#slots.used);
    const found: { readonly key: string; readonly stored: Entry["stored"] }[] = [];
    let slot = first;
    for (; slot < end && found.length < most; slot++) {
      if (this.#slots.until(slot) <= now) continue;
      const key = this.#records.keyOf(slot);
      if (!wanted(key)) continue;
      found.push({ key, stored: this.#records.peek(slot, key).entry.stored });
    }
    return { found, slot, isEnd: slot >= this.#slots.used };
  }

  /** `put`, at once. What is too large, elsewhere or already over is not kept, and neither is what it replaces. */
  keep(key: string, entry: Entry): void {
    const variant = variantId(entry.stored.selectingFields);
    const known = this.#index.find(key, variant);
    if (!this.#admit(key, variant, known, entry) && known !== NONE) this.#remove(known, key);
  }

  async put(key: string, entry: Entry): Promise<void> {
    const { body } = entry;
    const asItIs = body instanceof Uint8Array || body.length > this.maxBodyBytes;
    this.keep(key, asItIs ? entry : { ...entry, body: await readBytes(body) });
  }

  async freshen(key: string, entry: Entry): Promise<void> {
    await this.put(key, entry);
  }

  /** `drop`, at once. */
  forget(target: PurgeTarget): void {
    switch (target.type) {
      case "everything":
        this.#purged += this.#queue.size;
        this.clear();
        return;
      case "url":
        for (const slot of this.#index.slots(target.key)) {
          this.#remove(slot);
          this.#purged++;
        }
        return;
      case "path":
      case "prefix":
      case "site":
      case "tag":
      case "group":
        // Found by no index: the purge covers them, and they leave when they are asked for or pushed out.
        return;
    }
  }

  async drop(target: PurgeTarget): Promise<void> {
    this.forget(target);
  }

  async close(): Promise<void> {
    this.clear();
  }

  clear(): void {
    this.#records.clear();
    this.#index.clear();
    this.#queue.clear();
    this.#slots.clear();
    this.#bytes = 0;
  }

  stats(): MemoryStats {
    return {
      entries: this.#queue.size,
      bytes: this.#bytes + this.#records.unpackedBytes,
      evictions: this.#evictions,
      expired: this.#expired,
      purged: this.#purged,
    };
  }

  /** False when there is no place for it; what was `known` has lost its record by then. */
  #admit(key: string, variant: string, known: number, { stored, body }: Entry): boolean {
    const until = keepUntil(stored);
    if (!(body instanceof Uint8Array) || body.length > this.maxBodyBytes || until <= this.#now())
      return false;
    if (!isKey(key)) return false;
    const packed = packEntry(key, stored, body);
    const weight = weigh(key, variant, packed);
    if (known !== NONE) this.#empty(known, packed);
    if (!this.#makeRoom(weight, known)) {
      if (known !== NONE) this.#records.refuse(packed);
      return false;
    }
    const slot = known === NONE ? this.#enter(key) : known;
    // A replaced entry keeps its place in the queue, and counts as visited: somebody asked for it again.
    if (known !== NONE) this.#slots.ask(slot);
    this.#records.put(slot, packed);
    this.#slots.fill(slot, until, weight);
    this.#bytes += weight;
    this.#index.put(key, { slot, id: variant, selectingFields: stored.selectingFields });
    return true;
  }

  #find(key: string, request: FieldLines): number | Lookup {
    const variants = this.#index.get(key);
    if (variants === undefined) return URI_MISS;
    const now = this.#now();
    if (typeof variants === "number") {
      if (this.#slots.until(variants) > now) return variants;
      this.#expire(variants);
      return URI_MISS;
    }
    for (const { slot } of [...variants]) if (this.#slots.until(slot) <= now) this.#expire(slot);
    const matching = variants.filter(({ selectingFields }) => variantMatches(selectingFields, request));
    if (matching.length === 0) return variants.length === 0 ? URI_MISS : VARY_MISS;
    return this.#newest(matching, key);
  }

  /** The slot of the newest response, of equals the most recently put; there is one. */
  #newest(variants: readonly Variant[], key: string): number {
    if (variants.length === 1) return variants[0]?.slot ?? NONE;
    let newest = NONE;
    let latest = Number.NEGATIVE_INFINITY;
    for (const { slot } of variants) {
      const { responseTime } = this.#records.peek(slot, key).entry.stored;
      if (responseTime <= latest) continue;
      newest = slot;
      latest = responseTime;
    }
    return newest;
  }

  /** A slot of its own, in the queue. */
  #enter(key: string): number {
    const surplus = this.#index.surplus(key);
    if (surplus !== NONE) this.#evict(surplus);
    const slot = this.#slots.take();
    this.#queue.add(slot);
    return slot;
  }

  /** False where the entry is too heavy, or what is being sent leaves too little. Never evicts `spared`. */
  #makeRoom(weight: number, spared: number): boolean {
    const room = this.#room - weight - this.#records.strayBytes;
    if (room < 0) return false;
    const most = spared === NONE ? this.#maxEntries - 1 : this.#maxEntries;
    const now = this.#now();
    const isOver = (slot: number) => this.#slots.until(slot) <= now;
    const isSpared = (slot: number) => slot === spared || this.#records.isSent(slot);
    while (this.#bytes > room || this.#queue.size > most) {
      const slot = this.#queue.victim(isOver, isSpared);
      if (slot === NONE) return false;
      if (isOver(slot)) this.#expire(slot);
      else this.#evict(slot);
    }
    return true;
  }

  #expire(slot: number): void {
    this.#remove(slot);
    this.#expired++;
  }

  #evict(slot: number): void {
    this.#remove(slot);
    this.#evictions++;
  }

  #remove(slot: number, key = this.#records.keyOf(slot)): void {
    this.#empty(slot);
    this.#index.delete(key, slot);
    this.#queue.remove(slot);
    this.#slots.giveBack(slot);
  }

  /** The slot goes on without its record. */
  #empty(slot: number, coming?: Packed): void {
    this.#records.free(slot, coming);
    this.#bytes -= this.#slots.weight(slot);
    this.#slots.fill(slot, 0, 0);
  }
}
