import type { OriginError } from "../cache/ports/origin.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import { type Breaker, type BreakerLimits, createBreaker } from "./breaker.ts";
import type { Client } from "./client.ts";
import { createOutlier, type Outlier, type OutlierLimits } from "./outliers.ts";

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
  /** How often it was ejected, since the start. */
  readonly ejections: number;
  /** It leaves requests unanswered, and gets but a trial now and then. */
  readonly breakerOpen?: true;
  /** How often its breaker opened, since the start. */
  readonly breakerOpens: number;
  /** It gets no turn any more: what is under way ends. */
  readonly draining?: true;
  /** What became of its health, the latest last. */
  readonly history: readonly HealthChange[];
}

export interface HealthChange {
  readonly at: EpochMs;
  readonly healthy: boolean;
  readonly detail: string;
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

export interface MemberLimits extends BreakerLimits, OutlierLimits {
  /** For how long the share of an origin that is back grows, in milliseconds. */
  readonly slowStartMs: number;
  /** Tunnels to each origin at once, since they hold connections beside those of its client. */
  readonly maxTunnels: number;
}

/** One origin of those that take turns. */
export interface Member extends Turn {
  client: Client;
  draining: boolean;
  readonly history: HealthChange[];
  /** By its last check, and until it refused a connection or showed a certificate that is not believed. */
  up: boolean;
  /** Why it is not up, where no answer came. */
  failure: OriginError["code"] | undefined;
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
  ejections: number;
  breakerOpens: number;
}

/** `up`: as long as no check says otherwise. `limits` may change, and are read at each use. */
export function createMember(
  { client, up, limits, since }: { client: Client; up: boolean; limits: MemberLimits; since: EpochMs },
  began: (member: Member) => ReturnType<Turn["began"]>,
): Member {
  const member: Member = {
    client,
    draining: false,
    history: [],
    up,
    failure: undefined,
    breaker: createBreaker(limits),
    outlier: createOutlier(limits),
    backAt: Number.NEGATIVE_INFINITY,
    healthy: up,
    since,
    lastCheck: undefined,
    detail: "not checked yet",
    tunnels: 0,
    ejections: 0,
    breakerOpens: 0,
    tunnel() {
      if (member.tunnels >= limits.maxTunnels) return undefined;
      member.tunnels++;
      let open = true;
      return () => {
        if (open) member.tunnels--;
        open = false;
      };
    },
    began: () => began(member),
  };
  return member;
}

export const inFlight = (member: Member): number => member.client.inFlight + member.tunnels;

/** So many changes of an origin's health are remembered. */
const HISTORY = 50;

/** Adds what its health has become to its history. */
export function remember({
  history,
  since,
  healthy,
  detail,
}: Pick<Member, "history" | "since" | "healthy" | "detail">): void {
  history.push({ at: since, healthy, detail });
  if (history.length > HISTORY) history.shift();
}

/** `at` by a clock that never jumps. */
export const stateOf = (member: Member, at: number): OriginState => ({
  origin: member.client.origin,
  healthy: member.healthy,
  since: member.since,
  ...(member.lastCheck === undefined ? {} : { lastCheck: member.lastCheck }),
  detail: member.detail,
  inFlight: inFlight(member),
  ...(member.outlier.isOut(at) ? { ejected: true } : {}),
  ejections: member.ejections,
  ...(member.breaker.open ? { breakerOpen: true } : {}),
  breakerOpens: member.breakerOpens,
  ...(member.draining ? { draining: true } : {}),
  history: [...member.history],
});
