/** The first trial of an origin that leaves requests unanswered comes after so long, and each further one after twice that. */
const FIRST_TRIAL_MS = 1000;

export interface BreakerLimits {
  /** So many requests in a row without an answer open it; 0 for never. */
  readonly breakAfter: number;
  /** The longest time between two trials, in milliseconds. */
  readonly lastTrialMs: number;
}

/**
 * Keeps requests from waiting for an origin that answers nobody, but one now and then that
 * finds out whether it does again. Times are milliseconds of a clock that never jumps.
 */
export interface Breaker {
  readonly open: boolean;
  /** May a request be sent now? */
  allows(now: number): boolean;
  /** One is sent: while it is open that was the trial. */
  began(now: number): void;
  /** It answered, whatever it said. */
  answered(now: number): void;
  /**
   * It was not reached, or silent, from then on. That counts only where it has answered nobody else
   * meanwhile: one slow URL must not close a site.
   */
  unanswered(beganAt: number, now: number): void;
  /** There is other proof that it is back: the next request without an answer opens it again. */
  close(): void;
}

export function createBreaker(limits: BreakerLimits): Breaker {
  let open = false;
  let inRow = 0;
  let lastAnswerAt = Number.NEGATIVE_INFINITY;
  let trialAt = 0;
  let waitMs = 0;
  return {
    get open() {
      return open;
    },
    allows: (now) => !open || now >= trialAt,
    began(now) {
      if (!open) return;
      trialAt = now + waitMs;
      waitMs = Math.min(2 * waitMs, limits.lastTrialMs);
    },
    answered(now) {
      open = false;
      inRow = 0;
      lastAnswerAt = now;
    },
    unanswered(beganAt, now) {
      if (open || lastAnswerAt >= beganAt) return;
      inRow++;
      if (limits.breakAfter === 0 || inRow < limits.breakAfter) return;
      open = true;
      waitMs = Math.min(FIRST_TRIAL_MS, limits.lastTrialMs);
      trialAt = now + waitMs;
    },
    close() {
      if (!open) return;
      open = false;
      inRow = limits.breakAfter - 1;
    },
  };
}
