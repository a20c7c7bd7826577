import type { AdmissionSettings } from "../policy/admit.ts";
import type { Decision } from "../policy/decide.ts";
import { hasField } from "../policy/fields.ts";
import type { Forwarded } from "../policy/outcome.ts";
import { isConditional } from "../policy/validate.ts";
import { createAnswers, type Landed, type Need } from "./answers.ts";
import type { ArrivingDeps } from "./arriving.ts";
import { type Coalescer, type Follower, type Leader, MAX_LEADERS, type Settlement } from "./coalesce.ts";
import { createElsewhere, endOf, type SoFar } from "./elsewhere.ts";
import type { CacheRequest, CacheResponse } from "./exchange.ts";
import { type Fetch, type Fetched, type FetchMode, failureOf, isFailure } from "./fetch.ts";
import { createJoin, type Joined } from "./join.ts";
import type { Keep, Kept } from "./keep.ts";
import type { Lease, Leases } from "./leases.ts";
import type { FindStored } from "./lookup.ts";
import { createPass } from "./pass.ts";
import type { Entry, Origin } from "./ports.ts";
import type { SearchVariances } from "./search-variances.ts";
import { type Shared, storedOf } from "./share.ts";
import { type PatienceDeps, StorePatience } from "./store-patience.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

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
  /** Query parameters that are in no key (CACHE_KEY_IGNORE_PARAMS). */
  readonly ignoredParameters: readonly string[];
  /** How long followers wait for a leader before one of them leads beside it, in milliseconds. */
  readonly patienceMs: number;
}

/** Sends requests on: alone, or one for all who want the same. */
export function createForward(deps: ForwardDeps) {
  const { origin, fetch, coalescer, uncacheable, now } = deps;
  const answers = createAnswers(deps);
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
    const { ticket } = join(request, { selecting, failed: 0 });
    if (ticket.role === "leader") return fetchForAll(need, ticket, turn.lease);
    turn.lease?.release({ type: "lapsed" });
    return undefined;
  }

  async function obtain(need: Need): Promise<CacheResponse> {
    const { request } = need;
    if (goesAlone(need) || uncacheable.has(request.uri, now())) return alone(need);
    const known = need.stale ?? need.incomplete;
    const selecting = new Set(Object.keys(known?.stored.selectingFields ?? {}));
    const patience = new StorePatience(deps, need.storeWaitedMs ?? 0);
    let failed = 0;
    for (let round = 1; round <= MAX_LEADERS; round++) {
      const joined = join(request, { selecting, failed });
      const { ticket } = joined;
      if (ticket.role === "leader") return lead(need, joined, ticket, { failed, patience });
      const followed = await follow(need, ticket);
      // Overdue leaders: this one asks beside them.
      if ("role" in followed) return lead(need, joined, followed, { failed, patience });
      switch (followed.type) {
        case "share":
          if (mayHave(request, joined, followed.value))
            return fromShared(need, followed.value) ?? alone(need);
          for (const name of Object.keys(storedOf(followed.value).selectingFields)) selecting.add(name);
          break;
        case "disperse":
          return alone(need);
        case "takeover":
          failed = Math.max(failed, ticket.leaders());
          if (need.fallback || failed >= MAX_LEADERS || round === MAX_LEADERS)
            return answers.failed(need, followed.error);
          break;
      }
    }
    return alone(need);
  }

  /**
   * What comes of those who lead, or leadership, when nothing has for too long. Who has a stale
   * response to fall back on leaves the origin alone.
   */
  async function follow(need: Need, ticket: Follower<Shared>): Promise<Settlement<Shared> | Leader<Shared>> {
    while (!need.fallback && ticket.leaders() < MAX_LEADERS) {
      const leaders = ticket.leaders();
      const settlement = await withPatience(ticket.settled);
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
        return fromShared(need, turn.value) ?? alone(need);
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
      const fetched = await fetch(need.request, need, "as-cache", new AbortController().signal);
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

  async function alone(need: Need): Promise<CacheResponse> {
    const { request } = need;
    const abort = new AbortController();
    const leave = () => abort.abort(request.signal.reason);
    if (request.signal.aborted) leave();
    request.signal.addEventListener("abort", leave, { once: true });
    try {
      const fetched = await fetch(request, need, aloneMode(need), abort.signal);
      return land(need, fetched, () => {}).response;
    } catch (error) {
      return answers.failed(need, error);
    } finally {
      // From here on the reader of the body decides, or the cache that wants it.
      request.signal.removeEventListener("abort", leave);
    }
  }

  function aloneMode({ request, stale }: Need): FetchMode {
    if (isPart(stale)) return "keep-range";
    if (stale !== undefined) return "as-cache";
    if (request.method === "HEAD") return "as-client";
    if (hasField(request.fields, "range")) return "keep-range";
    // Known to be uncacheable: then the client's own copy is all that a 304 could save.
    return isConditional(request.fields) && uncacheable.has(request.uri, now()) ? "as-client" : "as-cache";
  }

  /** The settlement, or undefined when the follower's patience ends first. */
  function withPatience(settled: Promise<Settlement<Shared>>): Promise<Settlement<Shared> | undefined> {
    return new Promise((resolve) => {
      const cancel = deps.timer(() => resolve(undefined), deps.patienceMs);
      void settled.then((settlement) => {
        cancel();
        resolve(settlement);
      });
    });
  }

  return { pass, miss, revalidate, refresh };
}

export type Forward = ReturnType<typeof createForward>;

/**
 * Requests whose answer is for themselves alone: HEAD has no body to share, a part is not the
 * whole, and what Authorization brings is rarely for others (RFC 9111 §3.5).
 */
const goesAlone = ({ request, stale }: Need): boolean =>
  request.method === "HEAD" ||
  hasField(request.fields, "authorization") ||
  isPart(stale) ||
  (stale === undefined && hasField(request.fields, "range"));

/** A part is validated as a part, so that nobody has the whole fetched for a few bytes of it. */
const isPart = (entry: Entry | undefined): boolean => entry?.stored.part !== undefined;
