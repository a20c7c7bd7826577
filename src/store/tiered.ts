import { type Emit, storeFailed } from "../cache/events.ts";
import { type ChunkedBody, readBytes } from "../cache/ports/body.ts";
import type { PurgeTarget } from "../cache/ports/purge-log.ts";
import type { Entry, Glance, Inspected, Lookup, SentBody, Store } from "../cache/ports/store.ts";
import type { FieldLines } from "../policy/fields.ts";
import { isFresh } from "../policy/freshness.ts";
import { selectFrom, variantId, variantMatches } from "../policy/key.ts";
import { hasBytesFor } from "../policy/range.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import { Deadlines } from "./deadlines.ts";
import { inTime } from "./in-time.ts";
import type { MemoryStore } from "./memory.ts";
import { type Reading, Readings } from "./readings.ts";

export interface TieredOptions {
  readonly memory: MemoryStore;
  /** Absent: the memory tier alone. */
  readonly redis?: Store;
  /** Milliseconds for which Redis is waited for, however many commands it takes; for ever when absent. */
  readonly deadlineMs?: number;
  readonly now: () => EpochMs;
  readonly emit: Emit;
  /** Has a purge, of whatever mode, covered this response? Then Redis may have a newer one. */
  readonly purged?: (key: string, stored: Pick<StoredResponse, "epoch" | "tags">) => boolean;
  /** May it not be used if it comes from Redis? An invalidation waits for a log that is away, and nobody knows which is older. */
  readonly heldBack?: (key: string, stored: StoredResponse) => boolean;
  /** Is there room to bring a body of so many bytes here? Taken until what it answers is called; undefined: it is read where it lies. */
  readonly room?: (bytes: number) => (() => void) | undefined;
}

type Found = Extract<Lookup, { type: "found" }>;

const URI_MISS: Lookup = { type: "none", fwd: "uri-miss" };

/**
 * Memory in front of Redis.
 *
 * A fresh copy in memory is the answer, at once. One that is stale, purged or a part without the
 * bytes that are asked for is, too, unless another instance has left a newer response in Redis
 * meanwhile. Many who need the same of Redis at once read it once. What Redis gives is admitted to
 * memory, except when a write, a drop or a purge of that key came between asking and answering.
 */
export class TieredStore implements Store {
  readonly #memory: MemoryStore;
  readonly #redis: Store | undefined;
  readonly #deadlines: Deadlines | undefined;
  readonly #now: () => EpochMs;
  readonly #emit: Emit;
  readonly #purged: (key: string, stored: Pick<StoredResponse, "epoch" | "tags">) => boolean;
  readonly #heldBack: (key: string, stored: StoredResponse) => boolean;
  readonly #room: (bytes: number) => (() => void) | undefined;
  readonly #readings = new Readings();

  constructor(options: TieredOptions) {
    this.#memory = options.memory;
    this.#redis = options.redis;
    if (options.deadlineMs !== undefined) this.#deadlines = new Deadlines(options.deadlineMs);
    this.#now = options.now;
    this.#emit = options.emit;
    this.#purged = options.purged ?? (() => false);
    this.#heldBack = options.heldBack ?? (() => false);
    this.#room = options.room ?? (() => () => {});
  }

  lookup(key: string, request: FieldLines): Lookup | Promise<Lookup> {
    const near = this.#memory.lookup(key, request);
    if (this.#redis === undefined) return near;
    if (near.type === "none") return this.#below(this.#redis, key, request, near);
    return this.#suffices(key, request, near) ? near : this.#newer(this.#redis, key, request, near);
  }

  near(key: string, request: FieldLines): Found | undefined {
    const near = this.#memory.near(key, request);
    if (near === undefined) return undefined;
    return this.#redis === undefined || this.#suffices(key, request, near) ? near : undefined;
  }

  /** Where Redis does not answer, what is in memory; an event tells of it. */
  async inspect(key: string): Promise<readonly Inspected[]> {
    const near = await this.#memory.inspect(key);
    const redis = this.#redis;
    if (redis === undefined) return near;
    try {
      return [
        ...near,
        ...(await inTime(
          () => redis.inspect(key),
          this.#deadlines,
          (far) => far,
        )),
      ];
    } catch (error) {
      this.#emit(storeFailed("lookup", error));
      return near;
    }
  }

  /** Does what is in memory answer this request, whatever Redis has? */
  #suffices(key: string, request: FieldLines, found: Found): boolean {
    const stored: Glance = found.packed ?? found.entry.stored;
    const now = this.#now();
    const fresh = !stored.noCache && isFresh(stored, now);
    // HEAD would be content with any part, and may look on for nothing.
    const whole = stored.part === undefined || hasBytesFor({ method: "GET", fields: request }, stored, now);
    return fresh && whole && !this.#purged(key, stored);
  }

  /** Memory keeps the entry even when Redis does not; then this rejects with StoreError all the same. */
  async put(key: string, entry: Entry, sent?: SentBody): Promise<void> {
    this.#readings.outdate(key);
    if (this.#redis === undefined) return this.#memory.put(key, entry);
    this.#memory.keep(key, entry);
    await this.#redis.put(key, entry, sent);
  }

  /** As `put`: memory first, and a rejection tells of Redis alone. */
  async freshen(key: string, entry: Entry): Promise<void> {
    this.#readings.outdate(key);
    if (this.#redis === undefined) return this.#memory.freshen(key, entry);
    this.#memory.keep(key, entry);
    await this.#redis.freshen(key, entry);
  }

  async drop(target: PurgeTarget): Promise<void> {
    this.forget(target);
    await this.#redis?.drop(target);
  }

  /**
   * Frees what the target covers in memory alone, and forbids the admission of what is being read.
   * For purges of other instances, which have freed it in Redis themselves.
   */
  forget(target: PurgeTarget): void {
    this.#readings.outdate(target.type === "url" ? target.key : undefined);
    this.#memory.forget(target);
  }

  async close(): Promise<void> {
    await this.#memory.close();
    await this.#redis?.close();
  }

  #below(redis: Store, key: string, request: FieldLines, near: Lookup): Promise<Lookup> {
    const read = this.#read(redis, key, request);
    if (near.type !== "none" || near.fwd !== "vary-miss") return read;
    return read.then((far) => (far.type === "none" ? near : far));
  }

  async #newer(redis: Store, key: string, request: FieldLines, near: Found): Promise<Lookup> {
    const { responseTime } = near.entry.stored;
    try {
      const far = await this.#read(redis, key, request, responseTime);
      return far.type === "found" && far.entry.stored.responseTime > responseTime ? far : near;
    } catch (error) {
      this.#emit(storeFailed("lookup", error));
      return { ...near, storeFailed: true };
    }
  }

  /**
   * Reads what the request selects, once for all who ask meanwhile: for the first who asks for the
   * key, and where that brings a variant that is not theirs, for the first who asks for the variant.
   */
  #read(redis: Store, key: string, request: FieldLines, newerThan?: EpochMs, name = key): Promise<Lookup> {
    const shared = this.#readings.find(name);
    if (shared?.answer !== undefined)
      return this.#readAlong(shared, shared.answer, redis, key, request, newerThan);
    const reading = this.#readings.begin(key, name);
    reading.answer = this.#readAlone(reading, redis, key, request, newerThan);
    return reading.answer;
  }

  async #readAlong(
    reading: Reading,
    answer: Promise<Lookup>,
    redis: Store,
    key: string,
    request: FieldLines,
    newerThan: EpochMs | undefined,
  ): Promise<Lookup> {
    reading.shared = true;
    const far = await answer;
    if (far.type === "none") {
      if (far.fwd === "uri-miss") return far;
    } else {
      const { selectingFields } = far.entry.stored;
      if (variantMatches(selectingFields, request)) return far;
      const variant = variantId(selectFrom(Object.keys(selectingFields), request));
      if (reading.name === key)
        return this.#read(redis, key, request, newerThan, JSON.stringify([key, variant]));
    }
    return this.#readAlone(this.#readings.begin(key), redis, key, request, newerThan);
  }

  #readAlone(
    reading: Reading,
    redis: Store,
    key: string,
    request: FieldLines,
    newerThan = Number.NEGATIVE_INFINITY,
  ): Promise<Lookup> {
    const end = () => this.#readings.end(key, reading);
    return inTime(
      () => redis.lookup(key, request),
      this.#deadlines,
      (far) => {
        const answer = this.#admitted(far, reading, key, newerThan);
        if (answer instanceof Promise) return answer.finally(end);
        end();
        return answer;
      },
      end,
    );
  }

  /** What Redis has, which memory keeps where it is news. */
  #admitted(far: Lookup, reading: Reading, key: string, newerThan: EpochMs): Lookup | Promise<Lookup> {
    if (far.type === "none") return far;
    const { stored, body } = far.entry;
    if (this.#heldBack(key, stored)) return URI_MISS;
    const isNews = !reading.outdated && stored.responseTime > newerThan;
    if (!isNews || body.length > this.#memory.maxBodyBytes) return reading.shared ? neverGivenBack(far) : far;
    if (!(body instanceof Uint8Array)) return this.#brought(far, body, reading, key);
    this.#memory.keep(key, far.entry);
    return neverGivenBack(far);
  }

  /** With its body, that lies in Redis, where there is room for it here. */
  async #brought(far: Found, lying: ChunkedBody, reading: Reading, key: string): Promise<Lookup> {
    const leave = this.#room(lying.length);
    if (leave === undefined) return far;
    const body = await readBytes(lying).catch(() => undefined);
    leave();
    // The store of the body tells of that.
    if (body === undefined) return URI_MISS;
    const entry = { ...far.entry, body };
    if (!reading.outdated) this.#memory.keep(key, entry);
    return neverGivenBack({ ...far, entry });
  }
}

/** Somebody else reads the body, too, and nobody knows until when. */
function neverGivenBack({ giveBack: _, ...found }: Found): Found {
  return found;
}
