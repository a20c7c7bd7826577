import { type PurgeMode, type PurgeTarget, StoreError } from "../cache/ports.ts";
import type { Epoch } from "../policy/stored-response.ts";
import { encodePurge } from "./purge-position.ts";

/** Targets that may wait to be appended; more are refused. */
const MAX_WAITING_TARGETS = 10_000;
/** So many targets make a script's batch full. */
const FULL_BATCH = 500;

/** What one call appends. */
interface Append {
  /** Purges as records hold them. */
  readonly purges: readonly string[];
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

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Settles as whoever takes the batch does it; rejects with StoreError where too many wait. `asker` wants to know who has heard it, if not "". */
  add(targets: readonly PurgeTarget[], mode: PurgeMode, asker: string): Promise<Epoch> {
    if (this.#targets + targets.length > MAX_WAITING_TARGETS) {
      return Promise.reject(new StoreError("refused", `more than ${MAX_WAITING_TARGETS} purges are waiting`));
    }
    return new Promise((resolve, reject) => {
      const purges = targets.map((target) => encodePurge(target, mode));
      this.#waiting.push({ purges, asker, resolve, reject });
      this.#targets += targets.length;
    });
  }

  takeBatch(): Batch {
    let count = 0;
    let size = 0;
    for (const { purges } of this.#waiting) {
      if (size > 0 && size + purges.length > FULL_BATCH) break;
      size += purges.length;
      count++;
    }
    this.#targets -= size;
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
