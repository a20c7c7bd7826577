import type { Entry, PackedResponse } from "../../cache/ports/store.ts";
import type { Epoch, EpochMs, Seconds, StoredResponse } from "../../policy/stored-response.ts";
import { AT, isNoCache, isTagged, linesAtOf, type Room, shapeOf, unpack } from "./packed.ts";
import type { Slabs } from "./slabs.ts";
import type { Found } from "./unpacked.ts";

/** What was found where it lies: the numbers at once, all else where somebody asks for it. */
export class Glanced implements Found {
  readonly type = "found";
  readonly tier = "memory";
  readonly fleeting = true;
  readonly packed: PackedInSlab;

  constructor(slabs: Slabs, slot: number, key: string) {
    this.packed = new PackedInSlab(slabs, slot, key);
  }

  get entry(): Entry {
    return this.packed.entry;
  }
}

/**
 * A plain stored response in a slab. It may be asked for no more than its numbers once anything has been put or
 * removed: another record may lie there, and it throws.
 */
class PackedInSlab implements PackedResponse {
  readonly uri: string;
  readonly responseTime: EpochMs;
  readonly initialAge: Seconds;
  readonly freshnessLifetime: Seconds;
  readonly epoch: Epoch;
  readonly noCache: boolean;
  readonly shape: number;
  readonly linesBytes: number;
  readonly bodyBytes: number;
  readonly #slabs: Slabs;
  readonly #slot: number;
  readonly #room: Room;
  readonly #offset: number;
  readonly #changes: number;
  readonly #isTagged: boolean;
  #entry: Entry | undefined;

  constructor(slabs: Slabs, slot: number, key: string) {
    const room = slabs.room(slot);
    const offset = slabs.offset(slot);
    const { view } = room;
    this.uri = key;
    this.responseTime = view.getFloat64(offset + AT.responseTime);
    this.initialAge = view.getFloat64(offset + AT.initialAge);
    this.freshnessLifetime = view.getFloat64(offset + AT.freshnessLifetime);
    this.epoch = view.getFloat64(offset + AT.epoch);
    this.noCache = isNoCache(room, offset);
    this.shape = shapeOf(room, offset);
    this.linesBytes = view.getUint32(offset + AT.linesBytes);
    this.bodyBytes = slabs.bodyBytes(slot);
    this.#slabs = slabs;
    this.#slot = slot;
    this.#room = room;
    this.#offset = offset;
    this.#changes = slabs.changes;
    this.#isTagged = isTagged(room, offset);
  }

  copyLines(to: Uint8Array, at: number): void {
    const from = linesAtOf(this.#room, this.#offset);
    this.#lying.bytes.copy(to, at, from, from + this.linesBytes);
  }

  copyBody(to: Uint8Array, at: number): void {
    const from = this.#offset + this.#slabs.headBytes(this.#slot);
    this.#lying.bytes.copy(to, at, from, from + this.bodyBytes);
  }

  get entry(): Entry {
    if (this.#entry !== undefined) return this.#entry;
    const slabs = this.#slabs;
    const slot = this.#slot;
    const stored = unpack(this.uri, this.#lying, this.#offset, slabs.headBytes(slot));
    this.#entry = { stored, body: slabs.body(slot, Buffer.allocUnsafe) };
    return this.#entry;
  }

  get status(): number {
    return this.#stored.status;
  }

  get fields(): StoredResponse["fields"] {
    return this.#stored.fields;
  }

  get staleWhileRevalidate(): Seconds {
    return this.#stored.staleWhileRevalidate;
  }

  get staleIfError(): Seconds {
    return this.#stored.staleIfError;
  }

  get mustRevalidate(): boolean {
    return this.#stored.mustRevalidate;
  }

  get tags(): readonly string[] {
    return this.#isTagged ? this.#stored.tags : [];
  }

  get #stored(): StoredResponse {
    return this.entry.stored;
  }

  get #lying(): Room {
    if (this.#slabs.changes !== this.#changes) throw new Error("it may no longer be there");
    return this.#room;
  }
}
