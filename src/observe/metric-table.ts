/**
 * Every metric of our own: its kind, its labels and what it says. Label values come from
 * closed unions or from the configuration, never from a request.
 */
export const METRICS = {
  requests: {
    name: "freshline_requests_total",
    labels: ["cache", "tier"],
    help: "Requests answered, by X-Cache word and by where the body came from (memory, redis, origin, none).",
  },
  requestDuration: {
    name: "freshline_request_duration_seconds",
    labels: ["cache"],
    help: "Time from a request's head to the last byte of its answer.",
  },
  requestReasons: {
    name: "freshline_request_reasons_total",
    labels: ["reason"],
    help: "Requests answered, by the reason code of their outcome; plain hits and misses have none.",
  },
  notStored: {
    name: "freshline_not_stored_total",
    labels: ["reason"],
    help: "Responses that could have been stored and were not.",
  },
  coalesced: {
    name: "freshline_coalesced_requests_total",
    labels: [],
    help: "Requests that waited for another request's fetch instead of going to an origin.",
  },
  originRequests: {
    name: "freshline_origin_requests_total",
    labels: ["origin", "code_class"],
    help: "Requests to an origin by class of status code (2xx ...); error when there was no response.",
  },
  originFailures: {
    name: "freshline_origin_failures_total",
    labels: ["origin", "code"],
    help: "Requests to an origin that got no response, or one that broke off (connect, timeout, reset ...).",
  },
  originRequestDuration: {
    name: "freshline_origin_request_duration_seconds",
    labels: ["origin"],
    help: "Time from sending a request to an origin to the head of its response.",
  },
  originHealthy: {
    name: "freshline_origin_healthy",
    labels: ["origin"],
    help: "1 while the origin is healthy, 0 while it is not; absent until it has been told.",
    together: "min",
  },
  revalidations: {
    name: "freshline_revalidations_total",
    labels: ["result"],
    help: "Conditional requests that an origin answered: validated (304), replaced, failed (5xx).",
  },
  backgroundRefreshes: {
    name: "freshline_background_refreshes_total",
    labels: ["result"],
    help: "Background refreshes: validated, replaced, failed, or dropped for want of room.",
  },
  entries: { name: "freshline_entries", labels: ["tier"], help: "Responses in the tier." },
  bytes: { name: "freshline_bytes", labels: ["tier"], help: "Bytes that the tier's responses take up." },
  evictions: {
    name: "freshline_evictions_total",
    labels: [],
    help: "Responses that left the memory tier to make room.",
  },
  purges: {
    name: "freshline_purges_total",
    labels: ["type", "mode"],
    help: "Purges heard, by what they cover and how (delete, invalidate).",
    together: "max",
  },
  purgePropagation: {
    name: "freshline_purge_propagation_seconds",
    labels: [],
    help: "Time from a purge's append by another instance to this one hearing of it: by the clock of Redis, and a round trip.",
  },
  purgeLogAttached: {
    name: "freshline_purge_log_attached",
    labels: [],
    help: "1 while purges of other instances are heard, 0 while they are not; absent without REDIS_URL.",
    together: "min",
  },
  purgeLogBehind: {
    name: "freshline_purge_log_behind_seconds",
    labels: [],
    help: "For how long purges may have gone unheard; 0 while attached, infinite before the first attachment.",
    together: "max",
  },
  storeErrors: {
    name: "freshline_store_errors_total",
    labels: ["tier", "operation"],
    help: "Operations that a store refused or did not answer; each counts as a miss, never as an error.",
  },
  storeUp: {
    name: "freshline_store_up",
    labels: [],
    help: "1 while the shared store answers, 0 while it does not or there is none.",
    together: "min",
  },
  foreignValues: {
    name: "freshline_foreign_values_total",
    labels: [],
    help: "Values under our keys that were not ours, damaged, or of an unknown version.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export interface MetricRow {
  readonly name: string;
  readonly labels: readonly string[];
  readonly help: string;
  /** What the values of several workers make together; their sum when absent. */
  readonly together?: "min" | "max" | "sum";
}
