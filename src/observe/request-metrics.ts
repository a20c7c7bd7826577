import type { CacheEvent } from "../cache/events.ts";
import type { Tier } from "../cache/ports/store.ts";
import type { CacheWord, Forwarded, Outcome, Reason } from "../policy/outcome.ts";
import { reasonOf } from "../policy/reasons.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { BUCKETS, Distribution, REMOTE_BUCKETS } from "./distribution.ts";
import { type Family, familyOf, type Sample } from "./families.ts";
import { METRICS } from "./metric-table.ts";
import { Routes } from "./routes.ts";
import { CACHE_WORDS, recordOf } from "./series.ts";

type Answered = CacheEvent & { readonly type: "answered" };
type Coalesced = CacheEvent & { readonly type: "coalesced" };
type From = Tier | "origin" | "none";

const FROM: readonly From[] = ["memory", "redis", "origin", "none"];
/** How many misses the mean that a hit is compared with is made of. */
const MISSES_IN_MEAN = 64;

/** What is counted of one route. */
interface RouteCounts {
  readonly requests: Record<CacheWord, Record<From, number>>;
  readonly saved: { requests: number; bytes: number; seconds: number };
  readonly toHead: MovingMean;
}

/**
 * Counts answers, in plain numbers that are all there from the start, because every hit passes
 * here; they become metrics when they are read.
 */
export class RequestMetrics {
  readonly #routes: Routes<RouteCounts>;
  readonly #durations: Readonly<Record<CacheWord, Distribution>>;
  readonly #toHead = new MovingMean();
  readonly #reasons = new Map<Reason, number>();
  readonly #misses = new Map<Reason | Forwarded | CacheWord, number>();
  readonly #notStored = new Map<Reason, number>();
  readonly #coalesced: Readonly<Record<Coalesced["scope"], { count: number; readonly waits: Distribution }>>;

  constructor(routes: readonly string[], now: () => EpochMs) {
    this.#routes = new Routes(routes, () => ({
      requests: recordOf(CACHE_WORDS, () => ({ memory: 0, redis: 0, origin: 0, none: 0 })),
      saved: { requests: 0, bytes: 0, seconds: 0 },
      toHead: new MovingMean(),
    }));
    this.#durations = recordOf(CACHE_WORDS, () => new Distribution(BUCKETS, now));
    const scope = () => ({ count: 0, waits: new Distribution(REMOTE_BUCKETS, now) });
    this.#coalesced = { process: scope(), cluster: scope() };
  }

  answered(event: Answered): void {
    const { word, body, reason } = event.outcome;
    const route = this.#routes.of(event.uri);
    route.requests[word][body === "cache" ? (event.tier ?? "none") : body]++;
    this.#durations[word].record(event.durationMs / 1000, event.traceId);
    this.#countSaved(route, event);
    if (reason !== undefined) countReason(this.#reasons, reason);
    if (word === "BYPASS") return;
    if (body !== "cache") countReason(this.#misses, reason ?? event.outcome.fwd ?? word);
    if (reason !== undefined && reasonOf(reason).group === "not storing") this.notStored(reason);
  }

  notStored(reason: Reason): void {
    countReason(this.#notStored, reason);
  }

  coalesced({ scope, waitedMs }: Coalesced): void {
    const counts = this.#coalesced[scope];
    counts.count++;
    counts.waits.record(waitedMs / 1000);
  }

  #countSaved({ saved, toHead }: RouteCounts, { outcome, bytes, headMs }: Answered): void {
    if (isUnasked(outcome)) {
      saved.requests++;
      saved.bytes += bytes;
      saved.seconds += toHead.value || this.#toHead.value;
    } else if (outcome.body === "cache") {
      saved.bytes += bytes;
    } else if (outcome.body === "origin" && outcome.word !== "BYPASS") {
      toHead.add(headMs / 1000);
      this.#toHead.add(headMs / 1000);
    }
  }

  families(): Family[] {
    const routes = this.#routes.all();
    const scopes = Object.entries(this.#coalesced);
    const saved = (name: keyof RouteCounts["saved"]): Sample[] =>
      routes.map(([route, counts]) => ({ labels: { route }, value: counts.saved[name] }));
    const { requestDuration, coalesceWait } = METRICS;
    return [
      familyOf(
        METRICS.requests,
        routes.flatMap(([route, { requests }]) => requestSamples(route, requests)),
      ),
      familyOf(
        requestDuration,
        CACHE_WORDS.filter((cache) => !this.#durations[cache].isEmpty).flatMap((cache) =>
          this.#durations[cache].samples(requestDuration.name, { cache }),
        ),
      ),
      familyOf(METRICS.requestReasons, byReason(this.#reasons)),
      familyOf(METRICS.misses, byReason(this.#misses)),
      familyOf(METRICS.notStored, byReason(this.#notStored)),
      familyOf(
        METRICS.coalesced,
        scopes.map(([scope, { count }]) => ({ labels: { scope }, value: count })),
      ),
      familyOf(
        coalesceWait,
        scopes.flatMap(([scope, { waits }]) => waits.samples(coalesceWait.name, { scope })),
      ),
      familyOf(METRICS.savedRequests, saved("requests")),
      familyOf(METRICS.savedBytes, saved("bytes")),
      familyOf(METRICS.savedSeconds, saved("seconds")),
    ];
  }
}

/** Was it answered without a request to an origin of its own? */
const isUnasked = ({ body, fwd, collapsed }: Outcome): boolean =>
  collapsed === true || (body === "cache" && fwd === undefined);

/** Those that there have been: most words and tiers never meet. */
const requestSamples = (route: string, requests: RouteCounts["requests"]): Sample[] =>
  CACHE_WORDS.flatMap((cache) =>
    FROM.filter((tier) => requests[cache][tier] > 0).map((tier) => ({
      labels: { cache, tier, route },
      value: requests[cache][tier],
    })),
  );

function countReason<Code>(counts: Map<Code, number>, code: Code): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}

const byReason = (counts: ReadonlyMap<string, number>): Sample[] =>
  Array.from(counts, ([reason, value]) => ({ labels: { reason }, value }));

/** The mean of the last so many, of which the older count less. */
class MovingMean {
  value = 0;
  #count = 0;

  add(seconds: number): void {
    this.#count = Math.min(this.#count + 1, MISSES_IN_MEAN);
    this.value += (seconds - this.value) / this.#count;
  }
}
