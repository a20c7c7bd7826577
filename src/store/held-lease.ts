import type { Arrives, Lease, LeaseEnd } from "../cache/leases.ts";

export interface Holding {
  readonly everyMs: number;
  /** Resolves to false where it is held no longer. */
  readonly renew: (arriving: Arrives | boolean) => Promise<boolean>;
  readonly release: (end: LeaseEnd) => Promise<void>;
}

/** A lease that this instance holds: renewed until it is released, or another has it. */
export class HeldLease implements Lease {
  readonly leaders: number;
  readonly #holding: Holding;
  readonly #timer: NodeJS.Timeout;
  #arriving: Arrives | boolean = false;
  #released: Promise<void> | undefined;

  constructor(leaders: number, holding: Holding) {
    this.leaders = leaders;
    this.#holding = holding;
    this.#timer = setInterval(() => void this.#renew(), holding.everyMs).unref();
  }

  arriving(news?: Arrives): void {
    this.#arriving = news ?? true;
    if (news !== undefined && this.#released === undefined) void this.#renew();
  }

  release(end: LeaseEnd): Promise<void> {
    clearInterval(this.#timer);
    this.#released ??= this.#holding.release(end);
    return this.#released;
  }

  async #renew(): Promise<void> {
    const kept = await this.#holding.renew(this.#arriving).catch(() => true);
    if (!kept) clearInterval(this.#timer);
  }
}
