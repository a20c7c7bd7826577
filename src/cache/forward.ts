import type { AdmissionSettings } from "../policy/admit.ts";
import type { Decision } from "../policy/decide.ts";
import type { Forwarded } from "../policy/outcome.ts";
import { createAlone, goesAlone, isPart } from "./alone.ts";
import { createAnswers, type Landed, type Need } from "./answers.ts";
import type { ArrivingDeps } from "./arriving.ts";
import {
  type Coalescer,
  enoughHaveFailed,
  type Follower,
  type Leader,
  MAX_LEADERS,
  type Settlement,
} from "./coalesce.ts";
import { Cutter } from "./cut.ts";
import { createElsewhere, endOf, type SoFar } from "./elsewhere.ts";
import type { Emit } from "./events.ts";
import type { CacheRequest, CacheResponse, Keying } from "./exchange.ts";
import { type Fetch, type Fetched, failureOf, isFailure } from "./fetch.ts";
import { createJoin, type Joined } from "./join.ts";
import type { Keep, Kept } from "./keep.ts";
import type { Lease, Leases } from "./leases.ts";
import type { FindStored } from "./lookup.ts";
import { createPass } from "./pass.ts";
import type { Origin } from "./ports/origin.ts";
import type { Entry } from "./ports/store.ts";
import type { SearchVariances } from "./search-variances.ts";
import { type Shared, storedOf } from "./share.ts";
import { type PatienceDeps, StorePatience } from "./store-patience.ts";
import type { UncacheableKeys } from "./uncacheable.ts";
import { within } from "./within.ts";

interface ForwardDeps extends ArrivingDeps, PatienceDeps {
  readonly origin: Origin;
  readonly fetch: Fetch;
  readonly keep: Keep;
  readonly coalescer: Coalescer<Shared>;
  /** Leadership among instances; absent where this one is alone. */
  readonly leases?: Leases;
  readonly lookup: FindStored;
  readonly uncacheable: UncacheableKeys;
  readonly variances: SearchVariances;
  readonly admission: AdmissionSettings;
  readonly keying: Keying;
  /** How long followers wait for a leader before one of them leads beside it, in milliseconds. */
  readonly coalescing: { readonly patienceMs: number };
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
  readonly emit: Emit;
  /** Runs what waits for a leader, for those who want to see that; as it is when absent. */
  readonly waiting?: <T>(wait: () => Promise<T>) => Promise<T>;
}

/** Sends requests on: alone, or one for all who want the same. */
export function createForward(deps: ForwardDeps) {
  const { origin, fetch, coalescer, coalescing, uncacheable, emit, now, elapsed, timer } = deps;
  const { waiting = (wait) => wait() } = deps;
  const answers = createAnswers(deps);
  const alone = createAlone({ ...deps, answers });
  const { land, fromShared, staleOnError } = answers;
  const pass = createPass({ ...deps, answers });
  const { join, mayHave } = createJoin(deps);
  const elsewhere = createElsewhere({ ...deps, mayHave });

  /** Nothing usable is stored, or a part that lacks what is asked for. */
  const miss = (
    request: CacheRequest,
    fwd: Forwarded,
    known: Pick<Need, "incomplete" | "storeFailed" | "storeWaitedMs">,
  ): Promise<CacheResponse> => obtain({ request, fwd, fallback: false, ...known });

  /** Something is stored, and has to be validated first. */
  async function revalidate(
    request: CacheRequest,
    decision: Extract<Decision<Entry["stored"]>, { type: "revalidate" }>,
    entry: Entry,
    known: Pick<Need, "storeFailed" | "storeWaitedMs">,
  ): Promise<CacheResponse> {
    const { fwd, fallback } = decision;
    const need: Need = { request, fwd, stale: entry, fallback, ...known };
    if (fallback && !origin.anyHealthy()) return staleOnError(need, entry, undefined);
    return obtain(need);
  }

  /** Replaces a stale entry off any client's path; undefined when somebody else is at it, here or elsewhere. */
  async function refresh(request: CacheRequest, entry: Entry): Promise<CacheResponse | undefined> {
    const need: Need = { request, fwd: "stale", stale: entry, fallback: false };
    if (isPart(entry)) return coalescer.has(request.uri) ? undefined : alone(need);
    const selecting = Object.keys(entry.stored.selectingFields);
    const turn = await elsewhere.mayRefresh(request, entry.stored);
    if (turn === undefined) return undefined;
    const { ticket } = join(request, { selecting, failed: 0, since: elapsed() });
    if (ticket.role === "leader") return fetchForAll(need, ticket, turn.lease);
    turn.lease?.release({ type: "lapsed" });
    return undefined;
  }

  const obtain = (need: Need): Promise<CacheResponse> =>
    goesAlone(need) || uncacheable.has(need.request.uri, now()) ? alone(need) : together(need);

  async function together(need: Need): Promise<CacheResponse> {
    const { request } = need;
    const known = need.stale ?? need.incomplete;
    const selecting = new Set(Object.keys(known?.stored.selectingFields ?? {}));
    const patience = new StorePatience(deps, need.storeWaitedMs ?? 0);
    let failed = 0;
    let since = elapsed();
    for (let round = 1; round <= MAX_LEADERS; round++) {
      const joined = join(request, { selecting, failed, since });
      const { ticket } = joined;
      since = joined.since;
      if (ticket.role === "leader") return lead(need, joined, ticket, { failed, patience });
      const followed = await waiting(() => follow(need, ticket));
      // Overdue leaders: this one asks beside them.
      if ("role" in followed) return lead(need, joined, followed, { failed, patience });
      switch (followed.type) {
        case "share":
          if (mayHave(request, joined, followed.value))
            return along(need, joined, followed.value, "process") ?? alone(need);
          for (const name of Object.keys(storedOf(followed.value).selectingFields)) selecting.add(name);
          break;
        case "disperse":
          return alone(need);
        case "takeover":
          failed = Math.max(failed, ticket.leaders());
          if (need.fallback || enoughHaveFailed(failed, elapsed() - since) || round === MAX_LEADERS)
            return answers.failed(need, followed.error);
          break;
      }
    }
    return alone(need);
  }

  /** Answers by another one's fetch, and tells how long that took; undefined where it can no longer be joined. */
  function along(
    need: Need,
    { at }: Joined,
    shared: Shared,
    scope: "process" | "cluster",
  ): CacheResponse | undefined {
    const response = fromShared(need, shared);
    if (response === undefined) return undefined;
    emit({ type: "coalesced", key: need.request.uri, scope, waitedMs: Math.max(0, now() - at) });
    return response;
  }

  /**
   * What comes of those who lead, or leadership, when nothing has for too long. Who has a stale
   * response to fall back on leaves the origin alone.
   */
  async function follow(need: Need, ticket: Follower<Shared>): Promise<Settlement<Shared> | Leader<Shared>> {
    while (!need.fallback && ticket.leaders() < MAX_LEADERS) {
      const leaders = ticket.leaders();
      const settlement = await within(ticket.settled, coalescing.patienceMs, timer);
      if (settlement !== undefined) return settlement;
      const relief = ticket.relieve(leaders);
      if (relief !== undefined) return relief;
    }
    return ticket.settled;
  }

  /** Gets for everyone who waits what another instance is at already, or fetches it. */
  async function lead(need: Need, joined: Joined, ticket: Leader<Shared>, so: SoFar): Promise<CacheResponse> {
    const turn = await elsewhere.turn(need, joined, ticket, so);
    switch (turn.type) {
      case "fetch":
        return fetchForAll(need, ticket, turn.lease);
      case "share":
        ticket.settle(turn);
        if (turn.over === undefined) ticket.leave();
        else void turn.over.then(() => ticket.leave());
        return along(need, joined, turn.value, "cluster") ?? alone(need);
      case "disperse":
        ticket.settle(turn);
        return alone(need);
      case "failed":
        ticket.settle({ ...turn, type: "takeover" });
        return answers.failed(need, turn.error);
    }
  }

  /** Fetches for everyone who waits. The fetch belongs to the flight: a client that leaves does not end it. */
  async function fetchForAll(need: Need, ticket: Leader<Shared>, lease?: Lease): Promise<CacheResponse> {
    let settlement: Settlement<Shared> = { type: "disperse" };
    try {
      const fetched = await fetch(need.request, need, "as-cache", new Cutter());
      const headAt = now();
      lease?.arriving();
      const leave = (kept: Kept) => {
        ticket.leave();
        lease?.release(endOf(kept, fetched, now() - headAt, lease.leaders));
      };
      const tell =
        lease && ((at: string) => lease.arriving({ type: "arrives", at, sinceHeadMs: now() - headAt }));
      const landed = land(need, fetched, leave, tell);
      settlement = settlementFor(fetched, landed);
      return landed.response;
    } catch (error) {
      settlement = { type: "takeover", error };
      return answers.failed(need, error);
    } finally {
      if (lease !== undefined && settlement.type === "takeover")
        settlement = { ...settlement, leaders: lease.leaders };
      if (settlement.type !== "share") lease?.release(elsewhere.endFor(need, settlement));
      ticket.settle(settlement);
    }
  }

  function settlementFor(fetched: Fetched, landed: Landed): Settlement<Shared> {
    if (landed.shared !== undefined) return { type: "share", value: landed.shared };
    // Not each alone: an origin that fails is the last to need all who wait at once. The leaders
    // pass on its own words, at most three; the rest share an error of ours.
    if (fetched.type === "unstorable" && isFailure(fetched.response.status))
      return { type: "takeover", error: failureOf(fetched.response) };
    return { type: "disperse" };
  }

  return { pass, miss, revalidate, refresh };
}

export type Forward = ReturnType<typeof createForward>;
