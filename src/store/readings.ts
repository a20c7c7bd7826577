/** A read that is under way; what it brings may be older than what happened meanwhile. */
export interface Reading {
  outdated: boolean;
  /** What it brings goes to several. */
  shared: boolean;
}

/** More reads at once than this are answered, but not followed: they count as outdated. */
const MAX_READINGS = 10_000;

/** Which reads of a key are under way, so that what happens meanwhile can outdate them? */
export class Readings {
  readonly #ofKey = new Map<string, Reading[]>();
  #count = 0;

  begin(key: string): Reading {
    if (this.#count >= MAX_READINGS) return { outdated: true, shared: false };
    const reading = { outdated: false, shared: false };
    const readings = this.#ofKey.get(key);
    if (readings === undefined) this.#ofKey.set(key, [reading]);
    else readings.push(reading);
    this.#count++;
    return reading;
  }

  end(key: string, reading: Reading): void {
    const readings = this.#ofKey.get(key);
    const place = readings?.indexOf(reading) ?? -1;
    if (readings === undefined || place === -1) return;
    this.#count--;
    if (readings.length === 1) this.#ofKey.delete(key);
    else readings.splice(place, 1);
  }

  /** The key has changed; every key where none is named. */
  outdate(key?: string): void {
    if (key === undefined) for (const each of this.#ofKey.keys()) this.outdate(each);
    else for (const reading of this.#ofKey.get(key) ?? []) reading.outdated = true;
  }
}
