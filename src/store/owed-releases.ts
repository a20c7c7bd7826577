import { asStoreError } from "./redis-command.ts";

export interface OwedReleasesOptions {
  /** Releases a lease. Rejects only with StoreError. */
  readonly release: (name: string, token: string) => Promise<unknown>;
  /** Milliseconds after which a lease has ended by itself. */
  readonly ttlMs: number;
}

interface Owed {
  readonly name: string;
  /** By performance.now: since Redis answers, though it refuses, the lease has ended by itself then; infinite while it does not. */
  readonly until: number;
}

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
  #closed = false;

  constructor(options: OwedReleasesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#owed.size;
  }

  add(name: string, token: string): void {
    if (this.#closed || this.#owed.size >= CAPACITY) return;
    this.#owed.set(token, { name, until: Number.POSITIVE_INFINITY });
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
    const owed = [...this.#owed];
    for (let i = 0; i < owed.length; i += BATCH) {
      const some = owed.slice(i, i + BATCH).map(([token, lease]) => this.#tell(token, lease));
      if ((await Promise.all(some)).includes(false)) break;
    }
  }

  #expectMore(): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.#retry(), RETRY_MS).unref();
  }

  /** Has Redis been told? */
  async #tell(token: string, { name, until }: Owed): Promise<boolean> {
    try {
      await this.#options.release(name, token);
      this.#owed.delete(token);
      return true;
    } catch (cause) {
      const now = performance.now();
      const answers = asStoreError(cause).code === "refused";
      const ends = answers ? Math.min(until, now + this.#options.ttlMs) : Number.POSITIVE_INFINITY;
      // Behind the others: another node of a Cluster may be there.
      if (this.#owed.delete(token) && ends > now) this.#owed.set(token, { name, until: ends });
      return false;
    }
  }
}
