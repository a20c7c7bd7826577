import type { Lookup } from "../../cache/ports/store.ts";
import type { StoredResponse } from "../../policy/stored-response.ts";
import { Sieve } from "./sieve.ts";
import type { Slots } from "./slots.ts";

export type Found = Extract<Lookup, { type: "found" }>;

/** What one costs beyond its record: its objects, and what others may hang on it to answer faster. */
const OVERHEAD = 2000;
/** Its strings and its body, and the same again in a head that is ready to be sent. */
const PER_RECORD_BYTE = 2;

interface Kept {
  readonly slot: number;
  readonly found: Found;
  readonly weight: number;
  /** Since the queue has last asked. */
  wasAsked: boolean;
}

/** So many others, of as many as are kept, may be asked for between. To keep one costs some ten answers made of its record. */
const SHORT_WHILE = 1 / 8;

/**
 * Answers that are asked for often, ready as objects, by slot number: the same object every time, so that
 * others may hang on it what they make of it. Bounded in bytes, evicted by SIEVE. Once it is full, only what
 * is asked for twice within a short while comes in. What answers as it lies has to be hot as well (`Records.near`).
 */
export class Unpacked {
  readonly #capacity: number;
  readonly #slots: Slots;
  /** By the number that their slots have in `Slots`, from 1 on. */
  readonly #kept: (Kept | undefined)[] = [undefined];
  readonly #vacant: number[] = [];
  readonly #queue = new Sieve((number) => this.#forget(number));
  #bytes = 0;

  /** `capacity`: bytes that all of them may take, as estimated; 0 keeps none. */
  constructor(capacity: number, slots: Slots) {
    this.#capacity = capacity;
    this.#slots = slots;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(slot: number): Found | undefined {
    const kept = this.#kept[this.#slots.ready(slot)];
    if (kept === undefined) return undefined;
    kept.wasAsked = true;
    return kept.found;
  }

  /** The same for those who only look, and ask for nothing. */
  peek(slot: number): Found | undefined {
    return this.#kept[this.#slots.ready(slot)]?.found;
  }

  /** Is it worth keeping, whose record has so many bytes, and which was asked for so many look-ups ago? */
  wants(recordBytes: number, ago: number): boolean {
    const weight = weigh(recordBytes);
    if (this.#bytes + weight <= this.#capacity) return true;
    return weight <= this.#capacity && ago <= this.#queue.size * SHORT_WHILE;
  }

  /** Keeps what is wanted, and answers with it. */
  keep(slot: number, recordBytes: number, stored: StoredResponse, body: Uint8Array): Found {
    const weight = weigh(recordBytes);
    while (this.#bytes + weight > this.#capacity) this.#remove(this.#queue.victim(NEVER, NEVER));
    // Not the objects that are made for most, which live no longer than their answer: V8 puts what one
    // place in a program makes among the old objects once much of it has lived long, and what is old
    // already keeps all of its strings until the next full collection.
    const found: Found = { type: "found", entry: { stored: structuredClone(stored), body }, tier: "memory" };
    const number = this.#vacant.pop() ?? this.#kept.length;
    this.#kept[number] = { slot, found, weight, wasAsked: false };
    this.#slots.setReady(slot, number);
    this.#queue.add(number);
    this.#bytes += weight;
    return found;
  }

  delete(slot: number): void {
    const number = this.#slots.ready(slot);
    if (number !== 0) this.#remove(number);
  }

  #remove(number: number): void {
    const { slot, weight } = this.#kept[number] as Kept;
    this.#kept[number] = undefined;
    this.#slots.setReady(slot, 0);
    this.#vacant.push(number);
    this.#queue.remove(number);
    this.#bytes -= weight;
  }

  #forget(number: number): boolean {
    const kept = this.#kept[number] as Kept;
    const { wasAsked } = kept;
    kept.wasAsked = false;
    return wasAsked;
  }

  clear(): void {
    for (const kept of this.#kept) if (kept !== undefined) this.#slots.setReady(kept.slot, 0);
    this.#kept.length = 1;
    this.#vacant.length = 0;
    this.#queue.clear();
    this.#bytes = 0;
  }
}

const NEVER = (): boolean => false;

const weigh = (recordBytes: number): number => OVERHEAD + PER_RECORD_BYTE * recordBytes;
