/** Buckets that hold something: index, count, index, count … in rising order. */
export type Occupied = readonly number[];

/** What is longer counts as this: 67 s, in microseconds. */
const LONGEST = 2 ** 26 - 1;

/**
 * Which bucket does a duration of so many whole microseconds belong to?
 *
 * Below 32 µs each microsecond has its own; above, each doubling has 16, so that a bucket
 * is at most 1/16 of what it stands for wide: 2 µs at 50 µs, 4 ms at 100 ms.
 */
function indexOf(micros: number): number {
  if (micros < 16) return micros;
  const shift = 27 - Math.clz32(micros);
  return (shift << 4) + (micros >>> shift);
}

const BUCKETS = indexOf(LONGEST) + 1;

/** The longest duration that belongs into a bucket, in milliseconds. */
export function upperMs(index: number): number {
  const next = index + 1;
  const shift = Math.max(0, (next >>> 4) - 1);
  return (((next - (shift << 4)) << shift) - 1) / 1000;
}

/** Counts durations in arrays of fixed size. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  record(milliseconds: number): void {
    const micros = Math.min(Math.max(Math.round(milliseconds * 1000) || 0, 0), LONGEST);
    const index = indexOf(micros);
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count++;
  }

  add(occupied: Occupied): void {
    for (let i = 0; i < occupied.length; i += 2) {
      const [index = 0, count = 0] = [occupied[i], occupied[i + 1]];
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
      this.#count += count;
    }
  }

  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
  }

  occupied(): Occupied {
    if (this.#count === 0) return [];
    const occupied: number[] = [];
    this.#counts.forEach((count, index) => {
      if (count > 0) occupied.push(index, count);
    });
    return occupied;
  }

  /** The upper bound of the bucket in which a share (0.99) of all lies below, in milliseconds; null of none. */
  percentileMs(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(this.#count * share));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#counts[index] as number;
      if (seen >= rank) return upperMs(index);
    }
    return upperMs(BUCKETS - 1);
  }
}

/** Several as one. */
export function joined(parts: readonly Occupied[]): Histogram {
  const histogram = new Histogram();
  for (const part of parts) histogram.add(part);
  return histogram;
}
