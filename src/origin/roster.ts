import type { Emit } from "../cache/events.ts";
import type { OriginError } from "../cache/ports.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type Breaker, type BreakerLimits, createBreaker } from "./breaker.ts";
import type { Client } from "./client.ts";
import { blamesOrigin } from "./failure.ts";
import { createOutlier, mayEject, type Outlier, type OutlierLimits } from "./outliers.ts";
import { mayTakeMore, shareOf } from "./slow-start.ts";

/** What is known about one origin. */
export interface OriginState {
  /** scheme://host:port */
  readonly origin: string;
  readonly healthy: boolean;
  /** When it became what it is. */
  readonly since: EpochMs;
  /** When its last health check ended; absent before the first. */
  readonly lastCheck?: EpochMs;
  /** Why it is what it is, for people. */
  readonly detail: string;
  /** Requests under way or waiting for a connection, and open tunnels. */
  readonly inFlight: number;
  /** It fails, and gets no turn while others can have it. */
  readonly ejected?: true;
}

/** One origin's turn to be asked; what comes of it is to be told. */
export interface Turn {
  readonly client: Client;
  /**
   * Counts a tunnel, or a wish for one, as in flight until the returned function is called;
   * undefined where there are as many as there may be.
   */
  tunnel(): (() => void) | undefined;
  /** A request is sent; what is returned hears of its end, unless our side ended it. */
  began(): { answered(status: number): void; failed(error: OriginError): void };
}

/** Which origins there are, how they are, and whose turn it is. */
export interface Roster {
  /**
   * The healthy origin with the least in flight; equals take turns. Those that fail and those that
   * have just come back stand behind. Undefined when none is.
   */
  turn(): Turn | undefined;
  /** The same for a second try: only who is in turn, and is not the first. */
  otherThan(first: Turn): Turn | undefined;
  anyHealthy(): boolean;
  /** Takes in the result of a health check. Only a change is told. */
  checked(origin: string, healthy: boolean, detail: string): void;
  states(): OriginState[];
}

export interface RosterOptions extends BreakerLimits, OutlierLimits {
  /** For how long the share of an origin that is back grows, in milliseconds. */
  readonly slowStartMs: number;
  /** `maxTunnels` of each origin, since they hold connections beside those of its client. */
  readonly maxTunnels: number;
  readonly emit: Emit;
  readonly now: () => EpochMs;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
}

interface Member extends Turn {
  /** By its last check, and until it refused a connection. */
  up: boolean;
  readonly breaker: Breaker;
  readonly outlier: Outlier;
  /** Since when it has requests again, by a clock that never jumps. */
  backAt: number;
  /** As it was told. */
  healthy: boolean;
  since: EpochMs;
  lastCheck: EpochMs | undefined;
  detail: string;
  tunnels: number;
}

/** Answers that say that the origin failed; a 501 says what it is. */
const SERVER_ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);

export function createRoster(clients: readonly Client[], options: RosterOptions): Roster {
  const { emit, now, elapsed, maxTunnels } = options;
  const members = clients.map((client): Member => {
    const member: Member = {
      client,
      up: true,
      breaker: createBreaker(options),
      outlier: createOutlier(options),
      backAt: Number.NEGATIVE_INFINITY,
      healthy: true,
      since: now(),
      lastCheck: undefined,
      detail: "not checked yet",
      tunnels: 0,
      tunnel() {
        if (member.tunnels >= maxTunnels) return undefined;
        member.tunnels++;
        let open = true;
        return () => {
          if (open) member.tunnels--;
          open = false;
        };
      },
      began() {
        const beganAt = elapsed();
        member.breaker.began(beganAt);
        return {
          answered: (status) => answered(member, status),
          failed: (error) => failed(member, error, beganAt),
        };
      },
    };
    return member;
  });
  let next = 0;

  const inFlight = (member: Member): number => member.client.inFlight + member.tunnels;
  const isAvailable = (member: Member, at: number): boolean => member.up && member.breaker.allows(at);
  const isInTurn = (member: Member, at: number): boolean =>
    isAvailable(member, at) && !member.outlier.isOut(at);

  function answered(member: Member, status: number): void {
    member.breaker.answered(elapsed());
    tell(member, "answers again");
    if (SERVER_ERRORS.has(status)) countFailure(member);
    else member.outlier.succeeded();
  }

  function failed(member: Member, error: OriginError, beganAt: number): void {
    if (error.code === "refused") {
      member.up = false;
      tell(member, "refused a connection");
      return;
    }
    if (!blamesOrigin(error)) return;
    if (error.code === "connect" || error.code === "timeout") {
      member.breaker.unanswered(beganAt, elapsed());
      tell(member, `left ${options.breakAfter} requests in a row unanswered`);
    }
    countFailure(member);
  }

  function countFailure(member: Member): void {
    const at = elapsed();
    if (!member.outlier.failed(at)) return;
    const inTurn = members.filter((each) => isInTurn(each, at)).length;
    if (mayEject(inTurn, members.length)) member.backAt = member.outlier.eject(at);
  }

  function tell(member: Member, detail: string): void {
    const healthy = member.up && !member.breaker.open;
    if (member.healthy === healthy) return;
    member.healthy = healthy;
    member.detail = detail;
    member.since = now();
    if (healthy) member.backAt = elapsed();
    emit({ type: "origin-health", origin: member.client.origin, healthy, detail });
  }

  /** The one with the least in flight, and among equals the next. */
  function choose(candidates: readonly Member[], at: number): Member | undefined {
    const warm = candidates.filter(({ backAt }) => at - backAt >= options.slowStartMs);
    const ofWarm = warm.map(inFlight);
    let chosen: Member | undefined;
    for (let i = 0; i < members.length; i++) {
      const member = members[(next + i) % members.length] as Member;
      if (!candidates.includes(member)) continue;
      const share = shareOf(at - member.backAt, options.slowStartMs);
      // Where all come back at once, nobody else could take what they do not.
      if (warm.length > 0 && share < 1 && !mayTakeMore(inFlight(member), ofWarm, share)) continue;
      if (chosen === undefined || inFlight(member) < inFlight(chosen)) chosen = member;
    }
    return chosen;
  }

  return {
    turn() {
      const at = elapsed();
      const inTurn = members.filter((member) => isInTurn(member, at));
      const candidates = inTurn.length > 0 ? inTurn : members.filter((member) => isAvailable(member, at));
      const chosen = choose(candidates, at);
      if (chosen !== undefined) next = (members.indexOf(chosen) + 1) % members.length;
      return chosen;
    },
    otherThan(first) {
      const at = elapsed();
      return choose(
        members.filter((member) => member !== first && isInTurn(member, at)),
        at,
      );
    },
    anyHealthy() {
      const at = elapsed();
      return members.some((member) => isAvailable(member, at));
    },
    checked(origin, healthy, detail) {
      for (const member of members) {
        if (member.client.origin !== origin) continue;
        member.lastCheck = now();
        // A check that is good as before says nothing about requests that it does not answer.
        if (healthy && !member.up) member.breaker.close();
        member.up = healthy;
        if (!healthy || !member.breaker.open) member.detail = detail;
        tell(member, detail);
      }
    },
    states: () => {
      const at = elapsed();
      return members.map((member) => ({
        origin: member.client.origin,
        healthy: member.healthy,
        since: member.since,
        ...(member.lastCheck === undefined ? {} : { lastCheck: member.lastCheck }),
        detail: member.detail,
        inFlight: inFlight(member),
        ...(member.outlier.isOut(at) ? { ejected: true } : {}),
      }));
    },
  };
}
