import { type Entry, type Lookup, type PurgeTarget, readBytes, type Store } from "../cache/ports.ts";
import type { FieldLines } from "../policy/fields.ts";
import { keepUntil } from "../policy/freshness.ts";
import { variantId, variantMatches } from "../policy/key.ts";
import type { EpochMs } from "../policy/stored-response.ts";

/** More variants of one resource than this are not kept: the oldest goes. */
export const MAX_VARIANTS = 32;
/** A body larger than this share of the capacity would push out too much else. */
const LARGEST_SHARE = 1 / 8;
/** What one entry costs beyond its strings and its body's bytes: objects, links, the map slot, the buffer. As measured. */
export const ENTRY_OVERHEAD = 1000;
/** What a string costs beyond its characters, all latin1: its header, its rounding up and the slot that holds it. */
export const STRING_OVERHEAD = 28;

export interface MemoryOptions {
  /** Bytes that all entries together may take, overhead included; 0 keeps nothing. */
  readonly capacity: number;
  readonly now: () => EpochMs;
}

export interface MemoryStats {
  readonly entries: number;
  readonly bytes: number;
  /** Entries pushed out by others since the start; expired and dropped ones do not count. */
  readonly evictions: number;
}

/** One variant in the queue: `newer` leads to the head, `older` to the tail. */
interface Resident {
  readonly key: string;
  readonly variant: string;
  found: Extract<Lookup, { type: "found" }>;
  until: EpochMs;
  bytes: number;
  visited: boolean;
  newer: Resident | undefined;
  older: Resident | undefined;
}

const URI_MISS: Lookup = { type: "none", fwd: "uri-miss" };
const VARY_MISS: Lookup = { type: "none", fwd: "vary-miss" };

/**
 * The memory tier: what this process keeps, bounded in bytes, and evicted by SIEVE.
 *
 * New entries enter at the head. A hit only sets a bit. When room is needed, a hand walks from
 * the tail to the head: it clears set bits and takes the first entry whose bit was clear, then
 * stays where it is. So a hit moves nothing, and one-hit wonders leave soon.
 */
export class MemoryStore implements Store {
  readonly #capacity: number;
  readonly #now: () => EpochMs;
  /** The variants of each key, the most recently put first. */
  readonly #residents = new Map<string, Resident[]>();
  #head: Resident | undefined;
  #tail: Resident | undefined;
  #hand: Resident | undefined;
  #entries = 0;
  #bytes = 0;
  #evictions = 0;

  constructor(options: MemoryOptions) {
    this.#capacity = options.capacity;
    this.#now = options.now;
  }

  /** The longest body that is kept. */
  get maxBodyBytes(): number {
    return Math.floor(this.#capacity * LARGEST_SHARE);
  }

  lookup(key: string, request: FieldLines): Lookup {
    const variants = this.#residents.get(key);
    if (variants === undefined) return URI_MISS;
    const now = this.#now();
    let newest: Resident | undefined;
    for (let i = variants.length - 1; i >= 0; i--) {
      const resident = variants[i] as Resident;
      if (resident.until <= now) {
        this.#remove(resident);
        continue;
      }
      const { stored } = resident.found.entry;
      if (resident.variant !== "" && !variantMatches(stored.selectingFields, request)) continue;
      if (newest === undefined || stored.responseTime >= newest.found.entry.stored.responseTime)
        newest = resident;
    }
    if (newest === undefined) return variants.length === 0 ? URI_MISS : VARY_MISS;
    newest.visited = true;
    return newest.found;
  }

  /** `put`, at once. What is too large, elsewhere or already over is not kept, and neither is what it replaces. */
  keep(key: string, entry: Entry): void {
    const variant = variantId(entry.stored.selectingFields);
    const variants = this.#residents.get(key);
    const known = variants?.find((resident) => resident.variant === variant);
    const until = keepUntil(entry.stored);
    const { body } = entry;
    const bytes = weigh(key, entry);
    const here = body instanceof Uint8Array;
    if (!here || body.length > this.maxBodyBytes || bytes > this.#capacity || until <= this.#now()) {
      if (known !== undefined) this.#remove(known);
      return;
    }
    const found = {
      type: "found",
      entry: { stored: entry.stored, body: ownBytes(body) },
      tier: "memory",
    } as const;
    if (known === undefined) this.#insert({ key, variant, found, until, bytes });
    else this.#replace(known, { found, until, bytes });
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
        this.clear();
        return;
      case "url":
        for (const resident of [...(this.#residents.get(target.key) ?? [])]) this.#remove(resident);
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
    this.#residents.clear();
    this.#head = this.#tail = this.#hand = undefined;
    this.#entries = this.#bytes = 0;
  }

  stats(): MemoryStats {
    return { entries: this.#entries, bytes: this.#bytes, evictions: this.#evictions };
  }

  #insert(fresh: Pick<Resident, "key" | "variant" | "found" | "until" | "bytes">): void {
    const crowd = this.#residents.get(fresh.key);
    if (crowd !== undefined && crowd.length >= MAX_VARIANTS) this.#evict(crowd[crowd.length - 1] as Resident);
    while (this.#bytes + fresh.bytes > this.#capacity) this.#evictOne();
    const resident: Resident = { ...fresh, visited: false, newer: undefined, older: this.#head };
    if (this.#head === undefined) this.#tail = resident;
    else this.#head.newer = resident;
    this.#head = resident;
    this.#entries++;
    this.#bytes += resident.bytes;
    const variants = this.#residents.get(fresh.key);
    if (variants === undefined) this.#residents.set(fresh.key, [resident]);
    else variants.unshift(resident);
  }

  /** A replaced entry keeps its place in the queue, and counts as visited: somebody asked for it again. */
  #replace(known: Resident, fresh: Pick<Resident, "found" | "until" | "bytes">): void {
    this.#bytes += fresh.bytes - known.bytes;
    Object.assign(known, fresh);
    while (this.#bytes > this.#capacity) this.#evictOne(known);
    known.visited = true;
    const variants = this.#residents.get(known.key) as Resident[];
    variants.splice(variants.indexOf(known), 1);
    variants.unshift(known);
  }

  #evictOne(spared?: Resident): void {
    const now = this.#now();
    let candidate = this.#hand ?? (this.#tail as Resident);
    while (candidate === spared || (candidate.visited && candidate.until > now)) {
      candidate.visited = false;
      candidate = candidate.newer ?? (this.#tail as Resident);
    }
    this.#hand = candidate;
    this.#evict(candidate);
  }

  #evict(resident: Resident): void {
    this.#remove(resident);
    this.#evictions++;
  }

  #remove(resident: Resident): void {
    if (this.#hand === resident) this.#hand = resident.newer;
    if (resident.newer === undefined) this.#head = resident.older;
    else resident.newer.older = resident.older;
    if (resident.older === undefined) this.#tail = resident.newer;
    else resident.older.newer = resident.newer;
    this.#entries--;
    this.#bytes -= resident.bytes;
    const variants = this.#residents.get(resident.key) as Resident[];
    variants.splice(variants.indexOf(resident), 1);
    if (variants.length === 0) this.#residents.delete(resident.key);
  }
}

/** A body that is a view of a larger buffer would keep all of that buffer alive, uncounted. */
const ownBytes = (body: Uint8Array): Uint8Array =>
  body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body);

/** What an entry takes of the process's memory, in bytes; bench/memory-weight.ts measures it. */
export function weigh(key: string, { stored, body }: Entry): number {
  const { uri, statusMessage, fields, etag = "", lastModified = "", tags, selectingFields } = stored;
  let bytes = ENTRY_OVERHEAD + body.length;
  const add = (text: string) => {
    bytes += STRING_OVERHEAD + text.length;
  };
  for (const text of [key, uri, statusMessage, etag, lastModified]) add(text);
  fields.forEach(add);
  tags.forEach(add);
  // Once in the response, once in the variant's name.
  for (const name in selectingFields) {
    for (const text of [name, name, selectingFields[name] ?? "", selectingFields[name] ?? ""]) add(text);
  }
  return bytes;
}
