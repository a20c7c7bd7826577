/** A process that has lived so long did not die of its start. */
const WELL_BEGUN_MS = 10_000;
const FIRST_REST_MS = 100;
const LONGEST_REST_MS = 10_000;

/**
 * How long does a place stay empty whose process has died? Not at all, unless it died early: then
 * twice as long each time, so that a defect in every start does not use up the machine.
 */
export function restInMs(livedMs: number, early: number): { restMs: number; early: number } {
  if (livedMs >= WELL_BEGUN_MS) return { restMs: 0, early: 0 };
  return { restMs: Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** early), early: Math.min(early + 1, 16) };
}
