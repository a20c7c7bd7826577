import type { Lookup } from "../cache/ports/store.ts";

/** A read that is under way; what it brings may be older than what happened meanwhile. */
export interface Reading {
  /** What others find it by while it lasts; undefined where they do not. */
  readonly name: string | undefined;
  outdated: boolean;
  /** What it brings goes to several. */
  shared: boolean;
  answer: Promise<Lookup> | undefined;
}

/** More reads at once than this are answered, but not followed: they count as outdated. */
const MAX_READINGS = 10_000;

/** Which reads of a key are under way, so that others can wait for them, and what happens meanwhile can outdate them? */
export class Readings {
  readonly #ofKey = new Map<string, Reading[]>();
  /** The last of each name. A list that is gone through would cost as much again for each variant that others ask for. */
  readonly #named = new Map<string, Reading>();
  #count = 0;

  /** One of this name that is not outdated. */
  find(name: string): Reading | undefined {
    const reading = this.#named.get(name);
    return reading?.outdated === false ? reading : undefined;
  }

  begin(key: string, name?: string): Reading {
    const outdated = this.#count >= MAX_READINGS;
    const reading: Reading = { name, outdated, shared: false, answer: undefined };
    if (outdated) return reading;
    const readings = this.#ofKey.get(key);
    if (readings === undefined) this.#ofKey.set(key, [reading]);
    else readings.push(reading);
    if (name !== undefined) this.#named.set(name, reading);
    this.#count++;
    return reading;
  }

  end(key: string, reading: Reading): void {
    const readings = this.#ofKey.get(key);
    const place = readings?.indexOf(reading) ?? -1;
    if (readings === undefined || place === -1) return;
    this.#count--;
    if (reading.name !== undefined && this.#named.get(reading.name) === reading)
      this.#named.delete(reading.name);
    if (readings.length === 1) this.#ofKey.delete(key);
    else readings.splice(place, 1);
  }

  /** The key has changed; every key where none is named. */
  outdate(key?: string): void {
    if (key === undefined) for (const each of this.#ofKey.keys()) this.outdate(each);
    else for (const reading of this.#ofKey.get(key) ?? []) reading.outdated = true;
  }
}
