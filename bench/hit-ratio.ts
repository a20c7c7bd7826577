/**
 * How often does the memory tier have what is asked for? `node bench/hit-ratio.ts [seed]` compares it with an
 * LRU of the same number of bytes, in which an entry weighs what it weighs in the tier: requests by Zipf's
 * law, with URLs that nobody asks for again, with scans, with bodies of one size and of many. All of the
 * capacity is the LRU's; the tier has an eighth of it for what it keeps ready.
 *
 * The first fifth of each trace fills the caches and is not counted.
 */
import type { Entry } from "../src/cache/ports/store.ts";
import { MemoryStore } from "../src/store/memory.ts";

const URLS = 20_000;
const REQUESTS = 400_000;
const SCAN = 4_000;
const NOW = 1_795_262_400_000;
const SHORTEST = 500;
const LONGEST = 100_000;

interface Trace {
  readonly name: string;
  /** Zipf's exponent. */
  readonly skew: number;
  /** The share of requests for URLs that are asked for once. */
  readonly once: number;
  /** The share of requests that begin a scan of URLs that are asked for once; it is every second request until its end. */
  readonly scans: number;
  readonly mixedSizes?: boolean;
}

const TRACES: readonly Trace[] = [
  { name: "Zipf 0.7", skew: 0.7, once: 0, scans: 0 },
  { name: "Zipf 0.9", skew: 0.9, once: 0, scans: 0 },
  { name: "Zipf 1.1", skew: 1.1, once: 0, scans: 0 },
  { name: "Zipf 0.9, 30 % asked for once", skew: 0.9, once: 0.3, scans: 0 },
  { name: "Zipf 0.9, 50 % asked for once", skew: 0.9, once: 0.5, scans: 0 },
  { name: "Zipf 0.9, scans", skew: 0.9, once: 0, scans: 0.00005 },
  { name: "Zipf 0.9, sizes", skew: 0.9, once: 0, scans: 0, mixedSizes: true },
  { name: "Zipf 0.9, sizes, 30 % once", skew: 0.9, once: 0.3, scans: 0, mixedSizes: true },
];

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function* requests({ skew, once, scans }: Trace, seed: number): Generator<number> {
  const next = random(seed);
  const sums = new Float64Array(URLS);
  let sum = 0;
  for (let i = 0; i < URLS; i++) {
    sum += (i + 1) ** -skew;
    sums[i] = sum;
  }
  const popular = () => {
    const wanted = next() * sum;
    let low = 0;
    let high = URLS - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  let unique = URLS;
  let scanned = 0;
  for (let i = 0; i < REQUESTS; i++) {
    if (scanned === 0 && next() < scans) scanned = SCAN;
    if (scanned > 0 && next() < 0.5) {
      scanned--;
      yield unique++;
    } else yield next() < once ? unique++ : popular();
  }
}

const bytes = new Uint8Array(LONGEST);
/** Half of them shorter than 1 KiB, few very long; always the same for a URL. */
const sizeOf = (id: number): number =>
  Math.min(
    LONGEST,
    Math.floor(SHORTEST * (1 - ((Math.imul(id, 2_654_435_761) >>> 0) % 10_007) / 10_007) ** -1.2),
  );

function entry(id: number, { mixedSizes = false }: Trace): Entry & { readonly body: Uint8Array } {
  const body = bytes.subarray(0, mixedSizes ? sizeOf(id) : 1024);
  return {
    stored: {
      uri: urlOf(id),
      selectingFields: {},
      status: 200,
      statusMessage: "OK",
      fields: [
        "Content-Type",
        "text/html",
        "Cache-Control",
        "max-age=600",
        "Date",
        "Sat, 21 Nov 2026 12:00:00 GMT",
      ],
      bodyLength: body.length,
      responseTime: NOW,
      initialAge: 0,
      freshnessLifetime: 600,
      staleWhileRevalidate: 0,
      staleIfError: 0,
      keep: 600,
      mustRevalidate: false,
      noCache: false,
      tags: [],
      epoch: 1,
    },
    body,
  };
}

const urlOf = (id: number): string => `http://www.example.test/articles/${id}`;

/** What everybody would write: the least recently used goes. */
class Lru {
  readonly #weights = new Map<number, number>();
  readonly #capacity: number;
  #bytes = 0;
  constructor(capacity: number) {
    this.#capacity = capacity;
  }
  get(id: number): boolean {
    const weight = this.#weights.get(id);
    if (weight === undefined) return false;
    this.#weights.delete(id);
    this.#weights.set(id, weight);
    return true;
  }
  put(id: number, weight: number): void {
    while (this.#bytes + weight > this.#capacity) {
      const [oldest, lost] = this.#weights.entries().next().value as [number, number];
      this.#weights.delete(oldest);
      this.#bytes -= lost;
    }
    this.#weights.set(id, weight);
    this.#bytes += weight;
  }
}

function compare(trace: Trace, share: number, seed: number): void {
  const scales = new MemoryStore({ capacity: 1e7, now: () => NOW });
  const weightOf = (id: number) => {
    scales.clear();
    scales.keep(urlOf(id), entry(id, trace));
    return scales.stats().bytes;
  };
  let all = 0;
  for (let id = 0; id < URLS; id += 10) all += weightOf(id) * 10;
  const capacity = Math.floor(all * share);
  const tier = new MemoryStore({ capacity, now: () => NOW });
  const lru = new Lru(capacity);
  let [asked, inTier, inLru, at] = [0, 0, 0, 0];
  for (const id of requests(trace, seed)) {
    const url = urlOf(id);
    const hit = tier.lookup(url, []).type === "found";
    if (!hit) tier.keep(url, entry(id, trace));
    const lruHit = lru.get(id);
    if (!lruHit) lru.put(id, weightOf(id));
    if (at++ < REQUESTS / 5) continue;
    asked++;
    if (hit) inTier++;
    if (lruHit) inLru++;
  }
  const percent = (hits: number) => ((100 * hits) / asked).toFixed(1).padStart(6);
  const points = ((100 * (inTier - inLru)) / asked).toFixed(1);
  process.stdout.write(
    `| ${trace.name.padEnd(30)} | ${`${share * 100} %`.padStart(5)} | ${percent(inLru)} | ${percent(inTier)} | ${points.padStart(6)} |\n`,
  );
}

const seed = Number(process.argv[2] ?? 1);
process.stdout.write(`seed ${seed}; ${URLS} URLs, ${REQUESTS} requests\n\n`);
process.stdout.write(
  "| requests | capacity, of all URLs | LRU, % hits | memory tier, % hits | points |\n|---|---|---|---|---|\n",
);
for (const trace of TRACES) for (const share of [0.01, 0.1]) compare(trace, share, seed);
