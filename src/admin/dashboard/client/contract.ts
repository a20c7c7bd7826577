/** What the routes of the admin API say, as far as this page reads it. */

export const CACHE_WORDS = ["HIT", "UPDATING", "STALE", "REVALIDATED", "EXPIRED", "MISS", "BYPASS"] as const;
export type CacheWord = (typeof CACHE_WORDS)[number];

/** GET /stats */
export interface Stats {
  readonly uptime_seconds: number;
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly hit_rate: number;
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
  readonly coalesced: number;
  readonly stale_served: number;
  readonly revalidated: number;
  readonly background_refreshes: number;
  readonly origin_requests: number;
  readonly origin_failures: number;
  readonly stored: number;
  readonly errors: number;
  readonly store: { readonly up: boolean; readonly errors: number };
}

type Values = readonly (number | null)[];

/** GET /series: one value for each step, the oldest first. */
export interface Series {
  readonly step_ms: number;
  readonly at: readonly number[];
  readonly requests: Readonly<Partial<Record<CacheWord, Values>>>;
  readonly hit_p50_ms: Values;
  readonly hit_p99_ms: Values;
  readonly miss_p50_ms: Values;
  readonly miss_p99_ms: Values;
  readonly origin_p50_ms: Values;
  readonly origin_p99_ms: Values;
  readonly bytes?: Values;
  readonly memory_bytes?: Values;
  readonly entries?: Values;
  readonly purge_lag_ms?: Values;
}

/** GET /hist */
export type Hist = Readonly<
  Partial<
    Record<
      "hits" | "misses" | "origins",
      {
        readonly count: number;
        readonly p50_ms: number | null;
        readonly p90_ms: number | null;
        readonly p99_ms: number | null;
      }
    >
  >
>;

/** GET /top */
export interface Top {
  readonly since: number | string;
  readonly hot: readonly { readonly url: string; readonly count: number }[];
  readonly missing: readonly { readonly url: string; readonly count: number; readonly reason?: string }[];
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  readonly origins: readonly {
    readonly origin: string;
    readonly count: number;
    readonly p50_ms: number | null;
    readonly p99_ms: number | null;
  }[];
}

/** GET /origins, by origin */
export interface OriginState {
  readonly healthy: boolean;
  readonly since: string;
  readonly last_check: string | null;
  readonly detail: string;
  readonly in_flight: number;
}

/** GET /reasons */
export interface ReasonSentence {
  readonly code: string;
  readonly group: string;
  readonly sentence: string;
  readonly decided_by: string;
  readonly change: string;
}

/** GET /settings */
export interface Setting {
  readonly name: string;
  readonly value: unknown;
  readonly source: string;
  readonly meaning: string;
  readonly restart: boolean;
}

/** GET /events, `event: answered` */
export interface Answered {
  readonly time: number | string;
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly cache: CacheWord;
  readonly reason?: string | null;
  readonly bytes: number;
  readonly ttfb_ms: number;
  readonly total_ms: number;
}

/** The end of a window of a stored response, and what decided it. */
export interface WindowEnd {
  readonly at: number | string | null;
  readonly because: string;
}

/** GET /explain */
export interface Explained {
  readonly url: string;
  readonly key: string;
  readonly key_parts?: Readonly<Record<string, unknown>>;
  readonly selecting?: readonly string[];
  readonly variants?: readonly {
    readonly selecting: Readonly<Record<string, string | null>>;
    readonly status: number;
    readonly size: number;
    readonly stored_at: number | string;
  }[];
  readonly stored: StoredView | null;
  readonly purges?: readonly {
    readonly epoch: number;
    readonly target: unknown;
    readonly mode: string;
    readonly at?: number | string;
  }[];
  readonly next: { readonly decision: string; readonly sentence: string; readonly clause?: string };
  readonly last?: {
    readonly time: number | string;
    readonly sentence: string;
    readonly clause?: string;
  } | null;
  readonly advice?: readonly string[];
}

export interface StoredView {
  readonly status: number;
  readonly etag?: string | null;
  readonly last_modified?: string | null;
  readonly size: number;
  readonly tags?: readonly string[];
  readonly tier?: readonly string[];
  readonly stored_at: number | string;
  readonly age: number;
  readonly fresh_until: WindowEnd;
  readonly refreshing_until?: WindowEnd | null;
  readonly usable_on_error_until?: WindowEnd | null;
  readonly kept_until?: WindowEnd | null;
}
