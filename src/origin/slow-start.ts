/** What an origin that has just come back gets at least, as a share of what the others have. */
const FIRST_SHARE = 0.1;

/** The share of its fair part that an origin gets so many milliseconds after it came back. */
export const shareOf = (sinceMs: number, windowMs: number): number =>
  sinceMs >= windowMs ? 1 : Math.max(FIRST_SHARE, sinceMs / windowMs);

/**
 * May an origin that warms up get one more request? It has the least in flight, so that whatever
 * comes would be sent to it at once; it is to have a share of what the others have, which grows.
 * One at a time it gets as often as anybody.
 */
export const mayTakeMore = (inFlight: number, ofOthers: readonly number[], share: number): boolean => {
  const fair = ofOthers.reduce((sum, each) => sum + each, 0) / Math.max(1, ofOthers.length);
  return inFlight < Math.max(1, share * fair);
};
