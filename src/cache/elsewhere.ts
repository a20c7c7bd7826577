import { selectFrom, variantId } from "../policy/key.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { Need } from "./answers.ts";
import { type Leader, MAX_LEADERS, type Settlement } from "./coalesce.ts";
import type { CacheRequest } from "./exchange.ts";
import type { Fetched } from "./fetch.ts";
import type { Joined } from "./join.ts";
import type { Kept } from "./keep.ts";
import type { Lease, LeaseEnd, Leases } from "./leases.ts";
import type { FindStored } from "./lookup.ts";
import { OriginError } from "./ports.ts";
import type { Purges } from "./purges.ts";
import { askedUri, type Shared } from "./share.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface ElsewhereDeps {
  /** Absent: there is no other instance. */
  readonly leases?: Leases;
  readonly lookup: FindStored;
  readonly uncacheable: UncacheableKeys;
  readonly purges: Purges;
  readonly mayHave: (request: CacheRequest, joined: Omit<Joined, "ticket">, shared: Shared) => boolean;
  readonly now: () => EpochMs;
}

/** What the one who leads here does, after all that other instances do. */
export type Turn =
  /** Fetches; whoever waits elsewhere hears of it through the lease, if there is one. */
  | { readonly type: "fetch"; readonly lease?: Lease }
  /** Answers from what another instance has fetched. */
  | { readonly type: "share"; readonly value: Shared }
  /** It may not be shared: each goes alone. */
  | { readonly type: "disperse" }
  /** Enough have led, and all have failed. */
  | { readonly type: "failed"; readonly error: OriginError; readonly leaders: number };

type Unshared = Exclude<Settlement<Shared>, { type: "share" }>;

const FETCH = { type: "fetch" } as const satisfies Turn;

/** Does another instance fetch it already, and what has come of that? */
export function createElsewhere({ leases, lookup, uncacheable, purges, mayHave, now }: ElsewhereDeps) {
  /** Waits for as long as others lead; who has something to fall back on adds no leader to theirs. */
  async function turn(need: Need, joined: Joined, ticket: Leader<Shared>, failedHere: number): Promise<Turn> {
    if (leases === undefined || need.storeFailed === true) return FETCH;
    const { request, fallback } = need;
    const selecting = new Set(joined.selecting);
    let failed = failedHere;
    let again = false;
    let waited = false;
    let vain = 0;
    for (;;) {
      const variant = variantId(selectFrom([...selecting], request.fields));
      const asked = { variant, failed, again, beside: !fallback, wait: true };
      const answer = await leases.acquire(request.uri, asked);
      if (answer.type === "held") return { type: "fetch", lease: answer.lease };
      // What takes long to arrive can be had from its origin sooner.
      if (answer.type === "unknown" || (answer.type === "elsewhere" && answer.arriving && waited))
        return FETCH;
      const end = answer.type === "ended" ? answer.end : await ticket.waiting(answer.ended);
      waited = true;
      again = false;
      switch (end.type) {
        case "stored": {
          const headAt = answer.type === "ended" ? Number.NEGATIVE_INFINITY : now() - end.sinceHeadMs;
          const value = await found(need, joined, end, headAt);
          if (value !== undefined) return { type: "share", value };
          if (++vain === MAX_LEADERS) return FETCH;
          for (const name of end.selecting) selecting.add(name);
          again = true;
          break;
        }
        case "uncacheable":
          if (end.lasting) uncacheable.remember(request.uri, now());
          return { type: "disperse" };
        case "failed": {
          failed = Math.max(failed, end.leaders);
          if (!fallback && failed < MAX_LEADERS) break;
          const error = new OriginError(end.code, `another instance has asked in vain: ${end.code}`);
          return { type: "failed", error, leaders: failed };
        }
        case "unkept":
          return FETCH;
        case "lapsed":
          break;
      }
    }
  }

  /** What another instance has left in the store, if it may answer who has joined here. */
  async function found(
    { request, stale }: Need,
    joined: Joined,
    { validated }: Extract<LeaseEnd, { type: "stored" }>,
    headAt: EpochMs,
  ): Promise<Shared | undefined> {
    const newest = await lookup(request, askedUri(request));
    // What cannot be vouched for now is no answer to those who have asked just now.
    if (newest.type === "none" || newest.storeFailed === true) return undefined;
    const { entry, tier } = newest;
    const { stored } = entry;
    // What is there may still be what was there before.
    if (stored.part !== undefined || stored.responseTime === stale?.stored.responseTime) return undefined;
    if (purges.covers(request.uri, stored.epoch, stored.tags)) return undefined;
    const shared: Shared = { type: "stored", entry, tier, validated, headAt };
    return mayHave(request, joined, shared) ? shared : undefined;
  }

  /** May this instance refresh what it has found stale? Not while another is at it, or has just done so. */
  async function mayRefresh(
    request: CacheRequest,
    { selectingFields, responseTime }: StoredResponse,
  ): Promise<Extract<Turn, { type: "fetch" }> | undefined> {
    if (leases === undefined) return FETCH;
    const variant = variantId(selectFrom(Object.keys(selectingFields), request.fields));
    const asked = { variant, failed: 0, again: false, beside: false, wait: false };
    let answer = await leases.acquire(request.uri, asked);
    if (answer.type === "ended" && answer.end.type === "stored") {
      const newest = await lookup(request, askedUri(request));
      if (newest.type === "found" && newest.entry.stored.responseTime !== responseTime) return undefined;
      answer = await leases.acquire(request.uri, { ...asked, again: true });
    }
    switch (answer.type) {
      case "held":
        return { type: "fetch", lease: answer.lease };
      case "unknown":
        return FETCH;
      case "elsewhere":
      case "ended":
        return undefined;
    }
  }

  /** What those who wait elsewhere do about a response that is not shared. */
  function endFor({ request }: Need, settlement: Unshared): LeaseEnd {
    if (settlement.type === "disperse")
      return { type: "uncacheable", lasting: uncacheable.has(request.uri, now()) };
    const { error, leaders = 0 } = settlement;
    return { type: "failed", leaders, code: error instanceof OriginError ? error.code : "reset" };
  }

  return { turn, mayRefresh, endFor };
}

/** What those who wait elsewhere do about what was, or was not, kept of a response that may be shared. */
export function endOf(kept: Kept, fetched: Fetched, sinceHeadMs: number, leaders: number): LeaseEnd {
  switch (kept) {
    case "stored":
      return {
        type: "stored",
        sinceHeadMs,
        selecting: selectingOf(fetched),
        validated: fetched.type === "validated",
      };
    case "too-large":
      return { type: "uncacheable", lasting: true };
    case "cut-off":
      return { type: "failed", leaders, code: "reset" };
    case "purged":
      return { type: "lapsed" };
    default:
      return { type: "unkept" };
  }
}

function selectingOf(fetched: Fetched): readonly string[] {
  switch (fetched.type) {
    case "validated":
      return Object.keys(fetched.entry.stored.selectingFields);
    case "storable":
      return Object.keys(fetched.head.selectingFields);
    case "unstorable":
      return [];
  }
}
