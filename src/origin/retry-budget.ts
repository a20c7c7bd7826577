/** What is given in advance, and all that quiet times save up; without it a first failure could not be mended. */
const MAX_SAVED = 10;

/**
 * How many requests may be sent beside the first tries: so many per cent of them, the first ten in
 * advance. When everything fails, second tries would otherwise double the load of those who fail
 * because of it.
 */
export interface RetryBudget {
  /** A first try is sent. */
  sent(): void;
  /** May one more request be sent? */
  take(): boolean;
}

export function createRetryBudget(percent: number): RetryBudget {
  // In hundredths: sums of them are exact.
  let saved = percent === 0 ? 0 : 100 * MAX_SAVED;
  let inAdvance = saved;
  return {
    sent() {
      const earned = Math.max(0, percent - inAdvance);
      inAdvance = Math.max(0, inAdvance - percent);
      saved = Math.min(100 * MAX_SAVED, saved + earned);
    },
    take() {
      if (saved < 100) return false;
      saved -= 100;
      return true;
    },
  };
}
