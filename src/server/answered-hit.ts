import type { Asker, CacheEvent } from "../cache/events.ts";
import type { Tier } from "../cache/ports/store.ts";
import type { Outcome } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";

type Answered = CacheEvent & { readonly type: "answered" };

/** What is known of the answer to a hit before it is on its way. */
export type HitFacts = Pick<Answered, "requestId" | "method" | "uri" | "headMs"> & {
  readonly tier: Tier;
  readonly asker: Asker;
};

interface Given {
  readonly status: number;
  readonly outcome: Outcome;
  /** Of the body, as it was sent. */
  readonly bodyBytes: number;
}

/** What is told of it, `durationMs` after it was asked for, and found just now, `at`, where that is known. `aborted`: its client has not taken all of it. */
export const answeredHit = (
  { requestId, method, uri, tier, headMs, asker }: HitFacts,
  { status, outcome, bodyBytes }: Given,
  durationMs: number,
  aborted: boolean,
  at?: EpochMs,
): Answered => ({
  type: "answered",
  requestId,
  method,
  uri,
  status,
  outcome,
  tier,
  bytes: bodyBytes,
  headMs,
  durationMs,
  at,
  aborted,
  asker,
});
