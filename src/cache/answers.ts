import { fieldLineValues, hasField } from "../policy/fields.ts";
import { currentAge } from "../policy/freshness.ts";
import type { CacheWord, Forwarded, NotStoredReason, Outcome } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { CacheRequest, CacheResponse } from "./exchange.ts";
import { type Fetched, isFailure } from "./fetch.ts";
import type { Keep, Kept } from "./keep.ts";
import { passedOn } from "./pass-on.ts";
import { OriginError, refusalFor } from "./ports/origin.ts";
import type { Entry } from "./ports/store.ts";
import { fromEntry, fromStream, refusal, ttlOf } from "./respond.ts";
import type { SearchVariances } from "./search-variances.ts";
import { askedUri, type Shared } from "./share.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

/** Reasons that lie in the response itself, so that the next one is likely to be the same. */
const LASTING: ReadonlySet<NotStoredReason> = new Set<NotStoredReason>([
  "no-store",
  "private",
  "set-cookie",
  "vary-star",
  "event-stream",
  "no-freshness",
  "status",
  "too-large",
  "close-delimited",
]);

/** Reasons that lie in one request, so that the next one may be answered otherwise. */
const ALONE: ReadonlySet<NotStoredReason> = new Set<NotStoredReason>(["cookie", "unkeyed-field"]);

/** A request that needs an origin, and what is known of it. */
export interface Need {
  readonly request: CacheRequest;
  readonly fwd: Forwarded;
  /** What an origin may validate. */
  readonly stale?: Entry;
  /** A part that lacks what is asked for. */
  readonly incomplete?: Entry;
  /** The stale response may be served when the origin fails. */
  readonly fallback: boolean;
  /** What instances share has just not answered, and is not waited for once more. */
  readonly storeFailed?: boolean;
  /** How long the look-up has waited for it, in milliseconds. */
  readonly storeWaitedMs?: number;
}

export interface Landed {
  readonly response: CacheResponse;
  /** What followers may have of it. */
  readonly shared?: Shared;
}

interface AnswersDeps {
  readonly keep: Keep;
  readonly uncacheable: UncacheableKeys;
  readonly variances: SearchVariances;
  readonly now: () => EpochMs;
}

/** What each one gets of an exchange with an origin: who fetched, who waited, and when it failed. */
export function createAnswers({ keep, uncacheable, variances, now }: AnswersDeps) {
  /** Answers the one who fetched, and starts what the cache wants of the answer; `tell` as for `Keep.launch`. */
  function land(
    need: Need,
    fetched: Fetched,
    leave: (kept: Kept) => void,
    tell?: (at: string) => void,
  ): Landed {
    const { request, fwd } = need;
    const key = request.uri;
    switch (fetched.type) {
      case "validated": {
        const { entry, answer, storable, origin: name, reason } = fetched;
        if (storable) keep.freshen(key, entry, leave, request.fields);
        else if (!isPersonal(request)) keep.drop(key);
        const outcome: Outcome = {
          word: "REVALIDATED",
          body: "cache",
          fwd,
          fwdStatus: 304,
          ...(reason === undefined ? {} : { reason }),
        };
        const age = currentAge(entry.stored, now());
        const response = { ...fromEntry(request, answer, { outcome, age, now: now() }), origin: name };
        // A part is nobody else's answer: others may want other bytes.
        if (!storable || entry.stored.part !== undefined) return { response };
        return { response, shared: { type: "validated", entry, origin: name } };
      }
      case "storable": {
        const { head, response: answer } = fetched;
        uncacheable.forget(key);
        // By what this one says: what was learned before chose `key`, and may no longer hold.
        const storedUnder = variances.learn(askedUri(request), head.fields);
        const kept = { ...fetched, head: { ...head, uri: storedUnder } };
        const flight = keep.launch(storedUnder, kept, leave, request.fields, tell);
        const length = fieldLineValues(answer.fields, "content-length")[0];
        const outcome: Outcome = {
          word: wordFor(need),
          body: "origin",
          fwd,
          fwdStatus: fetched.fwdStatus ?? answer.status,
          stored: true,
        };
        const stream = flight.read() ?? answer.body;
        const lines = passedOn(answer, now());
        const response = fromStream(request, lines, stream, { outcome, now: now(), origin: answer.origin });
        if (head.part !== undefined) return { response };
        const stored = { ...kept.head, bodyLength: 0 };
        return { response, shared: { type: "flight", stored, flight, length, origin: answer.origin } };
      }
      case "unstorable": {
        const { response: answer, reason, update } = fetched;
        const at = now();
        if (update === "outdated") keep.drop(key);
        else if (update !== undefined) keep.freshen(key, update, () => {}, request.fields);
        if (!isFailure(answer.status) && !ALONE.has(reason) && tellsOfOthers(request, answer.status)) {
          if (LASTING.has(reason)) uncacheable.remember(key, at);
          // The origin has replaced what was stored by something that may not be.
          if (hasReplaced(need, answer.status)) keep.drop(key);
        }
        const outcome: Outcome = {
          word: wordFor(need),
          body: "origin",
          fwd,
          fwdStatus: answer.status,
          reason,
        };
        const lines = passedOn(answer, at);
        return {
          response: fromStream(request, lines, answer.body, { outcome, now: at, origin: answer.origin }),
        };
      }
    }
  }

  /** A follower's answer, unless the leader's can no longer be joined. */
  function fromShared(need: Need, shared: Shared): CacheResponse | undefined {
    const { request, fwd } = need;
    const at = now();
    switch (shared.type) {
      case "validated": {
        const outcome: Outcome = { word: "REVALIDATED", body: "cache", fwd, fwdStatus: 304, collapsed: true };
        const age = currentAge(shared.entry.stored, at);
        return { ...fromEntry(request, shared.entry, { outcome, age, now: at }), origin: shared.origin };
      }
      case "stored": {
        const { entry, tier, validated } = shared;
        const outcome: Outcome = validated
          ? { word: "REVALIDATED", body: "cache", fwd, fwdStatus: 304, collapsed: true }
          : { word: wordFor(need), body: "origin", fwd, collapsed: true };
        return fromEntry(request, entry, { outcome, age: currentAge(entry.stored, at), now: at, tier });
      }
      case "flight": {
        const { stored, flight, length, origin: name } = shared;
        const stream = flight.read();
        if (stream === undefined) return undefined;
        const outcome: Outcome = { word: wordFor(need), body: "origin", fwd, collapsed: true };
        // The stored lines, not the leader's own: those may carry fields that are not for others.
        const age = Math.floor(currentAge(stored, at));
        const fields = [
          ...stored.fields,
          ...(length === undefined ? [] : ["Content-Length", length]),
          ...(age === 0 ? [] : ["Age", String(age)]),
        ];
        const { status, statusMessage } = stored;
        return fromStream(request, { status, statusMessage, fields }, stream, {
          outcome,
          now: at,
          origin: name,
        });
      }
    }
  }

  /** The origin failed: the stale response where it may be used (RFC 5861 §4), else an error. */
  function failed(need: Need, error: unknown): CacheResponse {
    const failure =
      error instanceof OriginError
        ? error
        : new OriginError("reset", String(error), undefined, { cause: error });
    if (need.fallback && need.stale !== undefined) return staleOnError(need, need.stale, failure);
    const { status, code } = refusalFor(failure);
    const outcome: Outcome = {
      word: need.fwd === "method" || need.fwd === "bypass" ? "BYPASS" : wordFor(need),
      body: "none",
      fwd: need.fwd,
      reason: code,
      ...(failure.status === undefined ? {} : { fwdStatus: failure.status }),
    };
    return refusal(need.request, status, code, failure.message, outcome, failure.origin);
  }

  function staleOnError({ request }: Need, entry: Entry, failure: OriginError | undefined): CacheResponse {
    const age = currentAge(entry.stored, now());
    const base = { word: "STALE", body: "cache", reason: "stale-if-error" } as const;
    const outcome: Outcome =
      failure === undefined
        ? { ...base, ttl: ttlOf(entry.stored, age) }
        : { ...base, fwd: "stale", ...(failure.status === undefined ? {} : { fwdStatus: failure.status }) };
    return fromEntry(request, entry, { outcome, age, now: now() });
  }

  return { land, fromShared, failed, staleOnError };
}

export type Answers = ReturnType<typeof createAnswers>;

/** An answer to somebody's credentials says nothing about what others get. */
const isPersonal = (request: CacheRequest): boolean => hasField(request.fields, "authorization");

/** Would others get the like? Nobody can tell from a HEAD, or from a 304 to what one client has. */
const tellsOfOthers = (request: CacheRequest, status: number): boolean =>
  request.method === "GET" && status !== 304 && !isPersonal(request);

/** A 206 says nothing about the rest of the representation: it can replace a part alone. */
const hasReplaced = ({ stale, incomplete }: Need, status: number): boolean =>
  status === 206 ? stale?.stored.part !== undefined : (stale ?? incomplete) !== undefined;

const wordFor = ({ stale, fwd }: Need): CacheWord =>
  stale !== undefined && fwd === "stale" ? "EXPIRED" : "MISS";
