import { selectFrom, variantId } from "../policy/key.ts";
import type { EpochMs, StoredResponse } from "../policy/stored-response.ts";
import type { Need } from "./answers.ts";
import { type ArrivingDeps, createArriving } from "./arriving.ts";
import { enoughHaveFailed, type Leader, MAX_LEADERS, type Settlement } from "./coalesce.ts";
import type { CacheRequest } from "./exchange.ts";
import type { Fetched } from "./fetch.ts";
import type { Joined } from "./join.ts";
import type { Kept } from "./keep.ts";
import type { Arrives, Lease, LeaseAnswer, LeaseEnd, Leases } from "./leases.ts";
import type { FindStored } from "./lookup.ts";
import { OriginError } from "./ports/origin.ts";
import { askedUri, type Shared } from "./share.ts";
import type { StorePatience } from "./store-patience.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

interface ElsewhereDeps extends ArrivingDeps {
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
  /** Absent: there is no other instance. */
  readonly leases?: Leases;
  readonly lookup: FindStored;
  readonly uncacheable: UncacheableKeys;
  readonly mayHave: (request: CacheRequest, joined: Omit<Joined, "ticket">, shared: Shared) => boolean;
}

/** What has become of a request before it leads. */
export interface SoFar {
  /** Leaders that have failed here. */
  readonly failed: number;
  readonly patience: StorePatience;
}

/** What the one who leads here does, after all that other instances do. */
export type Turn =
  /** Fetches; whoever waits elsewhere hears of it through the lease, if there is one. */
  | { readonly type: "fetch"; readonly lease?: Lease }
  /** Answers from what another instance has fetched. */
  | {
      readonly type: "share";
      readonly value: Shared;
      /** From then on it is in the store, or nowhere; absent where it is there already. Never rejects. */
      readonly over?: Promise<unknown>;
    }
  /** It may not be shared: each goes alone. */
  | { readonly type: "disperse" }
  /** Enough have led, and all have failed. */
  | { readonly type: "failed"; readonly error: OriginError; readonly leaders: number };

type Unshared = Exclude<Settlement<Shared>, { type: "share" }>;

const FETCH = { type: "fetch" } as const satisfies Turn;

/** Does another instance fetch it already, and what has come of that? */
export function createElsewhere(deps: ElsewhereDeps) {
  const { leases, lookup, uncacheable, purges, mayHave, now, elapsed } = deps;
  const open = createArriving(deps);

  /**
   * Waits for as long as others lead; who has something to fall back on adds no leader to theirs.
   * Who has waited long enough for the store itself asks the origin.
   */
  async function turn(need: Need, joined: Joined, ticket: Leader<Shared>, so: SoFar): Promise<Turn> {
    if (leases === undefined || need.storeFailed === true) return FETCH;
    const { request, fallback } = need;
    const { patience } = so;
    const selecting = new Set(joined.selecting);
    let { failed } = so;
    let again = false;
    let waited = false;
    let unreadable: string | undefined;
    let vain = 0;
    for (;;) {
      const variant = variantId(selectFrom([...selecting], request.fields));
      const asked = { variant, failed, again, beside: !fallback, wait: true };
      const answer = await patience.wait(() => leases.acquire(request.uri, asked), giveBack);
      if (answer === undefined || answer.type === "unknown") return FETCH;
      if (answer.type === "held") return { type: "fetch", lease: answer.lease };
      // What takes long to arrive can be had from its origin sooner.
      if (answer.type === "elsewhere" && waited && [true, unreadable].includes(answer.arriving)) return FETCH;
      const ended = answer.type === "ended" ? Promise.resolve(answer.end) : answer.ended;
      let end = await ticket.waiting(answer.type === "ended" ? ended : newsOf(answer));
      again = false;
      if (end.type === "arrives") {
        const known = selecting.size;
        const shared = await ticket.waiting(
          whileItArrives(need, joined, end, { ended, selecting, patience }),
        );
        if (shared !== undefined) return shared;
        if (patience.isOver) return FETCH;
        // Another variant, perhaps: that has a lease of its own.
        if (selecting.size > known) continue;
        unreadable = end.at;
        end = await ticket.waiting(ended);
      }
      waited = true;
      switch (end.type) {
        case "stored": {
          const headAt = answer.type === "ended" ? Number.NEGATIVE_INFINITY : now() - end.sinceHeadMs;
          const value = await patience.wait(() => found(need, joined, end, headAt));
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
          if (!fallback && !enoughHaveFailed(failed, elapsed() - joined.since)) break;
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

  /** What another instance is getting, if it may answer who has joined here; else `selecting` tells what selects it. */
  async function whileItArrives(
    { request }: Need,
    joined: Joined,
    arrives: Arrives,
    { ended, selecting, patience }: Reading,
  ): Promise<Turn | undefined> {
    const opened = await patience.wait(
      () => open(request.uri, arrives, ended),
      (late) => late?.refuse(),
    );
    if (opened === undefined) return undefined;
    if (mayHave(request, joined, opened.value)) return { type: "share", ...opened };
    opened.refuse();
    for (const name of Object.keys(opened.value.stored.selectingFields)) selecting.add(name);
    return undefined;
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

interface Reading {
  readonly ended: Promise<LeaseEnd>;
  /** Learns what selects it. */
  readonly selecting: Set<string>;
  readonly patience: StorePatience;
}

type Elsewhere = Extract<LeaseAnswer, { type: "elsewhere" }>;

/** Who no longer waits for a lease leaves it to others. */
function giveBack(answer: LeaseAnswer): void {
  if (answer.type === "held") answer.lease.release({ type: "lapsed" });
}

/** What is heard of it first. */
async function newsOf({ arriving, ended, arrives }: Elsewhere): Promise<LeaseEnd | Arrives> {
  if (typeof arriving === "string") return { type: "arrives", at: arriving };
  return arrives === undefined ? ended : Promise.race([ended, arrives]);
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
