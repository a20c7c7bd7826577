import type { Decision } from "./decide.ts";
import type { Outcome } from "./outcome.ts";
import type { ReasonCode } from "./reasons.ts";
import type { StoredResponse } from "./stored-response.ts";

/* Which word of the table (reasons.ts) tells of a decision? */

/** What decided one answer, by one word. */
export function codeOf(outcome: Outcome): ReasonCode | undefined {
  if (outcome.reason !== undefined) return outcome.reason;
  if (outcome.collapsed === true) return "collapsed";
  switch (outcome.word) {
    case "HIT":
      return "fresh";
    case "REVALIDATED":
      return "validated";
    case "MISS":
      return outcome.stored === true ? "stored" : undefined;
    case "EXPIRED":
      return outcome.stored === true ? "replaced" : undefined;
    case "UPDATING":
    case "STALE":
    case "BYPASS":
      return undefined;
  }
}

/** What decided what is to be done with a request; `missing` says why nothing is stored for it. */
export function codeOfDecision(
  decision: Decision<StoredResponse>,
  missing: "uri-miss" | "vary-miss",
): ReasonCode {
  switch (decision.type) {
    case "pass":
      return decision.reason;
    case "serve":
      return "fresh";
    case "serve-stale":
      return decision.because ?? (decision.refresh ? "stale-while-revalidate" : "client-max-stale");
    case "revalidate":
      return decision.stored.noCache ? "no-cache" : decision.fwd;
    case "fetch":
      return decision.incomplete === undefined ? missing : "incomplete";
    case "refuse":
      return decision.because === undefined ? "only_if_cached" : "store_unavailable";
  }
}

/** What a refresh in the background came to. */
export const codeOfRefresh = (result: "validated" | "replaced" | "failed" | "dropped"): ReasonCode =>
  `refresh-${result}`;

/** What a purge did. */
export const codeOfPurge = (mode: "delete" | "invalidate"): ReasonCode =>
  mode === "delete" ? "purge-deleted" : "purge-invalidated";
