/** A read that is under way; what it brings may be older than what happened meanwhile. */
export interface Reading {
  outdated: boolean;
}

/** More reads at once than this are answered, but not followed: they count as outdated. */
const MAX_READINGS = 10_000;

/** Which reads of a key are under way, so that what happens meanwhile can outdate them? */
export class Readings {
  readonly #ofKey = new Map<string, Set<Reading>>();
  #count = 0;

  begin(key: string): Reading {
    if (this.#count >= MAX_READINGS) return { outdated: true };
    const reading = { outdated: false };
    const readings = this.#ofKey.get(key);
    if (readings === undefined) this.#ofKey.set(key, new Set([reading]));
    else readings.add(reading);
    this.#count++;
    return reading;
  }

  end(key: string, reading: Reading): void {
    const readings = this.#ofKey.get(key);
    if (readings?.delete(reading) !== true) return;
    this.#count--;
    if (readings.size === 0) this.#ofKey.delete(key);
  }

  /** The key has changed; every key where none is named. */
  outdate(key?: string): void {
    if (key === undefined) for (const each of this.#ofKey.keys()) this.outdate(each);
    else for (const reading of this.#ofKey.get(key) ?? []) reading.outdated = true;
  }
}
