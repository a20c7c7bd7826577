/** What there is to begin with, and all that quiet times save up; without it a first failure could not be mended. */
const MAX_SAVED = 10;

/**
 * How many requests may be sent beside the first tries: so many per cent of them, and ten to
 * begin with. When everything fails, second tries would otherwise double the load of those who
 * fail because of it.
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
  return {
    sent() {
      saved = Math.min(100 * MAX_SAVED, saved + percent);
    },
    take() {
      if (saved < 100) return false;
      saved -= 100;
      return true;
    },
  };
}
