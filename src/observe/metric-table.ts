/**
 * Every metric of our own: its kind, its labels and what it says. Label values come from
 * closed unions or from the configuration, never from a request. docs/operations.md shows this table
 * (scripts/metrics-table.ts).
 */
export const METRICS = {
  requests: {
    kind: "counter",
    name: "freshline_requests_total",
    labels: ["cache", "tier", "route"],
    help: "Requests answered, by X-Cache word, by where the body came from (memory, redis, origin, none) and by METRICS_ROUTES.",
  },
  requestDuration: {
    kind: "histogram",
    name: "freshline_request_duration_seconds",
    labels: ["cache"],
    help: "Time from a request's head to the last byte of its answer.",
  },
  requestReasons: {
    kind: "counter",
    name: "freshline_request_reasons_total",
    labels: ["reason"],
    help: "Requests answered, by the reason code of their outcome; plain hits and misses have none.",
  },
  misses: {
    kind: "counter",
    name: "freshline_misses_total",
    labels: ["reason"],
    help: "Requests that the cache was asked for and had no body for, by reason code, else by why they went forward (RFC 9211 fwd).",
  },
  notStored: {
    kind: "counter",
    name: "freshline_not_stored_total",
    labels: ["reason"],
    help: "Responses to requests that are a cache's business and that were not stored.",
  },
  stored: {
    kind: "counter",
    name: "freshline_stored_total",
    labels: [],
    help: "Responses stored.",
  },
  coalesced: {
    kind: "counter",
    name: "freshline_coalesced_requests_total",
    labels: ["scope"],
    help: "Requests answered by another request's fetch, of the same process or of another one (cluster).",
  },
  coalesceWait: {
    kind: "histogram",
    name: "freshline_coalesce_wait_seconds",
    labels: ["scope"],
    help: "How long such a request waited for the head of that fetch's response.",
  },
  savedRequests: {
    kind: "counter",
    name: "freshline_saved_origin_requests_total",
    labels: ["route"],
    help: "Requests answered without asking an origin: from the cache, or by another request's fetch.",
  },
  savedBytes: {
    kind: "counter",
    name: "freshline_saved_origin_bytes_total",
    labels: ["route"],
    help: "Bytes of bodies sent to clients that no origin sent for them.",
  },
  savedSeconds: {
    kind: "counter",
    name: "freshline_saved_origin_seconds_total",
    labels: ["route"],
    help: "Estimate of what the saved requests would have waited for an origin: for each the mean time to the head of the route's last 64 misses or so, of all routes where it has had none; 0 before the first miss.",
  },
  originRequests: {
    kind: "counter",
    name: "freshline_origin_requests_total",
    labels: ["origin", "code_class", "code"],
    help: "Requests to an origin by status code, unregistered ones by class alone; error and why when there was no response.",
  },
  originFailures: {
    kind: "counter",
    name: "freshline_origin_failures_total",
    labels: ["origin", "code"],
    help: "Requests to an origin that got no response, or one that broke off (connect, timeout, reset ...).",
  },
  originRequestDuration: {
    kind: "histogram",
    name: "freshline_origin_request_duration_seconds",
    labels: ["origin"],
    help: "Time from sending a request to an origin to the head of its response.",
  },
  originInFlight: {
    kind: "gauge",
    name: "freshline_origin_requests_in_flight",
    labels: ["origin"],
    help: "Requests to an origin under way or waiting for a connection, and open tunnels.",
  },
  originHealthy: {
    kind: "gauge",
    name: "freshline_origin_healthy",
    labels: ["origin"],
    help: "1 while the origin is healthy, 0 while it is not.",
    together: "min",
  },
  originBreakerOpen: {
    kind: "gauge",
    name: "freshline_origin_breaker_open",
    labels: ["origin"],
    help: "1 while the origin leaves requests unanswered and gets but trials (ORIGIN_BREAKER_AFTER), else 0.",
    together: "max",
  },
  originBreakerOpens: {
    kind: "counter",
    name: "freshline_origin_breaker_opens_total",
    labels: ["origin"],
    help: "Times that the breaker of an origin opened.",
  },
  originEjected: {
    kind: "gauge",
    name: "freshline_origin_ejected",
    labels: ["origin"],
    help: "1 while the origin is out of turn because it fails (ORIGIN_EJECT_AFTER), else 0.",
    together: "max",
  },
  originEjections: {
    kind: "counter",
    name: "freshline_origin_ejections_total",
    labels: ["origin"],
    help: "Times that an origin was put out of turn.",
  },
  revalidations: {
    kind: "counter",
    name: "freshline_revalidations_total",
    labels: ["result"],
    help: "Conditional requests to an origin: validated (304), replaced, failed (5xx), error (no response).",
  },
  backgroundRefreshes: {
    kind: "counter",
    name: "freshline_background_refreshes_total",
    labels: ["result"],
    help: "Background refreshes: validated, replaced, failed, or dropped for want of room.",
  },
  entries: {
    kind: "gauge",
    name: "freshline_entries",
    labels: ["tier"],
    help: "Responses in the tier.",
  },
  bytes: {
    kind: "gauge",
    name: "freshline_bytes",
    labels: ["tier"],
    help: "Bytes that the tier's responses take up.",
  },
  evictions: {
    kind: "counter",
    name: "freshline_evictions_total",
    labels: ["tier", "cause"],
    help: "Responses that left the tier: to make room, when they were found to be over (expired), or because they were purged.",
  },
  purges: {
    kind: "counter",
    name: "freshline_purges_total",
    labels: ["type", "mode"],
    help: "Purges heard, by what they cover and how (delete, invalidate).",
    together: "max",
  },
  purgePropagation: {
    kind: "histogram",
    name: "freshline_purge_propagation_seconds",
    labels: [],
    help: "Time from a purge's append by another instance to this one hearing of it: by the clock of Redis, and a round trip.",
  },
  purgeLogAttached: {
    kind: "gauge",
    name: "freshline_purge_log_attached",
    labels: [],
    help: "1 while purges of other instances are heard, 0 while they are not; absent without REDIS_URL.",
    together: "min",
  },
  purgeLogBehind: {
    kind: "gauge",
    name: "freshline_purge_log_behind_seconds",
    labels: [],
    help: "For how long purges may have gone unheard; 0 while attached, infinite before the first attachment.",
    together: "max",
  },
  storeErrors: {
    kind: "counter",
    name: "freshline_store_errors_total",
    labels: ["tier", "operation"],
    help: "Operations that a store refused or did not answer; each counts as a miss, never as an error.",
  },
  storeDuration: {
    kind: "histogram",
    name: "freshline_store_duration_seconds",
    labels: ["tier", "operation"],
    help: "Time that an operation of the shared store took, whatever came of it.",
  },
  storeUp: {
    kind: "gauge",
    name: "freshline_store_up",
    labels: [],
    help: "1 while the shared store answers, 0 while it does not or there is none.",
    together: "min",
  },
  storeKeys: {
    kind: "gauge",
    name: "freshline_store_keys",
    labels: ["tier"],
    help: "Keys in the database that the cache is in, of other programs too (DBSIZE of every master); absent without REDIS_URL.",
    together: "max",
  },
  storeUsedBytes: {
    kind: "gauge",
    name: "freshline_store_used_bytes",
    labels: ["tier"],
    help: "Memory that all of Redis uses, of other programs too (used_memory of every master).",
    together: "max",
  },
  storeMaxBytes: {
    kind: "gauge",
    name: "freshline_store_max_bytes",
    labels: ["tier"],
    help: "Memory that Redis may use (maxmemory of every master); absent where nothing limits it.",
    together: "max",
  },
  foreignValues: {
    kind: "counter",
    name: "freshline_foreign_values_total",
    labels: [],
    help: "Values under our keys that were not ours, damaged, or of an unknown version.",
  },
  certificateExpiry: {
    kind: "gauge",
    name: "freshline_certificate_expiry_timestamp_seconds",
    labels: ["name"],
    help: "Until when a certificate of TLS_CERT is valid, in seconds since 1970, by whom it is for; of several for the same, the first to end.",
    together: "min",
  },
  connectionsRefused: {
    kind: "counter",
    name: "freshline_connections_refused_total",
    labels: ["answered"],
    help: "Connections of clients beyond MAX_CONNECTIONS, by whether they were told so (503) or closed unanswered.",
  },
  spansLost: {
    kind: "counter",
    name: "freshline_spans_lost_total",
    labels: [],
    help: "Spans of traces that nobody will see: too many waited, or the collector did not take them.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** What the process that starts workers says besides; absent with WORKERS=1. */
export const WORKER_METRICS = {
  workers: {
    kind: "gauge",
    name: "freshline_workers",
    labels: [],
    help: "Worker processes that serve; absent with WORKERS=1.",
  },
  workerDeaths: {
    kind: "counter",
    name: "freshline_worker_deaths_total",
    labels: [],
    help: "Worker processes that ended unasked, and were replaced; absent with WORKERS=1.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export interface MetricRow {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly labels: readonly string[];
  readonly help: string;
  /** What the values of several workers make together; their sum when absent. */
  readonly together?: "min" | "max" | "sum";
}
