import type { Entry, PackedResponse } from "../../cache/ports/store.ts";
import type { Epoch, EpochMs, Seconds, StoredResponse } from "../../policy/stored-response.ts";
import { AT, isNoCache, isTagged, linesAtOf, type Room, shapeOf, unpack } from "./packed.ts";
import type { Slabs } from "./slabs.ts";
import type { Found } from "./unpacked.ts";

/**
 * A plain stored response that was found, where it lies in a slab: its numbers are read there, and all else is made
 * where somebody asks for it. Whatever has to be read there then throws once anything has been put or removed: another
 * record may lie there.
 */
export class Glanced implements Found, PackedResponse {
  readonly type = "found";
  readonly tier = "memory";
  readonly fleeting = true;
  readonly uri: string;
  readonly bodyBytes: number;
  readonly linesBytes: number;
  readonly shape: number;
  readonly #slabs: Slabs;
  readonly #slot: number;
  readonly #room: Room;
  readonly #offset: number;
  readonly #changes: number;
  #entry: Entry | undefined;

  constructor(slabs: Slabs, slot: number, key: string) {
    const room = slabs.room(slot);
    const offset = slabs.offset(slot);
    this.uri = key;
    this.bodyBytes = slabs.bodyBytes(slot);
    this.linesBytes = room.view.getUint32(offset + AT.linesBytes);
    this.shape = shapeOf(room, offset);
    this.#slabs = slabs;
    this.#slot = slot;
    this.#room = room;
    this.#offset = offset;
    this.#changes = slabs.changes;
  }

  get packed(): this {
    return this;
  }

  get responseTime(): EpochMs {
    return this.#number(AT.responseTime);
  }

  get initialAge(): Seconds {
    return this.#number(AT.initialAge);
  }

  get freshnessLifetime(): Seconds {
    return this.#number(AT.freshnessLifetime);
  }

  get epoch(): Epoch {
    return this.#number(AT.epoch);
  }

  get noCache(): boolean {
    return isNoCache(this.#lying, this.#offset);
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
    return isTagged(this.#lying, this.#offset) ? this.#stored.tags : [];
  }

  get #stored(): StoredResponse {
    return this.entry.stored;
  }

  #number(at: number): number {
    return this.#lying.view.getFloat64(this.#offset + at);
  }

  get #lying(): Room {
    if (this.#slabs.changes !== this.#changes) throw new Error("it may no longer be there");
    return this.#room;
  }
}
