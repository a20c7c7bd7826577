export interface OutlierLimits {
  /** So many failures in a row, server errors among them, eject an origin; 0 for never. */
  readonly ejectAfter: number;
  /** For how long, in milliseconds. */
  readonly ejectForMs: number;
}

/** One origin's failures in a row. Times are milliseconds of a clock that never jumps. */
export interface Outlier {
  /** Does it get no turn while others can have it? */
  isOut(now: number): boolean;
  succeeded(): void;
  /** True when it should be ejected, which is for others to allow. */
  failed(now: number): boolean;
  /** Says until when. Its next failure after that is enough for another time. */
  eject(now: number): number;
}

export function createOutlier(limits: OutlierLimits): Outlier {
  let inRow = 0;
  let until = Number.NEGATIVE_INFINITY;
  return {
    isOut: (now) => now < until,
    succeeded() {
      inRow = 0;
    },
    failed(now) {
      // What fails meanwhile was sent before.
      if (now < until) return false;
      inRow++;
      return limits.ejectAfter > 0 && inRow >= limits.ejectAfter;
    },
    eject(now) {
      inRow = limits.ejectAfter - 1;
      until = now + limits.ejectForMs;
      return until;
    },
  };
}

/** The floor: half of all origins stay in turn, whatever they answer. */
export const mayEject = (inTurn: number, all: number): boolean => inTurn - 1 >= all / 2;
