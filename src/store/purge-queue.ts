import type { PurgeMode, PurgeTarget } from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { Epoch } from "../policy/stored-response.ts";
import { encodePurge } from "./purge-position.ts";

/** Targets that may wait to be appended, and the characters of their records together; more are refused. */
const MAX_WAITING = { targets: 10_000, characters: 4_000_000 };
/** So many targets, or characters of their records, make a script's batch full. */
const FULL_BATCH = { targets: 500, characters: 500_000 };

/** What one call appends. */
interface Append {
  /** Purges as records hold them. */
  readonly purges: readonly string[];
  /** How long they are together. */
  readonly characters: number;
  readonly asker: string;
  readonly resolve: (epoch: Epoch) => void;
  readonly reject: (error: StoreError) => void;
}

/** What one run of the script appends. */
export type Batch = readonly Append[];

/** Which purges wait to be appended? */
export class PurgeQueue {
  #waiting: Append[] = [];
  #targets = 0;
  #characters = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Settles as whoever takes the batch does it; rejects with StoreError where too many wait. `asker` wants to know who has heard it, if not "". */
  add(targets: readonly PurgeTarget[], mode: PurgeMode, asker: string): Promise<Epoch> {
    const purges = targets.map((target) => encodePurge(target, mode));
    const characters = purges.reduce((sum, purge) => sum + purge.length, 0);
    const full =
      this.#targets + purges.length > MAX_WAITING.targets ||
      this.#characters + characters > MAX_WAITING.characters;
    if (full) return Promise.reject(new StoreError("refused", "too many purges are waiting"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ purges, characters, asker, resolve, reject });
      this.#targets += purges.length;
      this.#characters += characters;
    });
  }

  takeBatch(): Batch {
    let [count, targets, characters] = [0, 0, 0];
    for (const append of this.#waiting) {
      const full =
        targets + append.purges.length > FULL_BATCH.targets ||
        characters + append.characters > FULL_BATCH.characters;
      if (count > 0 && full) break;
      count++;
      targets += append.purges.length;
      characters += append.characters;
    }
    this.#targets -= targets;
    this.#characters -= characters;
    return this.#waiting.splice(0, count);
  }

  /** Nothing that waits will be appended. */
  close(): void {
    for (const { reject } of this.#waiting.splice(0))
      reject(new StoreError("unavailable", "the purge log is closed"));
  }
}

/** The script's arguments: for each record its JSON and who asks. One answer for all records of a purge: its last one asks. */
export const recordsOf = (batch: Batch): string[] =>
  batch.flatMap(({ purges, asker }) =>
    purges.flatMap((purge, i) => [purge, i === purges.length - 1 ? asker : ""]),
  );
