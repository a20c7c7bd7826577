import type { OriginError } from "../cache/ports/origin.ts";
import type { createHealthChecks } from "../origin/health.ts";

/** What a health check found. */
export interface Checked {
  readonly origin: string;
  readonly healthy: boolean;
  readonly detail: string;
  /** Why there was no answer. */
  readonly failure?: OriginError["code"];
}

/** The health checks of a worker: another process makes them, and this one hears what they find. */
export class HeardChecks {
  readonly #known: Map<string, Checked>;
  readonly #removed = new Set<string>();
  #tell: ((checked: Checked) => void) | undefined;
  /** Nothing more is waited for from it. */
  #heardOf: ((origin: string) => void) | undefined;
  /** True while something that all hear is told on. */
  hearing = false;

  constructor(known: readonly Checked[]) {
    this.#known = new Map(known.map((checked) => [checked.origin, checked]));
  }

  hear(checked: Checked): void {
    if (this.#tell === undefined) this.#known.set(checked.origin, checked);
    else this.#tell(checked);
  }

  /** It is not checked any more, and nothing need be heard of it. */
  remove(origin: string): void {
    if (this.#heardOf === undefined) this.#removed.add(origin);
    else this.#heardOf(origin);
  }

  readonly create: typeof createHealthChecks = (origins, _options, checked) => {
    const unheard = new Set(origins);
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const heardOf = (origin: string) => {
      unheard.delete(origin);
      if (unheard.size === 0) resolve();
    };
    this.#heardOf = heardOf;
    this.#tell = ({ origin, healthy, detail, failure }) => {
      this.hearing = true;
      try {
        checked(origin, healthy, detail, failure);
      } finally {
        this.hearing = false;
      }
      heardOf(origin);
    };
    for (const known of this.#known.values()) this.#tell(known);
    this.#known.clear();
    for (const origin of this.#removed) heardOf(origin);
    this.#removed.clear();
    // Who checks for all is told of the same change, and what it finds is heard here.
    return { ready, checkAll: () => ready, apply: async () => {}, close: async () => {} };
  };
}
