import type { Reason } from "./outcome.ts";
import type { ReasonRow } from "./reason-row.ts";
import { BYPASSING, KEYING, REVALIDATING, SERVING } from "./reasons-of-serving.ts";
import { ENDING, STORING } from "./reasons-of-storing.ts";

/**
 * What each code says, in the order of a request's life: every word of `detail`, and what other parameters
 * of Cache-Status tell, or nobody's answer has.
 */
const REASONS = {
  ...BYPASSING,
  ...SERVING,
  ...REVALIDATING,
  ...STORING,
  ...ENDING,
  ...KEYING,
} satisfies Readonly<Record<Reason, ReasonRow>>;

/** Every decision of the cache that can be told, by one word. */
export type ReasonCode = keyof typeof REASONS;

export const REASON_CODES = Object.keys(REASONS) as readonly ReasonCode[];

/** What one code says. */
export const reasonOf = (code: ReasonCode): ReasonRow => REASONS[code];
