/** What routes of the admin API answer: for those who make it, the command line and the dashboard's page. */

/** X-Cache's words. */
export type CacheWord = "HIT" | "UPDATING" | "STALE" | "REVALIDATED" | "EXPIRED" | "MISS" | "BYPASS";

/** GET /stats: plain counts since the start of this process, for a person with curl. */
export interface Stats {
  readonly uptime_seconds: number;
  readonly requests: number;
  /** The body came from the cache (X-Cache-Status: HIT). */
  readonly hits: number;
  /** The cache was asked and the body did not come from it. */
  readonly misses: number;
  /** Not a cache's business (X-Cache: BYPASS); in neither hits nor misses. */
  readonly bypassed: number;
  /** hits / (hits + misses), 0 when there were none. */
  readonly hit_rate: number;
  readonly by_cache: Readonly<Record<CacheWord, number>>;
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
  /** Requests that waited for another request's fetch. */
  readonly coalesced: number;
  readonly stale_served: number;
  /** Requests answered from the cache after the origin said 304. */
  readonly revalidated: number;
  /** Refreshes that asked an origin; those dropped for want of room are not among them. */
  readonly background_refreshes: number;
  readonly origin_requests: number;
  /** Requests to an origin that got no response, or one that broke off. */
  readonly origin_failures: number;
  readonly stored: number;
  /** By reason code. */
  readonly not_stored: Readonly<Record<string, number>>;
  /** Answers with a 5xx that we made, for want of one from cache or origin. */
  readonly errors: number;
  /** `up` is false until the shared store has said that it is there. */
  readonly store: { readonly up: boolean; readonly errors: number };
}

/** One value for each second or step; null where nothing was measured. */
export type Values = readonly (number | null)[];

/** GET /series: one value for each step, the oldest first. */
export interface Series {
  readonly step_ms: number;
  /** Epoch milliseconds. */
  readonly at: readonly number[];
  readonly requests: Readonly<Record<CacheWord, readonly number[]>>;
  readonly hit_p50_ms: Values;
  readonly hit_p99_ms: Values;
  readonly miss_p50_ms: Values;
  readonly miss_p99_ms: Values;
  readonly origin_p50_ms: Values;
  readonly origin_p99_ms: Values;
  readonly bytes: Values;
  readonly memory_bytes: Values;
  readonly entries: Values;
  readonly purge_lag_ms: Values;
}

export interface Latency {
  readonly count: number;
  readonly p50_ms: number | null;
  readonly p90_ms: number | null;
  readonly p99_ms: number | null;
  /** Upper bound in milliseconds and how many, in rising order. */
  readonly buckets: readonly (readonly [upperMs: number, count: number])[];
}

/** GET /hist */
export type Hist = Readonly<Record<"hits" | "misses" | "origins", Latency>>;

/** GET /top: the most frequent first, and of origins the slowest. */
export interface Top {
  /** Epoch milliseconds. */
  readonly since: number;
  readonly hot: readonly { readonly url: string; readonly count: number }[];
  readonly missing: readonly { readonly url: string; readonly count: number; readonly reason: string }[];
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  readonly origins: readonly ({ readonly origin: string } & Pick<Latency, "count" | "p50_ms" | "p99_ms">)[];
}

/** GET /origins, by origin. Instants are as in RFC 3339. */
export interface ShownOrigin {
  readonly healthy: boolean;
  readonly state: "up" | "down" | "draining";
  /** When it became what it is. */
  readonly since: string;
  readonly last_check: string | null;
  readonly detail: string;
  readonly in_flight: number;
  /** It fails, and gets no turn while others can have it. */
  readonly ejected: boolean;
  /** It leaves requests unanswered, and gets but a trial now and then. */
  readonly breaker_open: boolean;
  /** Changes of its health, the latest last. */
  readonly history: readonly { readonly at: string; readonly healthy: boolean; readonly detail: string }[];
}

/** GET /reasons */
export interface ShownReason {
  readonly code: string;
  readonly group: string;
  readonly sentence: string;
  readonly decided_by: string;
  readonly change: string;
}

/** GET /settings: a setting as it counts (config/in-force.ts). */
export interface ShownSetting {
  readonly name: string;
  /** As a user would write it, secrets masked; empty for none. */
  readonly value: string;
  readonly source: "flag" | "environment" | ".env" | "default";
  readonly meaning: string;
  /** A change of it takes effect with the next start alone. */
  readonly restart: boolean;
}

/** GET /events, `event: answered`: without secrets, and with null for what does not apply. */
export interface ShownAnswer {
  /** As in RFC 3339. */
  readonly time: string;
  readonly id: string;
  readonly method: string;
  readonly host: string | null;
  readonly url: string;
  readonly status: number;
  readonly cache: CacheWord;
  readonly hit: boolean;
  readonly reason: string | null;
  readonly fwd: string | null;
  readonly tier: string | null;
  /** Seconds. */
  readonly age: number | null;
  /** Seconds, negative when stale. */
  readonly ttl: number | null;
  readonly key_hash: string;
  readonly bytes: number;
  readonly ttfb_ms: number;
  readonly total_ms: number;
  readonly origin: string | null;
  readonly collapsed: boolean;
  /** Which of several workers has answered. */
  readonly worker?: number;
}

/** GET /entries: some of what is stored, in no order that means anything. */
export interface ShownEntries {
  readonly tier: "memory" | "redis";
  /** Those that there are to look into. */
  readonly tiers: readonly ("memory" | "redis")[];
  readonly entries: readonly ShownEntry[];
  /** How much was looked at to find these. */
  readonly looked_at: number;
  /** Where to go on; null at the end. */
  readonly cursor: string | null;
}

/** One stored response. Instants are epoch milliseconds, null for a window that it has not. */
export interface ShownEntry {
  readonly url: string;
  /** There is a secret in the URL, which is not shown: by what is shown it is neither explained nor purged. */
  readonly masked?: true;
  readonly selecting: Readonly<Record<string, string | null>>;
  readonly status: number;
  /** Bytes of the body. */
  readonly size: number;
  readonly stored_at: number;
  /** Seconds. */
  readonly age: number;
  /** What may be done with it now. */
  readonly state: "fresh" | "refreshing" | "on-error" | "kept";
  /** A purge has ended its freshness. */
  readonly purged: boolean;
  readonly fresh_until: number | null;
  readonly refreshing_until: number | null;
  readonly usable_on_error_until: number | null;
  readonly kept_until: number | null;
  /** How many. */
  readonly tags: number;
  /** Which of several workers has it in its memory. */
  readonly worker?: number;
}

/** GET /store: what is shared, and by whom. */
export interface ShownStore {
  /** Null where no Redis is set, or it does not answer. */
  readonly redis: {
    /** In the database that the cache is in, whoever wrote them. */
    readonly keys: number;
    /** Bytes that all of the server takes. */
    readonly used_bytes: number;
    /** Bytes that it may take; null where nothing limits it. */
    readonly max_bytes: number | null;
  } | null;
  /** This one first. */
  readonly instances: readonly ShownInstance[];
}

/** One process that serves, and what it says of itself; null where it has not in time. */
export interface ShownInstance {
  readonly instance: string;
  readonly self: boolean;
  readonly version: string | null;
  /** Epoch milliseconds. */
  readonly since: number | null;
  /** Up to which purge it has heard. */
  readonly epoch: number | null;
  /** For how long purges may have gone unheard; null before any was heard, too. */
  readonly behind_ms: number | null;
}

/** The end of a window of a stored response, in epoch milliseconds, and what decided it. */
export interface WindowEnd {
  readonly at: number | null;
  readonly because: string;
}

/** GET /explain, as far as the page shows it (cache/explanation.ts has all of it). */
export interface Explained {
  readonly url: string;
  readonly key: string;
  readonly key_parts: { readonly ignored: readonly string[] };
  readonly selecting: readonly string[];
  readonly variants: readonly ExplainedVariant[];
  readonly stored: ExplainedStored | null;
  /** This one first; absent where there is one alone. */
  readonly instances?: readonly ExplainedInstance[];
  readonly purges: readonly ExplainedPurge[];
  readonly next: { readonly decision: string; readonly sentence: string; readonly clause: string };
  readonly last: { readonly time: number; readonly sentence: string; readonly clause: string } | null;
  readonly advice: readonly string[];
}

export interface ExplainedVariant {
  readonly selecting: Readonly<Record<string, string | null>>;
  readonly status: number;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly stored_at: number;
}

/** Where one instance has it. */
export interface ExplainedInstance {
  readonly instance: string;
  /** False where it has not said so in time. */
  readonly answered: boolean;
  readonly tier: readonly string[];
  /** Epoch milliseconds. */
  readonly stored_at: number | null;
}

export interface ExplainedPurge {
  readonly epoch: number;
  readonly target: object;
  readonly mode: string;
  /** Epoch milliseconds. */
  readonly at?: number;
}

export interface ExplainedStored {
  readonly status: number;
  readonly etag: string | null;
  readonly last_modified: string | null;
  /** Bytes. */
  readonly size: number;
  readonly tags: readonly string[];
  readonly tier: readonly string[];
  /** Epoch milliseconds. */
  readonly stored_at: number;
  /** Seconds. */
  readonly age: number;
  readonly fresh_until: WindowEnd;
  readonly refreshing_until: WindowEnd;
  readonly usable_on_error_until: WindowEnd;
  readonly kept_until: WindowEnd;
}
