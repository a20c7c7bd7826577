import type {
  Acknowledged,
  PurgeLog,
  PurgeMode,
  PurgeNews,
  PurgeRecord,
  PurgeTarget,
} from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { Epoch } from "../policy/stored-response.ts";
import { WireError } from "./wire.ts";

export interface WorkerPurgeLogOptions {
  /** Where the log was when this worker was told of it first. */
  readonly epoch: Epoch;
  /** Each rejects with WireError; `append` resolves when this worker has been told of what it appends. */
  readonly append: (targets: readonly PurgeTarget[], mode: PurgeMode) => Promise<Epoch>;
  readonly acknowledged: (epoch: Epoch) => Promise<Acknowledged>;
  /** Says how far this worker has heard. */
  readonly heard: (epoch: Epoch) => void;
}

/** The purge log of workers without Redis, as one of them sees it: the process that started them keeps it. */
export class WorkerPurgeLog implements PurgeLog {
  readonly #options: WorkerPurgeLogOptions;
  #epoch: Epoch;
  #hear: ((news: PurgeNews) => void) | undefined;

  constructor(options: WorkerPurgeLogOptions) {
    this.#options = options;
    this.#epoch = options.epoch;
  }

  follow(hear: (news: PurgeNews) => void): void {
    this.#hear = hear;
    hear({ type: "floor", floor: this.#epoch, epoch: this.#epoch });
    hear({ type: "attached" });
    this.#options.heard(this.#epoch);
  }

  /** What all are told, in order. */
  receive(record: PurgeRecord): void {
    this.#epoch = record.epoch;
    this.#hear?.({ type: "record", record });
    this.#options.heard(record.epoch);
  }

  async append(targets: readonly PurgeTarget[], mode: PurgeMode): Promise<Epoch> {
    try {
      return await this.#options.append(targets, mode);
    } catch (cause) {
      const late = cause instanceof WireError && cause.code === "late";
      throw new StoreError(late ? "timeout" : "unavailable", String(cause), { cause });
    }
  }

  behindMs(): number {
    return 0;
  }

  async acknowledged(epoch: Epoch): Promise<Acknowledged> {
    try {
      return await this.#options.acknowledged(epoch);
    } catch {
      return { shared: true, instances: 1, acked: 1, missing: [] };
    }
  }

  async close(): Promise<void> {
    this.#hear = undefined;
  }
}
