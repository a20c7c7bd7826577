import type { FieldLines } from "../policy/fields.ts";
import type { NotStoredReason, Outcome } from "../policy/outcome.ts";
import type { Epoch, EpochMs } from "../policy/stored-response.ts";
import type { PurgeMode, PurgeTarget } from "./ports/purge-log.ts";
import { StoreError, type Tier } from "./ports/store.ts";

/** Who asked. Of the fields nothing is written down but what a log names, without its secrets. */
export interface Asker {
  /** The client's address, as far as anybody trusted has said; undefined where that is no address. */
  readonly address: string | undefined;
  /** `1.1`. */
  readonly httpVersion: string;
  readonly fields: FieldLines;
}

/** Everything that is worth telling, as facts; observers decide what to count, log or trace. */
export type CacheEvent =
  /** One per request, when its last byte is written or its client has left. */
  | {
      readonly type: "answered";
      readonly requestId: string;
      readonly method: string;
      readonly uri: string;
      readonly status: number;
      readonly outcome: Outcome;
      readonly tier?: Tier;
      readonly origin?: string;
      readonly bytes: number;
      readonly headMs: number;
      readonly durationMs: number;
      /** When it was found, where it was answered at once. */
      readonly at?: EpochMs | undefined;
      /** The client left, or the body broke off. */
      readonly aborted: boolean;
      /** The trace that has it, where one is recorded: 32 hexadecimal digits. */
      readonly traceId?: string;
      /** Absent where nothing of the request could be read. */
      readonly asker?: Asker;
    }
  /** One per request to an origin, health checks excepted. */
  | {
      readonly type: "origin-answered";
      readonly origin: string;
      readonly status: number;
      readonly headMs: number;
      readonly conditional: boolean;
    }
  | {
      readonly type: "origin-failed";
      readonly origin: string | undefined;
      /** The body broke off: this request was told as answered before. */
      readonly answered?: true;
      readonly code: string;
      readonly message: string;
      /** There was something to validate. */
      readonly conditional?: true;
    }
  /** An origin fails, and gets no turn for so many milliseconds while others can have it. */
  | {
      readonly type: "origin-ejected";
      readonly origin: string;
      readonly forMs: number;
      readonly detail: string;
    }
  /** An origin went in or out; only changes are told. */
  | {
      readonly type: "origin-health";
      readonly origin: string;
      readonly healthy: boolean;
      readonly detail: string;
    }
  /** A request is answered by another one's fetch, of the same process or of another one. */
  | {
      readonly type: "coalesced";
      readonly key: string;
      readonly scope: "process" | "cluster";
      readonly waitedMs: number;
    }
  /** A response that was going to be stored, and was not. */
  | { readonly type: "not-stored"; readonly key: string; readonly reason: NotStoredReason }
  | {
      readonly type: "stored";
      readonly key: string;
      readonly bytes: number;
      /** The end of its last window. */
      readonly until: EpochMs;
      readonly epoch: Epoch;
      readonly tags: readonly string[];
    }
  | {
      readonly type: "refreshed";
      readonly key: string;
      readonly result: "validated" | "replaced" | "failed" | "dropped";
    }
  | {
      readonly type: "purged";
      readonly target: PurgeTarget;
      readonly mode: PurgeMode;
      readonly epoch: Epoch;
      /** Milliseconds from its append by another instance to here. */
      readonly travelledMs?: number;
    }
  /** The store that instances share was asked for something, and has answered or failed. */
  | {
      readonly type: "store-asked";
      readonly tier: Tier;
      readonly operation: StoreOperation;
      readonly ms: number;
    }
  | {
      readonly type: "store-failed";
      readonly tier: Tier;
      readonly operation: StoreOperation;
      readonly code: string;
      readonly message: string;
    }
  /** A value under one of our keys that is not ours, damaged, or of an unknown version: a miss. */
  | { readonly type: "foreign-value"; readonly key: string; readonly detail: string }
  /** A client's connection beyond MAX_CONNECTIONS; `answered`: it was told so. */
  | { readonly type: "connection-refused"; readonly answered: boolean }
  /** Spans of traces that nobody will see: too many waited, or the collector did not take them. */
  | { readonly type: "spans-lost"; readonly spans: number; readonly detail: string }
  /** The certificates of the port for TLS were read anew: they count from now on, or are unusable and the others stay. */
  | { readonly type: "certificates"; readonly replaced: boolean; readonly detail: string }
  /** The shared store came or went; only changes are told. */
  | { readonly type: "store-state"; readonly up: boolean; readonly detail: string };

export type StoreOperation = "lookup" | "read" | "put" | "freshen" | "drop" | "purge" | "follow" | "lease";

export type Emit = (event: CacheEvent) => void;

type StoreFailed = Extract<CacheEvent, { type: "store-failed" }>;

/** What the store that instances share has failed at, and how. */
export const storeFailed = (operation: StoreOperation, error: unknown): StoreFailed => ({
  type: "store-failed",
  tier: "redis",
  operation,
  code: error instanceof StoreError ? error.code : "refused",
  message: error instanceof StoreError ? error.message : String(error),
});

/**
 * Hands every event to every listener; a listener that throws harms neither the others nor the request.
 * `listen` answers how to take the listener away again.
 */
export function createEvents(): { emit: Emit; listen(listener: Emit): () => void } {
  let listeners: readonly Emit[] = [];
  return {
    emit(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          queueMicrotask(() => console.error("freshline: an event listener failed:", error));
        }
      }
    },
    listen(listener) {
      listeners = [...listeners, listener];
      return () => {
        listeners = listeners.filter((other) => other !== listener);
      };
    },
  };
}
