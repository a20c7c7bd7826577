import { isAllOfIts, memoryFor } from "../../cache/ports/body-room.ts";
import type { Entry } from "../../cache/ports/store.ts";
import { Glanced } from "./glanced.ts";
import { hasKey, keyOf, type PackedHead, pack, shapeOf, unpack, write } from "./packed.ts";
import { Shapes } from "./shapes.ts";
import { Slabs } from "./slabs.ts";
import type { Slots } from "./slots.ts";
import { type Found, Unpacked } from "./unpacked.ts";

/** Which bodies are being sent to clients? (cache/held-bodies.ts) */
export interface Sending {
  /** As long as it is, freeing it frees nothing. */
  isHeld(body: Uint8Array): boolean;
  /** The tier keeps it, and counts it. */
  enter(body: Uint8Array): void;
  /** The tier keeps it no longer. */
  leave(body: Uint8Array): void;
  /** Bytes that are being sent though the tier keeps them no longer. */
  readonly strayBytes: number;
}

/** A longer body has a buffer of its own, and is never copied. */
const LONGEST_IN_SLAB = 8 * 1024;
const NO_BYTES = new Uint8Array(0);

/** An entry, ready to be put into a slot. */
export interface Packed {
  readonly head: PackedHead;
  readonly body: Uint8Array;
  /** The body is not in a slab. */
  readonly own: boolean;
}

export function packEntry(key: string, stored: Entry["stored"], body: Uint8Array): Packed {
  const own = body.length > LONGEST_IN_SLAB;
  return { head: pack(key, stored), own, body: own ? ownBytes(body) : body };
}

/**
 * A body that is a view of a larger buffer would keep all of that buffer alive, uncounted. Of what is no
 * Buffer Node would make one at every write.
 */
function ownBytes(body: Uint8Array): Buffer {
  let own = body;
  if (!isAllOfIts(body)) {
    own = memoryFor(body.length);
    own.set(body);
  }
  return Buffer.from(own.buffer, own.byteOffset, own.length);
}

/**
 * What is in which slot? Bytes for all but the body, and the body where it is short, in slabs; longer bodies as
 * they are; and what is asked for often as objects, too.
 */
export class Records {
  readonly #slots: Slots;
  readonly #slabs: Slabs;
  readonly #unpacked: Unpacked;
  readonly #shapes = new Shapes();
  readonly #sending: Sending | undefined;
  /** Bodies with a buffer of their own. */
  readonly #bodies = new Map<number, Uint8Array>();

  /** Bytes for records, about, and for what is kept unpacked. */
  constructor(slots: Slots, capacity: number, unpacked: number, sending: Sending | undefined) {
    this.#slots = slots;
    this.#slabs = new Slabs(capacity, slots);
    this.#unpacked = new Unpacked(unpacked, slots);
    this.#sending = sending;
  }

  get unpackedBytes(): number {
    return this.#unpacked.bytes;
  }

  /** Fills a slot that is empty. */
  put(slot: number, { head, body, own }: Packed): void {
    this.#slabs.put(slot, head.bytes, own ? NO_BYTES : body);
    const shape = head.plain && !own ? this.#shapes.numberOf(head.stored) : 0;
    write(this.#slabs.room(slot), this.#slabs.offset(slot), head, shape);
    if (!own) return;
    this.#bodies.set(slot, body);
    this.#sending?.enter(body);
  }

  /** Empties a slot; what is `coming` into one has not left if it was there. */
  free(slot: number, coming?: Packed): void {
    this.#slabs.free(slot);
    this.#unpacked.delete(slot);
    const body = this.#bodies.get(slot);
    if (body === undefined) return;
    this.#bodies.delete(slot);
    const stays = coming?.own === true && coming.body.buffer === body.buffer;
    if (!stays) this.#sending?.leave(body);
  }

  /** Tells of a body that was coming, and does not come. */
  refuse({ body, own }: Packed): void {
    if (own) this.#sending?.leave(body);
  }

  get strayBytes(): number {
    return this.#sending?.strayBytes ?? 0;
  }

  isSent(slot: number): boolean {
    const body = this.#bodies.get(slot);
    return body !== undefined && this.#sending?.isHeld(body) === true;
  }

  /**
   * What is kept unpacked has a buffer of its own; another's is cheaper, and gone with the answer. `ago`: so many look-ups ago it
   * was asked for before, as `Slots` counts them.
   */
  find(slot: number, key: string, ago: number): Found {
    const ready = this.#unpacked.get(slot);
    if (ready !== undefined) return ready;
    return this.#kept(slot, key, ago) ?? this.#fleeting(slot, key);
  }

  /** The same for who decides at once: of what is plain no more is made than that takes. */
  near(slot: number, key: string, ago: number): Found {
    const ready = this.#unpacked.get(slot);
    if (ready !== undefined) return ready;
    const slabs = this.#slabs;
    const isPlain = shapeOf(slabs.room(slot), slabs.offset(slot)) !== 0;
    if (isPlain && !this.#slots.isHot(slot)) return new Glanced(slabs, slot, key);
    const kept = this.#kept(slot, key, ago);
    if (kept !== undefined) return kept;
    return isPlain ? new Glanced(slabs, slot, key) : this.#fleeting(slot, key);
  }

  /** The same for those who only look: nothing is kept or touched for them. */
  peek(slot: number, key: string): Found {
    const ready = this.#unpacked.peek(slot);
    return ready ?? { type: "found", entry: this.#entry(slot, key), tier: "memory" };
  }

  keyOf(slot: number): string {
    return keyOf(this.#slabs.room(slot), this.#slabs.offset(slot));
  }

  hasKey(slot: number, key: string): boolean {
    return hasKey(this.#slabs.room(slot), this.#slabs.offset(slot), key);
  }

  /** Undefined where it is not wanted often enough. */
  #kept(slot: number, key: string, ago: number): Found | undefined {
    const recordBytes = this.#slabs.recordBytes(slot);
    if (!this.#unpacked.wants(recordBytes, ago)) return undefined;
    const { stored, body } = this.#entry(slot, key, Buffer.allocUnsafeSlow);
    return this.#unpacked.keep(slot, recordBytes, stored, body);
  }

  #fleeting(slot: number, key: string): Found {
    return { type: "found", entry: this.#entry(slot, key), tier: "memory", fleeting: true };
  }

  #entry(slot: number, key: string, allocate = Buffer.allocUnsafe): Entry & { readonly body: Uint8Array } {
    const slabs = this.#slabs;
    const stored = unpack(key, slabs.room(slot), slabs.offset(slot), slabs.headBytes(slot));
    return { stored, body: this.#bodies.get(slot) ?? slabs.body(slot, allocate) };
  }

  clear(): void {
    for (const body of this.#bodies.values()) this.#sending?.leave(body);
    this.#bodies.clear();
    this.#slabs.clear();
    this.#unpacked.clear();
  }
}
