import { type FieldLines, fieldLineValues } from "./fields.ts";

/** Durations are seconds, as on the wire; instants are epoch milliseconds, as Date.now() gives them. */
export type Seconds = number;
export type EpochMs = number;

/** How many seconds (RFC 9111 §1.2.2) lie between two instants; negative when the later one comes first. */
export const secondsBetween = (earlier: EpochMs, later: EpochMs): Seconds => (later - earlier) / 1000;

/**
 * Position in the purge log; grows with every purge, never repeats.
 * An entry carries the epoch at which its fetch began, and a later purge covers it.
 */
export type Epoch = number;

/**
 * What the cache remembers about a response, in RFC 9111's words.
 *
 * Lifetimes and stale windows are settled when the response is admitted (operator
 * defaults and caps included), so that reuse is arithmetic. A changed default
 * therefore affects new entries only.
 */
export interface StoredResponse {
  /** Target URI (§2): what was asked for, checked again on every read. */
  readonly uri: string;
  /** Selecting header fields nominated by Vary, by lower-case name, normalised; null = absent (§4.1). */
  readonly selectingFields: Readonly<Record<string, string | null>>;
  readonly status: number;
  readonly statusMessage: string;
  /** End-to-end field lines as the origin sent them: case, order and repetition kept (§3.1). */
  readonly fields: FieldLines;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Length of the complete body in bytes; a body of another length is not this response's. */
  readonly bodyLength: number;
  /** response_time (§4.2.3): when the response arrived, or was last validated. */
  readonly responseTime: EpochMs;
  /** corrected_initial_age (§4.2.3). */
  readonly initialAge: Seconds;
  /** freshness_lifetime (§4.2.1). At exactly `age == freshnessLifetime` the response is stale. */
  readonly freshnessLifetime: Seconds;
  /** How long after its freshness lifetime it may be served while it is refreshed; 0 = not (RFC 5861 §3). */
  readonly staleWhileRevalidate: Seconds;
  /** How long after its freshness lifetime it may be served when the origin fails; 0 = not (RFC 5861 §4). */
  readonly staleIfError: Seconds;
  /** How long after its freshness lifetime it is kept at all: its last window, stale or for validation only. */
  readonly keep: Seconds;
  /** No client's max-stale may be granted (§5.2.2.2, §5.2.2.8, §5.2.2.10); the windows above are closed already. */
  readonly mustRevalidate: boolean;
  /** Validated before every reuse (§5.2.2.4). */
  readonly noCache: boolean;
  /** What it can be purged by: its groups (RFC 9875 §2) and its other tags (tags.ts). */
  readonly tags: readonly string[];
  /** Which bytes of the complete representation the body holds; absent when it is complete (§3.3). */
  readonly part?: Part;
  /** The position in the purge log at which the fetch began. */
  readonly epoch: Epoch;
}

/** What of it decides whether it may be reused (decide.ts). */
export type Reusable = Pick<
  StoredResponse,
  | "status"
  | "fields"
  | "responseTime"
  | "initialAge"
  | "freshnessLifetime"
  | "staleWhileRevalidate"
  | "staleIfError"
  | "mustRevalidate"
  | "noCache"
  | "part"
>;

/** A contiguous part of a representation, in bytes; `last` is inclusive (RFC 9110 §14.4). */
export interface Part {
  readonly first: number;
  readonly last: number;
  /** Of the complete representation. */
  readonly length: number;
}

/** What a response can be validated by (§4.3.1), as its lines say it. */
export type Validators = Pick<StoredResponse, "etag" | "lastModified">;

/** Of several lines of one name the first counts. */
export function validatorsOf(fields: FieldLines): Validators {
  const etag = fieldLineValues(fields, "etag")[0];
  const lastModified = fieldLineValues(fields, "last-modified")[0];
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
  };
}

/** A response that can be conditionally requested (§4.3.1). */
export const hasValidator = (stored: Validators): boolean =>
  stored.etag !== undefined || stored.lastModified !== undefined;

/** use_stale_upto: the longer of the two stale windows (RFC 5861 §3, §4). */
export const useStaleUpto = (stored: StoredResponse): Seconds =>
  Math.max(stored.staleWhileRevalidate, stored.staleIfError);
