import type { Acknowledged, PurgeLog, PurgeMode, PurgeNews, PurgeTarget } from "../cache/ports/purge-log.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { Epoch } from "../policy/stored-response.ts";

/** The purge log of an instance that shares nothing: a counter, and everything is heard at once. */
export class LocalPurgeLog implements PurgeLog {
  #epoch: Epoch = 0;
  #hear: ((news: PurgeNews) => void) | undefined;

  follow(hear: (news: PurgeNews) => void): void {
    this.#hear = hear;
    hear({ type: "floor", floor: 0, epoch: this.#epoch });
    hear({ type: "attached" });
  }

  async append(targets: readonly PurgeTarget[], mode: PurgeMode): Promise<Epoch> {
    if (this.#hear === undefined) throw new StoreError("unavailable", "nobody follows the purge log");
    for (const target of targets) {
      this.#epoch++;
      this.#hear({ type: "record", record: { epoch: this.#epoch, target, mode } });
    }
    return this.#epoch;
  }

  behindMs(): number {
    return 0;
  }

  async acknowledged(): Promise<Acknowledged> {
    return { shared: false, instances: 1, acked: 1, missing: [] };
  }

  async close(): Promise<void> {
    this.#hear = undefined;
  }
}
