import type { Lookup } from "../../cache/ports/store.ts";
import type { StoredResponse } from "../../policy/stored-response.ts";
import { Sieve } from "./sieve.ts";

export type Found = Extract<Lookup, { type: "found" }>;

/** What one costs beyond its record: its objects, and what others may hang on it to answer faster. */
const OVERHEAD = 2000;
/** Its strings and its body, and the same again in a head that is ready to be sent. */
const PER_RECORD_BYTE = 2;

/** So many others, of as many as are kept, may be asked for between. To keep one costs some ten answers made of its record. */
const SHORT_WHILE = 1 / 8;

/**
 * Answers that are asked for often, ready as objects, by slot number: the same object every time, so that
 * others may hang on it what they make of it. Bounded in bytes, evicted by SIEVE. Once it is full, only what
 * is asked for twice within a short while comes in.
 */
export class Unpacked {
  readonly #capacity: number;
  readonly #kept = new Map<number, { readonly found: Found; readonly weight: number }>();
  readonly #queue = new Sieve();
  #bytes = 0;
  /** Asked for once of late: not yet worth it. */
  readonly #once = new Set<number>();

  /** `capacity`: bytes that all of them may take, as estimated; 0 keeps none. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(slot: number): Found | undefined {
    const kept = this.#kept.get(slot);
    if (kept === undefined) return undefined;
    this.#queue.touch(slot);
    return kept.found;
  }

  /** The same for those who only look, and ask for nothing. */
  peek(slot: number): Found | undefined {
    return this.#kept.get(slot)?.found;
  }

  /** Is it worth keeping, whose record has so many bytes? */
  wants(slot: number, recordBytes: number): boolean {
    const weight = weigh(recordBytes);
    if (this.#bytes + weight <= this.#capacity) return true;
    if (weight > this.#capacity) return false;
    if (this.#once.delete(slot)) return true;
    if (this.#once.size > this.#queue.size * SHORT_WHILE) this.#once.clear();
    this.#once.add(slot);
    return false;
  }

  /** Keeps what is wanted, and answers with it. */
  keep(slot: number, recordBytes: number, stored: StoredResponse, body: Uint8Array): Found {
    const weight = weigh(recordBytes);
    while (this.#bytes + weight > this.#capacity) this.delete(this.#queue.victim(NEVER, NEVER));
    // Not the objects that are made for most, which live no longer than their answer: V8 puts what one
    // place in a program makes among the old objects once much of it has lived long, and what is old
    // already keeps all of its strings until the next full collection.
    const found: Found = { type: "found", entry: { stored: structuredClone(stored), body }, tier: "memory" };
    this.#kept.set(slot, { found, weight });
    this.#queue.add(slot);
    this.#bytes += weight;
    return found;
  }

  delete(slot: number): void {
    const kept = this.#kept.get(slot);
    if (kept === undefined) return;
    this.#kept.delete(slot);
    this.#queue.remove(slot);
    this.#bytes -= kept.weight;
  }

  clear(): void {
    this.#kept.clear();
    this.#once.clear();
    this.#queue.clear();
    this.#bytes = 0;
  }
}

const NEVER = (): boolean => false;

const weigh = (recordBytes: number): number => OVERHEAD + PER_RECORD_BYTE * recordBytes;
