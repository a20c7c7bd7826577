import type { createHealthChecks } from "../origin/health.ts";

/** What a health check found. */
export interface Checked {
  readonly origin: string;
  readonly healthy: boolean;
  readonly detail: string;
}

/** The health checks of a worker: another process makes them, and this one hears what they find. */
export class HeardChecks {
  readonly #known: Map<string, Checked>;
  #tell: ((checked: Checked) => void) | undefined;
  /** True while something that all hear is told on. */
  hearing = false;

  constructor(known: readonly Checked[]) {
    this.#known = new Map(known.map((checked) => [checked.origin, checked]));
  }

  hear(checked: Checked): void {
    if (this.#tell === undefined) this.#known.set(checked.origin, checked);
    else this.#tell(checked);
  }

  readonly create: typeof createHealthChecks = (origins, _options, checked) => {
    const unheard = new Set(origins);
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    this.#tell = ({ origin, healthy, detail }) => {
      this.hearing = true;
      try {
        checked(origin, healthy, detail);
      } finally {
        this.hearing = false;
      }
      unheard.delete(origin);
      if (unheard.size === 0) resolve();
    };
    for (const known of this.#known.values()) this.#tell(known);
    this.#known.clear();
    // Who checks for all is told of the same change, and what it finds is heard here.
    return { ready, checkAll: () => ready, apply: async () => {}, close: async () => {} };
  };
}
