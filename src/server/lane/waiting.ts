interface Limits {
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** Node gives clients so long beyond what Keep-Alive says. */
const KEEP_ALIVE_GRACE_MS = 1000;

/** How long has a connection waited for its client? In milliseconds of a clock that never goes back. */
export class Waiting {
  /** Since when: for it to ask, as far as it has been looked at, or to complete what it asks. */
  since: number;
  /** It has been heard since it was last looked at: that costs a hit less than to read the clock. */
  heard = false;
  /** It has asked once at least. */
  asked = false;

  constructor(now: number) {
    this.since = now;
  }

  /** Is it too slow to ask again, or with the head of a request? `between`: no byte of that has come. */
  tooLong(now: number, between: boolean, limits: Limits): "idle" | "head" | undefined {
    if (this.heard && between) this.since = now;
    this.heard = false;
    const waited = now - this.since;
    if (this.asked && between)
      return waited > limits.keepAliveTimeoutMs + KEEP_ALIVE_GRACE_MS ? "idle" : undefined;
    return waited > limits.headersTimeoutMs ? "head" : undefined;
  }
}
