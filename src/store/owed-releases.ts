import { asStoreError } from "./redis-command.ts";

export interface OwedReleasesOptions {
  /** Releases a lease. Rejects only with StoreError. */
  readonly release: (name: string, token: string) => Promise<unknown>;
  /** Milliseconds after which a lease has ended by itself. */
  readonly ttlMs: number;
}

interface Owed {
  readonly name: string;
  /** By performance.now: then it has ended by itself. */
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
 * long before: it is told as soon as it can be.
 */
export class OwedReleases {
  readonly #options: OwedReleasesOptions;
  readonly #owed = new Map<string, Owed>();
  #timer: NodeJS.Timeout | undefined;
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

  /** What is still owed ends by itself. */
  close(): void {
    this.#closed = true;
    this.#owed.clear();
    clearTimeout(this.#timer);
  }

  async #retry(): Promise<void> {
    const now = performance.now();
    for (const [token, { until }] of this.#owed) if (until <= now) this.#owed.delete(token);
    const owed = [...this.#owed];
    for (let i = 0; i < owed.length; i += BATCH) {
      const some = owed.slice(i, i + BATCH).map(([token, lease]) => this.#answersFor(token, lease));
      if ((await Promise.all(some)).includes(false)) break;
    }
    this.#timer = undefined;
    if (this.#owed.size > 0) this.#expectMore();
  }

  #expectMore(): void {
    this.#timer ??= setTimeout(() => void this.#retry(), RETRY_MS).unref();
  }

  /** Does Redis answer? */
  async #answersFor(token: string, lease: Owed): Promise<boolean> {
    try {
      await this.#options.release(lease.name, token);
    } catch (cause) {
      // What Redis refuses now it refuses later.
      if (asStoreError(cause).code !== "refused") {
        this.#moveBack(token, lease);
        return false;
      }
    }
    this.#owed.delete(token);
    return true;
  }

  /** Other nodes of a Cluster may be there. */
  #moveBack(token: string, lease: Owed): void {
    if (this.#owed.delete(token)) this.#owed.set(token, lease);
  }
}
