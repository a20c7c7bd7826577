import { asStoreError } from "./redis-command.ts";

export interface OwedReleasesOptions {
  /** Releases a lease. Rejects only with StoreError. */
  readonly release: (name: string, token: string) => Promise<unknown>;
  /** Milliseconds after which a lease has ended by itself. */
  readonly ttlMs: number;
}

interface Owed {
  readonly name: string;
  /** By performance.now: then it has ended by itself, unless Redis has been away since. */
  readonly until: number;
}

/** What has come of telling Redis. */
type Told = "told" | "refused" | "away";

/** Beyond so many, leases end by themselves. */
const CAPACITY = 10_000;
/** A store that is known to be away refuses at once, so that trying costs nothing. */
const RETRY_MS = 100;
/** So many are released at once. */
const BATCH = 100;

/**
 * Leases that ended here while Redis could not be told.
 *
 * Each would keep its key from everybody until it ends by itself, although Redis may be back
 * long before: it is told as soon as it can be. A Redis that has stood still may give a lease only when it goes
 * on, whatever the clocks say, and one that refuses (a replica, for a moment) may not do so for long.
 */
export class OwedReleases {
  readonly #options: OwedReleasesOptions;
  readonly #owed = new Map<string, Owed>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  /** By performance.now: when Redis did not answer, for the last time. */
  #awayAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: OwedReleasesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#owed.size;
  }

  add(name: string, token: string): void {
    if (this.#closed || this.#owed.size >= CAPACITY) return;
    this.#owed.set(token, { name, until: performance.now() + this.#options.ttlMs });
    this.#expectMore();
  }

  /** Tries once more; what is still owed then ends by itself. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await (this.#round ?? this.#tellAll());
    this.#owed.clear();
  }

  async #retry(): Promise<void> {
    this.#round = this.#tellAll();
    await this.#round;
    this.#round = undefined;
    this.#timer = undefined;
    if (this.#owed.size > 0) this.#expectMore();
  }

  /** Ends with the first batch that Redis does not take as a whole. */
  async #tellAll(): Promise<void> {
    this.#dropEnded(performance.now());
    const owed = [...this.#owed];
    for (let i = 0; i < owed.length; i += BATCH) {
      const told = await Promise.all(
        owed.slice(i, i + BATCH).map(([token, lease]) => this.#tell(token, lease)),
      );
      if (told.includes("away")) this.#awayAt = performance.now();
      if (told.some((word) => word !== "told")) break;
    }
  }

  #dropEnded(now: number): void {
    if (now - this.#awayAt < this.#options.ttlMs) return;
    for (const [token, { until }] of this.#owed) if (until <= now) this.#owed.delete(token);
  }

  #expectMore(): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.#retry(), RETRY_MS).unref();
  }

  async #tell(token: string, lease: Owed): Promise<Told> {
    try {
      await this.#options.release(lease.name, token);
      this.#owed.delete(token);
      return "told";
    } catch (cause) {
      // Behind the others: another node of a Cluster may be there.
      if (this.#owed.delete(token)) this.#owed.set(token, lease);
      return asStoreError(cause).code === "refused" ? "refused" : "away";
    }
  }
}
