import { type AdmissionSettings, admit } from "../policy/admit.ts";
import { invalidatedGroups } from "../policy/cache-groups.ts";
import { type Decision, decide } from "../policy/decide.ts";
import { hasField } from "../policy/fields.ts";
import { requestFieldsForOrigin } from "../policy/forwarding.ts";
import type { ExchangeTimes } from "../policy/freshness.ts";
import { invalidatedUris } from "../policy/invalidate.ts";
import type { BypassReason, Forwarded, Outcome } from "../policy/outcome.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { isConditional } from "../policy/validate.ts";
import { createAnswers, type Landed, type Need } from "./answers.ts";
import type { Coalescer, Follower, Leader, Settlement } from "./coalesce.ts";
import type { CacheRequest, CacheResponse } from "./exchange.ts";
import { type Fetch, type Fetched, type FetchMode, isFailure } from "./fetch.ts";
import type { Keep } from "./keep.ts";
import { interimFor, passedOn } from "./pass-on.ts";
import {
  type ByteStream,
  type Entry,
  type Origin,
  OriginError,
  type OriginResponse,
  type PurgeTarget,
} from "./ports.ts";
import { type Purges, siteOf } from "./purges.ts";
import { fromStream } from "./respond.ts";
import type { SearchVariances } from "./search-variances.ts";
import { type Shared, storedOf } from "./share.ts";
import type { UncacheableKeys } from "./uncacheable.ts";

/** How many leaders may fail one after the other before those who wait share the failure. */
const MAX_LEADERS = 3;

export interface ForwardDeps {
  readonly origin: Origin;
  readonly fetch: Fetch;
  readonly keep: Keep;
  readonly coalescer: Coalescer<Shared>;
  readonly uncacheable: UncacheableKeys;
  readonly purges: Purges;
  readonly variances: SearchVariances;
  readonly admission: AdmissionSettings;
  /** How long a follower waits for its leader, in milliseconds. */
  readonly patienceMs: number;
  readonly now: () => EpochMs;
  /** Calls back once after so many milliseconds; the result cancels. */
  readonly timer: (callback: () => void, ms: number) => () => void;
}

/** Sends requests on: alone, or one for all who want the same. */
export function createForward(deps: ForwardDeps) {
  const { origin, fetch, keep, coalescer, uncacheable, purges, variances, now } = deps;
  const { land, fromShared, failed, staleOnError } = createAnswers(deps);

  /** Passes a request that the cache has no part in; an unsafe one invalidates (RFC 9111 §4.4). */
  async function pass(request: CacheRequest, reason: BypassReason): Promise<CacheResponse> {
    const fwd = reason === "method" ? "method" : "bypass";
    const outcome: Outcome = { word: "BYPASS", body: "origin", fwd, reason };
    const fields = requestFieldsForOrigin(request, "as-client");
    const { method, target, host, body } = request;
    const requestTime = now();
    try {
      const response = await origin.send(
        { method, target, host, fields, ...(body === undefined ? {} : { body }), ...interimFor(request) },
        request.signal,
      );
      const times = { requestTime, responseTime: now() };
      const invalid = invalidatedBy(request, response);
      if (invalid.length > 0) await purges.invalidate(invalid);
      const stored = method === "POST" ? storePost(request, response, times) : undefined;
      const lines = passedOn(response, now());
      const answered = { ...outcome, fwdStatus: response.status };
      // Whatever conditions there were, the origin has judged them.
      return fromStream({ ...request, fields: [] }, lines, stored ?? response.body, {
        outcome: stored === undefined ? answered : { ...answered, stored: true },
        now: now(),
        origin: response.origin,
      });
    } catch (error) {
      return failed({ request, fwd, fallback: false }, error);
    }
  }

  /** What the answer to an unsafe request makes invalid: URIs (RFC 9111 §4.4) and groups (RFC 9875 §3). */
  function invalidatedBy(request: CacheRequest, response: OriginResponse): PurgeTarget[] {
    const site = siteOf(request.uri);
    const uris = invalidatedUris(request, response);
    const keys = new Set(uris.flatMap((uri) => [uri, variances.keyFor(uri)]));
    return [
      ...[...keys].map((key): PurgeTarget => ({ type: "url", key })),
      ...invalidatedGroups(request, response).map((tag): PurgeTarget => ({ type: "tag", site, tag })),
    ];
  }

  /** The body of a POST's answer that is kept for later GETs (RFC 9110 §9.3.3), born after its own invalidation. */
  function storePost(
    request: CacheRequest,
    response: OriginResponse,
    times: ExchangeTimes,
  ): ByteStream | undefined {
    const { epoch } = purges;
    const admitted = admit(request, response, times, epoch, deps.admission);
    if (admitted.type === "discard" || response.closeDelimited === true) return undefined;
    return keep
      .launch(request.uri, { type: "storable", head: admitted.head, response, epoch }, () => {})
      .read();
  }

  /** Nothing usable is stored, or a part that lacks what is asked for. */
  const miss = (request: CacheRequest, fwd: Forwarded, incomplete?: Entry): Promise<CacheResponse> =>
    obtain({ request, fwd, fallback: false, ...(incomplete === undefined ? {} : { incomplete }) });

  /** Something is stored, and has to be validated first. */
  async function revalidate(
    request: CacheRequest,
    decision: Extract<Decision<Entry["stored"]>, { type: "revalidate" }>,
    entry: Entry,
  ): Promise<CacheResponse> {
    const need: Need = { request, fwd: decision.fwd, stale: entry, fallback: decision.fallback };
    if (decision.fallback && !origin.anyHealthy()) return staleOnError(need, entry, undefined);
    return obtain(need);
  }

  /** Replaces a stale entry off any client's path; undefined when somebody else is at it. */
  async function refresh(request: CacheRequest, entry: Entry): Promise<CacheResponse | undefined> {
    const need: Need = { request, fwd: "stale", stale: entry, fallback: false };
    if (isPart(entry)) return coalescer.has(request.uri) ? undefined : alone(need);
    const ticket = join(request);
    if (ticket.role === "follower") return undefined;
    return lead(need, ticket);
  }

  /**
   * Who comes before the head is there may have what it brings. Who comes later is answered
   * as from the store: by what is not purged and still fresh (RFC 9111 §4).
   */
  function join(request: CacheRequest): Leader<Shared> | Follower<Shared> {
    return coalescer.join(request.uri, now(), {
      epoch: purges.epoch,
      mayJoin: (epoch, shared) =>
        !purges.covers(request.uri, epoch, shared === undefined ? [] : storedOf(shared).tags) &&
        (shared === undefined || decide(request, storedOf(shared), now()).type === "serve"),
    });
  }

  async function obtain(need: Need): Promise<CacheResponse> {
    const { request } = need;
    if (goesAlone(need) || uncacheable.has(request.uri, now())) return alone(need);
    for (let attempt = 0; ; attempt++) {
      const ticket = join(request);
      if (ticket.role === "leader") return lead(need, ticket);
      const settlement = await withPatience(ticket.settled);
      if (settlement === undefined) return alone(need);
      switch (settlement.type) {
        case "share":
          return fromShared(need, settlement.value) ?? alone(need);
        case "disperse":
          return alone(need);
        case "takeover":
          if (need.fallback || attempt + 1 >= MAX_LEADERS) return failed(need, settlement.error);
          break;
      }
    }
  }

  /** Fetches for everyone who waits. The fetch belongs to the flight: a client that leaves does not end it. */
  async function lead(need: Need, ticket: Leader<Shared>): Promise<CacheResponse> {
    let settlement: Settlement<Shared> = { type: "disperse" };
    try {
      const fetched = await fetch(need.request, need, "as-cache", new AbortController().signal);
      const landed = land(need, fetched, ticket.leave);
      settlement = settlementFor(fetched, landed);
      return landed.response;
    } catch (error) {
      settlement = { type: "takeover", error };
      return failed(need, error);
    } finally {
      ticket.settle(settlement);
    }
  }

  function settlementFor(fetched: Fetched, landed: Landed): Settlement<Shared> {
    if (landed.shared !== undefined) return { type: "share", value: landed.shared };
    // Not each alone: an origin that fails is the last to need all who wait at once.
    if (fetched.type === "unstorable" && isFailure(fetched.response.status)) {
      const { status, origin: name } = fetched.response;
      const error = new OriginError("error-status", `origin answered ${status}`, name, { status });
      return { type: "takeover", error };
    }
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
      return failed(need, error);
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
