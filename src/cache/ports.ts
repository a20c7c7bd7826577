import type { FieldLines } from "../policy/fields.ts";
import type { RefusalReason } from "../policy/outcome.ts";
import type { Epoch, EpochMs, Reusable, StoredResponse } from "../policy/stored-response.ts";
import type { Cut } from "./cut.ts";

/** Bytes on their way. Iterating rejects when they break off; `return()` tells the source to stop. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** All of a short body, where it is here in one piece and nobody reads it: then it is had, and not iterated. */
  take?(): Uint8Array | undefined;
}

/** A stored response and its complete body, which is here or elsewhere. */
export interface Entry {
  readonly stored: StoredResponse;
  readonly body: Uint8Array | ChunkedBody;
}

/** A body that lies elsewhere and is read where it is needed, as often as it is needed. */
export interface ChunkedBody {
  /** Bytes. */
  readonly length: number;
  /** CRC-32 of all of it. */
  readonly checksum: number;
  /**
   * Bytes `first` to `last`, both included, at the pace of whoever reads, who holds at most two chunks.
   * Rejects with StoreError where they can no longer be had, never gives others; the store tells of that.
   * Where it is away for a moment it may be waited for, for so many milliseconds in one go.
   */
  read(first: number, last: number, patienceMs?: number): ByteStream;
}

/**
 * Bytes of a body at once, for those who cannot take them as they come, and can do without.
 * Rejects as `ChunkedBody.read` does.
 */
export async function readBytes(body: Entry["body"], first = 0, last = body.length - 1): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(first, last + 1);
  const bytes = new Uint8Array(last + 1 - first);
  let at = 0;
  for await (const piece of body.read(first, last)) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** A body that lies in the shared store already, with no entry that leads to it yet. */
export interface SentBody {
  /** Where and how it lies, in the store's own words. */
  readonly record: string;
  /** CRC-32 of all of it. */
  readonly checksum: number;
}

/** What of a stored response is looked at before it may be the answer. */
export type Glance = Reusable & Pick<StoredResponse, "uri" | "epoch" | "tags">;

/** A complete response as it lies in memory. */
export interface PackedResponse extends Omit<Glance, "part"> {
  /** Of its field lines, as they go over the wire, each with its end. */
  readonly linesBytes: number;
  readonly bodyBytes: number;
  /** Those with the same one have the same status, reason phrase and names of field lines, in order. */
  readonly shape: number;
  copyLines(to: Uint8Array, at: number): void;
  copyBody(to: Uint8Array, at: number): void;
}

export type Tier = "memory" | "redis";

export type Lookup = (
  | {
      readonly type: "found";
      readonly entry: Entry;
      readonly tier: Tier;
      /** The next look-up makes another object of it: what is made of this one is of no more use than it is. */
      readonly fleeting?: true;
      /** The entry as it lies, where that is known: to be asked at once, before anything is put or dropped, or it throws. */
      readonly packed?: PackedResponse;
      /** Nobody reads its body any more: its memory is used again. For whoever alone has it, and may leave it undone. */
      readonly giveBack?: () => void;
    }
  /** `vary-miss`: the resource is known, but not this variant (RFC 9211 §2.2). */
  | { readonly type: "none"; readonly fwd: "uri-miss" | "vary-miss" }
) & {
  /** The store that instances share could not be asked: it may know better. */
  readonly storeFailed?: boolean;
};

/** One variant in one tier, for those who only look. */
export interface Inspected {
  readonly entry: Entry;
  readonly tier: Tier;
}

/**
 * A place where responses live. Any method may reject; callers treat a rejection as
 * "not there" and say so with a `store-failed` event, never as a 5xx.
 * Every implementation passes test/store/contract.ts.
 */
export interface Store {
  /** The newest variant of `key` whose selecting header fields match the request's (RFC 9111 §4.1). */
  lookup(key: string, request: FieldLines): Lookup | Promise<Lookup>;
  /** What `lookup` would answer at once with something found; undefined where it would have to ask, or found nothing. Asks nobody. */
  near?(key: string, request: FieldLines): Extract<Lookup, { type: "found" }> | undefined;
  /**
   * Keeps the entry until `keepUntil` of its last window, replacing the same variant. `sent` is its
   * body, where that has been left in the store while it arrived.
   */
  put(key: string, entry: Entry, sent?: SentBody): Promise<void>;
  /**
   * Replaces what is known about a response whose body stays (a 304, RFC 9111 §4.3.4).
   * The body is passed along for stores that have lost it meanwhile.
   */
  freshen(key: string, entry: Entry): Promise<void>;
  /**
   * Every variant of `key` that is here and not over, in every tier, at most 64 of them; changes nothing, not
   * even what is evicted next.
   */
  inspect(key: string): Promise<readonly Inspected[]>;
  /** Frees what the target covers. Correctness does not wait for it: the purge log already covers it. */
  drop(target: PurgeTarget): Promise<void>;
  close(): Promise<void>;
}

/** Some of what a tier holds. */
export interface Leaf {
  readonly found: readonly { readonly key: string; readonly stored: StoredResponse }[];
  /** How much was looked at to find it. */
  readonly lookedAt: number;
  /** Where to go on; absent at the end. */
  readonly next?: string;
}

/** A tier that can be leafed through by people: each look costs little, and touches nothing. */
export interface Browsable {
  readonly tier: Tier;
  /**
   * About `most` of the entries whose keys are wanted, or fewer of which there may be more, from the cursor on
   * (empty for the beginning). Undefined where it is no cursor of this tier. Rejects with StoreError.
   */
  browse(cursor: string, most: number, wanted: (key: string) => boolean): Promise<Leaf | undefined>;
}

/** The store did not answer in time, refused, or is known to be away. Nothing was changed that counts. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: "unavailable" | "timeout" | "refused";
  constructor(code: StoreError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * What a purge covers, in every tier and every variant. A site is scheme://host[:port] as primary
 * keys begin; where it may be absent, every site is meant.
 */
export type PurgeTarget =
  /** One primary key. */
  | { readonly type: "url"; readonly key: string }
  /** One request-target (path and query) under every site. */
  | { readonly type: "path"; readonly path: string }
  /** Every primary key, or every request-target, that begins with these characters. */
  | { readonly type: "prefix"; readonly site?: string; readonly path: string }
  /** Every URL of one site. */
  | { readonly type: "site"; readonly site: string }
  /** Every response with this tag, groups among them. */
  | { readonly type: "tag"; readonly site?: string; readonly tag: string }
  /** Every response of the site in this group (RFC 9875), and none that only has a tag of the name. */
  | { readonly type: "group"; readonly site: string; readonly group: string }
  | { readonly type: "everything" };

/**
 * `delete`: it is as if it had never been stored. `invalidate`: it is as if its freshness had
 * ended; its validators and what its own stale windows allow stay.
 */
export type PurgeMode = "delete" | "invalidate";

export interface PurgeRecord {
  readonly epoch: Epoch;
  readonly target: PurgeTarget;
  readonly mode: PurgeMode;
  /** When it was appended; absent where that is when it is heard. */
  readonly at?: EpochMs;
  /** Milliseconds from its append to here, by one clock; absent for our own and those of before we were there. */
  readonly travelledMs?: number;
}

/** What the log tells its follower. */
export type PurgeNews =
  | { readonly type: "record"; readonly record: PurgeRecord }
  /** The log is new to its follower or lost its memory: nothing born before `floor` may be used. */
  | { readonly type: "floor"; readonly floor: Epoch; readonly epoch: Epoch }
  /** Everything there was has been told, and appends are taken (again). */
  | { readonly type: "attached" };

/** Which instances have heard of a purge. */
export interface Acknowledged {
  /** False where there is no other instance that could. */
  readonly shared: boolean;
  /** How many instances follow the log. */
  readonly instances: number;
  /** How many of them have heard of it. */
  readonly acked: number;
  /** The names of those that have not, in the time there was. */
  readonly missing: readonly string[];
}

/** What became of a purge. */
export interface PurgeReceipt extends Acknowledged {
  readonly epoch: Epoch;
}

/** An append-only log of purges that every instance follows from where it was. */
export interface PurgeLog {
  /** Starts following; `hear` is called in log order, also for this instance's own records. */
  follow(hear: (news: PurgeNews) => void): void;
  /**
   * Appends one record per target and resolves to the last epoch, when this instance has heard them;
   * `acknowledge` asks the others to say when they have. Rejects with StoreError: then nothing was
   * purged, unless its code is `timeout`, when nobody knows.
   */
  append(targets: readonly PurgeTarget[], mode: PurgeMode, acknowledge?: boolean): Promise<Epoch>;
  /**
   * For how many milliseconds purges may have been appended that were not heard here: 0 while all are,
   * infinite before the first have been.
   */
  behindMs(): number;
  /** Waits, for a bounded time, until all who follow the log have heard what was appended up to `epoch`. Never rejects. */
  acknowledged(epoch: Epoch): Promise<Acknowledged>;
  close(): Promise<void>;
}

export interface OriginRequest {
  readonly method: string;
  /** Request-target in origin form, bytes as they came. */
  readonly target: string;
  /** The client's Host, for origins that want it (PRESERVE_HOST). */
  readonly host: string;
  /** End-to-end fields, without Host. */
  readonly fields: FieldLines;
  /** A hint: they may begin with these, which come again with other requests as one object. */
  readonly firstFields?: FieldLines;
  readonly body?: RequestBody;
  /**
   * Hears of interim responses, 100 and 101 excepted, while the final one is awaited: a bounded
   * number of them, field lines as they came. Must not throw.
   */
  readonly onInterim?: (status: number, fields: FieldLines) => void;
}

export interface RequestBody {
  readonly stream: ByteStream;
  /** Content-Length in bytes; absent when the client sent chunks. */
  readonly length?: number;
}

export interface OriginResponse {
  readonly status: number;
  readonly statusMessage: string;
  /** Field lines as they came, framing and hop-by-hop ones still among them. */
  readonly fields: FieldLines;
  /** Rejects with OriginError when the body breaks off. */
  readonly body: ByteStream;
  /** The body ends where the connection does, so that nobody can tell whether it is whole (RFC 9112 §6.3). */
  readonly closeDelimited?: boolean;
  /** The trailer section (RFC 9110 §6.5), field lines as they came; empty until the body has ended cleanly. */
  readonly trailers?: () => FieldLines;
  /** Which origin answered, as scheme://host:port. */
  readonly origin: string;
}

/**
 * Where responses come from: a group of servers, the healthy ones of which take turns.
 * Rejects only with OriginError (or with the signal's reason); an HTTP 5xx is a response.
 */
export interface Origin {
  send(request: OriginRequest, signal: Cut): Promise<OriginResponse>;
  /** False when every origin is known to be down: then a stale answer is immediate. */
  anyHealthy(): boolean;
}

export class OriginError extends Error {
  override readonly name = "OriginError";
  readonly code:
    | "refused"
    | "connect"
    /** Its certificate is not believed: it is asked nothing (RFC 9110 §4.3.4). */
    | "certificate"
    | "timeout"
    | "reset"
    | "malformed"
    | "overloaded"
    | "no-healthy-origin"
    /** It answered a validation with 500, 502, 503 or 504: as good as no answer (RFC 9111 §4.3.3). */
    | "error-status";
  /** Which origin failed, as scheme://host:port; absent when none was chosen. */
  readonly origin: string | undefined;
  /** The status of an `error-status`. */
  readonly status: number | undefined;
  constructor(
    code: OriginError["code"],
    message: string,
    origin?: string,
    options?: ErrorOptions & { status?: number },
  ) {
    super(message, options);
    this.code = code;
    this.origin = origin;
    this.status = options?.status;
  }
}

/** The client-facing status and code for a failed origin: 504 on a timeout, 503 when too many wait for it, else 502. */
export function refusalFor(error: OriginError): {
  readonly status: 502 | 503 | 504;
  readonly code: RefusalReason;
} {
  switch (error.code) {
    case "timeout":
      return { status: 504, code: "origin_timeout" };
    case "overloaded":
      return { status: 503, code: "origin_overloaded" };
    case "no-healthy-origin":
      return { status: 502, code: "no_healthy_origin" };
    case "error-status":
      return { status: 502, code: "origin_error" };
    case "certificate":
      return { status: 502, code: "origin_certificate" };
    case "refused":
    case "connect":
    case "reset":
    case "malformed":
      return { status: 502, code: "origin_unreachable" };
  }
}
