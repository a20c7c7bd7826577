import type { ShownEntries, ShownStore } from "../admin/answers.ts";
import type { AskedEntries } from "../cache/entries.ts";
import type { Asked } from "../cache/explain.ts";
import type { Explanation } from "../cache/explanation.ts";
import type {
  Acknowledged,
  PurgeMode,
  PurgeReceipt,
  PurgeRecord,
  PurgeTarget,
} from "../cache/ports/purge-log.ts";
import type { WarmResult } from "../cache/warm.ts";
import type { Config } from "../config.ts";
import type { LiveReading } from "../observe/live.ts";
import type { Reading } from "../observe/together.ts";
import type { OriginState } from "../origin/member.ts";
import type { Epoch } from "../policy/stored-response.ts";
import type { Checked } from "../workers/heard-checks.ts";
import type { Readiness } from "./admin.ts";
import type { Watch, Watched } from "./live-of-workers.ts";

/** What a worker needs to know before it can begin. */
export interface Beginning {
  /** From 1 on; who comes after one that is gone has its place. */
  readonly place: number;
  /** With its share of what is divided. */
  readonly config: Config;
  /** Where the purge log is, where no Redis is set. */
  readonly epoch: Epoch;
  /** What is known of origins already. */
  readonly checked: readonly Checked[];
  /** What session tickets of TLS are sealed with. */
  readonly ticketSecret: Uint8Array;
  /** Which of its origins get no new requests. */
  readonly draining: readonly string[];
  /** What to fetch into its cache. */
  readonly warmList: readonly string[];
}

/** What a worker says when it serves. */
export interface Begun {
  readonly port: number;
  readonly maxObjectBytes: number;
  readonly redisAttached: boolean;
}

/** What the process that starts workers asks of each. */
export type AskedOfWorker = {
  readonly begin: (given: Beginning) => Begun;
  readonly alive: () => void;
  readonly checked: (given: Checked) => void;
  /** Which origins nobody checks any more. */
  readonly removed: (given: readonly string[]) => void;
  readonly ticketSecret: (given: Uint8Array) => void;
  /** Settings and origins as they are from now on. */
  readonly apply: (given: Pick<Beginning, "config" | "draining">) => void;
  readonly purged: (given: PurgeRecord) => void;
  readonly reading: () => Reading;
  readonly origins: () => readonly OriginState[];
  readonly explain: (given: Asked) => Explanation;
  readonly entries: (given: AskedEntries) => ShownEntries | { readonly problem: string };
  readonly storeState: () => ShownStore;
  readonly live: () => LiveReading;
  readonly watch: (given: Watch) => void;
  readonly unwatch: (given: Watch["id"]) => void;
  readonly ready: () => Readiness;
  readonly purge: (given: { targets: readonly PurgeTarget[]; mode: PurgeMode }) => PurgeReceipt;
  readonly refetch: (given: readonly string[]) => void;
  readonly warm: (given: { urls: readonly string[]; concurrency: number | undefined }) => WarmResult;
  readonly stop: () => void;
};

/** What a worker asks of the process that started it. */
export type AskedOfPrimary = {
  readonly append: (given: { targets: readonly PurgeTarget[]; mode: PurgeMode }) => Epoch;
  readonly acknowledged: (given: Epoch) => Acknowledged;
  readonly heard: (given: Epoch) => void;
  readonly watched: (given: Watched) => void;
  /** It has finished; what it counted, if that can be told. Once answered, nothing is on its way to it. */
  readonly farewell: (given: Reading | undefined) => void;
};
