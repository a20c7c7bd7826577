import type { Epoch, EpochMs } from "../../policy/stored-response.ts";

/**
 * What a purge covers, in every tier and every variant. A site is scheme://host[:port] as primary
 * keys begin; where it may be absent, every site is meant.
 */
export type PurgeTarget =
  /** One primary key. */
  | { readonly type: "url"; readonly key: string }
  /** One request-target (path and query) under every site. */
  | { readonly type: "path"; readonly path: string }
  /** Every primary key, or every request-target, that begins with these characters. */
  | { readonly type: "prefix"; readonly site?: string; readonly path: string }
  /** Every URL of one site. */
  | { readonly type: "site"; readonly site: string }
  /** Every response with this tag, groups among them. */
  | { readonly type: "tag"; readonly site?: string; readonly tag: string }
  /** Every response of the site in this group (RFC 9875), and none that only has a tag of the name. */
  | { readonly type: "group"; readonly site: string; readonly group: string }
  | { readonly type: "everything" };

/**
 * `delete`: it is as if it had never been stored. `invalidate`: it is as if its freshness had
 * ended; its validators and what its own stale windows allow stay.
 */
export type PurgeMode = "delete" | "invalidate";

export interface PurgeRecord {
  readonly epoch: Epoch;
  readonly target: PurgeTarget;
  readonly mode: PurgeMode;
  /** When it was appended; absent where that is when it is heard. */
  readonly at?: EpochMs;
  /** Milliseconds from its append to here, by one clock; absent for our own and those of before we were there. */
  readonly travelledMs?: number;
}

/** What the log tells its follower. */
export type PurgeNews =
  | { readonly type: "record"; readonly record: PurgeRecord }
  /** The log is new to its follower or lost its memory: nothing born before `floor` may be used. */
  | { readonly type: "floor"; readonly floor: Epoch; readonly epoch: Epoch }
  /** Everything there was has been told, and appends are taken (again). */
  | { readonly type: "attached" };

/** Which instances have heard of a purge. */
export interface Acknowledged {
  /** False where there is no other instance that could. */
  readonly shared: boolean;
  /** How many instances follow the log. */
  readonly instances: number;
  /** How many of them have heard of it. */
  readonly acked: number;
  /** The names of those that have not, in the time there was. */
  readonly missing: readonly string[];
}

/** What became of a purge. */
export interface PurgeReceipt extends Acknowledged {
  readonly epoch: Epoch;
}

/** An append-only log of purges that every instance follows from where it was. */
export interface PurgeLog {
  /** Starts following; `hear` is called in log order, also for this instance's own records. */
  follow(hear: (news: PurgeNews) => void): void;
  /**
   * Appends one record per target and resolves to the last epoch, when this instance has heard them;
   * `acknowledge` asks the others to say when they have. Rejects with StoreError: then nothing was
   * purged, unless its code is `timeout`, when nobody knows.
   */
  append(targets: readonly PurgeTarget[], mode: PurgeMode, acknowledge?: boolean): Promise<Epoch>;
  /**
   * For how many milliseconds purges may have been appended that were not heard here: 0 while all are,
   * infinite before the first have been.
   */
  behindMs(): number;
  /** Waits, for a bounded time, until all who follow the log have heard what was appended up to `epoch`. Never rejects. */
  acknowledged(epoch: Epoch): Promise<Acknowledged>;
  close(): Promise<void>;
}
