import type { OriginError } from "./ports/origin.ts";

/** What came of a fetch that others have waited for. */
export type LeaseEnd =
  /** The store has it. */
  | {
      readonly type: "stored";
      /** Milliseconds from the response's head to this end. */
      readonly sinceHeadMs: number;
      /** Names of the fields that select among the key's responses (RFC 9111 §4.1). */
      readonly selecting: readonly string[];
      /** The origin has only validated what was stored. */
      readonly validated: boolean;
    }
  /** It may not be shared; `lasting`: the next one neither. */
  | { readonly type: "uncacheable"; readonly lasting: boolean }
  /** The origin failed, and nobody leads any more; `leaders` tells how many have, one after or beside another. */
  | { readonly type: "failed"; readonly leaders: number; readonly code: OriginError["code"] }
  /** It may be shared, but the store does not have it. */
  | { readonly type: "unkept" }
  /** Nobody can tell: ask again. */
  | { readonly type: "lapsed" };

/** The body of a fetch that others wait for arrives, and can be read meanwhile. */
export interface Arrives {
  readonly type: "arrives";
  /** Where (cache/arrivals.ts). */
  readonly at: string;
  /** Milliseconds from the response's head to this message; absent where it came before anybody waited. */
  readonly sinceHeadMs?: number;
}

/** Leadership of one key among all instances; kept until it is released, or its holder is gone. */
export interface Lease {
  /** How many have led so far, this one and those who failed before included. */
  readonly leaders: number;
  /** The response's head is there: who waits for a long body may know, and where it can be read, if it can. */
  arriving(news?: Arrives): void;
  /** Tells all who wait. Counts once; a failure counts when the last leader has failed. */
  release(end: LeaseEnd): void;
}

export interface LeaseRequest {
  /** Which of the key's responses is wanted, where that is known (policy/key.ts); else "". */
  readonly variant: string;
  /** Leaders that have failed before. */
  readonly failed: number;
  /** What was stored by an end of just now has been looked for, and will not do. */
  readonly again: boolean;
  /** Leads beside others who are overdue. */
  readonly beside: boolean;
  /** Wants to know when another's fetch has ended. */
  readonly wait: boolean;
}

export type LeaseAnswer =
  | { readonly type: "held"; readonly lease: Lease }
  /** Another instance is at it. */
  | {
      readonly type: "elsewhere";
      /** It has a head, and a body that takes long; and where that can be read meanwhile, if it can. */
      readonly arriving: boolean | string;
      /** Never rejects, and has a bound. */
      readonly ended: Promise<LeaseEnd>;
      /** From now on the body can be read. Never rejects; may never resolve. */
      readonly arrives?: Promise<Arrives>;
    }
  /** Another instance was at it a moment ago. */
  | { readonly type: "ended"; readonly end: LeaseEnd }
  /** Nobody can tell: everybody for himself. */
  | { readonly type: "unknown" };

/** Who of all instances fetches? A lease costs time where the store is slow, never an answer: nothing rejects. */
export interface Leases {
  acquire(key: string, request: LeaseRequest): Promise<LeaseAnswer>;
  close(): Promise<void>;
}
