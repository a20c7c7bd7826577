import type { Acknowledged, PurgeMode, PurgeRecord, PurgeTarget } from "../cache/ports/purge-log.ts";
import type { Epoch, EpochMs } from "../policy/stored-response.ts";

/** A worker that hears of purges. */
export interface Hearer {
  /** What it is called in receipts. */
  readonly name: string;
  hear(record: PurgeRecord): void;
  /** It has not kept up, and is not told any more. */
  giveUp(): void;
}

/** A worker that has so many purges still to hear hangs, and what it has in memory is not to be believed. */
const MAX_UNHEARD = 100_000;

interface Position {
  /** Undefined until it has begun to follow. */
  heard: Epoch | undefined;
  unheard: number;
}

/**
 * In which order do workers hear of purges, where no Redis says so?
 *
 * Their memory is all that is stored: one that begins has nothing yet, so it follows from the
 * present epoch on, and one that is gone need hear of nothing.
 */
export class PurgeOrder {
  readonly #hearers = new Map<Hearer, Position>();
  readonly #waiting = new Set<() => void>();
  readonly #now: () => EpochMs;
  #epoch: Epoch = 0;

  constructor(now: () => EpochMs) {
    this.#now = now;
  }

  /** From now on the worker is told of what follows the epoch that this answers. */
  join(hearer: Hearer): Epoch {
    this.#hearers.set(hearer, { heard: undefined, unheard: 0 });
    return this.#epoch;
  }

  leave(hearer: Hearer): void {
    this.#hearers.delete(hearer);
    this.#changed();
  }

  /** Tells all of these purges, and answers the last one's epoch. */
  append(targets: readonly PurgeTarget[], mode: PurgeMode): Epoch {
    for (const target of targets) {
      // Far ahead of what a worker counts by itself while it cannot reach us.
      this.#epoch = Math.max(this.#epoch + 1, this.#now() * 1000);
      for (const [hearer, position] of this.#hearers) {
        if (++position.unheard > MAX_UNHEARD) {
          this.leave(hearer);
          hearer.giveUp();
        } else hearer.hear({ epoch: this.#epoch, target, mode });
      }
    }
    return this.#epoch;
  }

  /** The worker has heard everything up to `epoch`. */
  heard(hearer: Hearer, epoch: Epoch): void {
    const position = this.#hearers.get(hearer);
    if (position === undefined) return;
    position.heard = epoch;
    position.unheard = epoch === this.#epoch ? 0 : Math.max(0, position.unheard - 1);
    this.#changed();
  }

  /** Waits until all who follow have heard what was appended up to `epoch`, or the time is over. */
  acknowledged(epoch: Epoch, patienceMs: number): Promise<Acknowledged> {
    return new Promise((resolve) => {
      const look = () => {
        const receipt = this.#receipt(epoch);
        if (receipt.missing.length === 0) finish();
      };
      const finish = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(this.#receipt(epoch));
      };
      const timer = setTimeout(finish, patienceMs);
      this.#waiting.add(look);
      look();
    });
  }

  #receipt(epoch: Epoch): Acknowledged {
    const following = [...this.#hearers].filter(([, { heard }]) => heard !== undefined);
    const missing = following.filter(([, { heard = 0 }]) => heard < epoch).map(([{ name }]) => name);
    const instances = following.length;
    return { shared: true, instances, acked: instances - missing.length, missing };
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look();
  }
}
