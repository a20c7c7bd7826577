import type { Emit } from "../cache/events.ts";
import { OriginError } from "../cache/ports/origin.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { Client } from "./client.ts";
import { blamesOrigin } from "./failure.ts";
import type { Checked } from "./health.ts";
import {
  createMember,
  inFlight,
  type Member,
  type MemberLimits,
  type OriginState,
  remember,
  stateOf,
  type Turn,
} from "./member.ts";
import { mayEject } from "./outliers.ts";
import { mayTakeMore, shareOf } from "./slow-start.ts";

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
  /** Why nobody is asked, where none is healthy. */
  nobody(): OriginError;
  /** Takes in the result of a health check. Only a change is told. */
  readonly checked: Checked;
  /**
   * From now on these are the origins, asked through these clients within these limits; those named as draining
   * get no turn. One that is new has to pass a health check first, one that stays goes on as it is.
   */
  apply(clients: readonly Client[], draining: ReadonlySet<string>, limits: MemberLimits): void;
  states(): OriginState[];
}

export interface RosterOptions {
  readonly limits: MemberLimits;
  readonly emit: Emit;
  readonly now: () => EpochMs;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed: () => number;
}

/** Answers that say that the origin failed; a 501 says what it is. */
const SERVER_ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);

export function createRoster(clients: readonly Client[], options: RosterOptions): Roster {
  const { emit, now, elapsed } = options;
  /** Breakers and the like hold it, and read what it says now. */
  const limits = { ...options.limits };
  let members = clients.map((client) => memberOf(client, true));
  let next = 0;

  /** `up`: as long as no check says otherwise. */
  function memberOf(client: Client, up: boolean): Member {
    return createMember({ client, up, limits, since: now() }, (member) => {
      const beganAt = elapsed();
      member.breaker.began(beganAt);
      return {
        // What was still under way at one that was removed is nobody's news.
        answered: (status) => members.includes(member) && answered(member, status),
        failed: (error) => members.includes(member) && failed(member, error, beganAt),
      };
    });
  }

  const isAvailable = (member: Member, at: number): boolean =>
    member.up && !member.draining && member.breaker.allows(at);
  const isInTurn = (member: Member, at: number): boolean =>
    isAvailable(member, at) && !member.outlier.isOut(at);

  function answered(member: Member, status: number): void {
    member.breaker.answered(elapsed());
    tell(member, "answers again");
    if (SERVER_ERRORS.has(status)) countFailure(member);
    else member.outlier.succeeded();
  }

  function failed(member: Member, error: OriginError, beganAt: number): void {
    if (error.code === "refused" || error.code === "certificate") {
      member.up = false;
      member.failure = error.code;
      tell(member, error.code === "refused" ? "refused a connection" : error.message);
      return;
    }
    if (!blamesOrigin(error)) return;
    if (error.code === "connect" || error.code === "timeout") {
      const { open } = member.breaker;
      member.breaker.unanswered(beganAt, elapsed());
      if (!open && member.breaker.open) member.breakerOpens++;
      tell(member, `left ${limits.breakAfter} requests in a row unanswered`);
    }
    countFailure(member);
  }

  function countFailure(member: Member): void {
    const at = elapsed();
    if (!member.outlier.failed(at)) return;
    const inTurn = members.filter((each) => isInTurn(each, at)).length;
    const all = members.filter(({ draining }) => !draining).length;
    if (!mayEject(inTurn, all)) return;
    member.backAt = member.outlier.eject(at);
    member.ejections++;
    const detail = `failed ${limits.ejectAfter} times in a row`;
    emit({ type: "origin-ejected", origin: member.client.origin, forMs: limits.ejectForMs, detail });
  }

  function tell(member: Member, detail: string): void {
    const healthy = member.up && !member.breaker.open;
    if (member.healthy === healthy) return;
    member.healthy = healthy;
    member.detail = detail;
    member.since = now();
    remember(member);
    if (healthy) member.backAt = elapsed();
    emit({ type: "origin-health", origin: member.client.origin, healthy, detail });
  }

  /** The one with the least in flight of those that may, and among equals the next. */
  function choose(may: (member: Member, at: number) => boolean, at: number): Member | undefined {
    let ofWarm: readonly number[] | undefined;
    let chosen: Member | undefined;
    for (let i = 0; i < members.length; i++) {
      const member = members[(next + i) % members.length] as Member;
      if (!may(member, at)) continue;
      const share = shareOf(at - member.backAt, limits.slowStartMs);
      if (share < 1) {
        ofWarm ??= members
          .filter((other) => may(other, at) && at - other.backAt >= limits.slowStartMs)
          .map(inFlight);
        // Where all come back at once, nobody else could take what they do not.
        if (ofWarm.length > 0 && !mayTakeMore(inFlight(member), ofWarm, share)) continue;
      }
      if (chosen === undefined || inFlight(member) < inFlight(chosen)) chosen = member;
    }
    return chosen;
  }

  return {
    turn() {
      const at = elapsed();
      const chosen = choose(isInTurn, at) ?? choose(isAvailable, at);
      if (chosen !== undefined) next = (members.indexOf(chosen) + 1) % members.length;
      return chosen;
    },
    otherThan(first) {
      return choose((member, at) => member !== first && isInTurn(member, at), elapsed());
    },
    anyHealthy() {
      const at = elapsed();
      return members.some((member) => isAvailable(member, at));
    },
    nobody() {
      const all = members.filter(({ draining }) => !draining);
      return all.length > 0 && all.every(({ up, failure }) => !up && failure === "certificate")
        ? new OriginError("certificate", "no origin has a certificate that is believed")
        : new OriginError("no-healthy-origin", "no origin is healthy");
    },
    checked(origin, healthy, detail, failure) {
      for (const member of members) {
        if (member.client.origin !== origin) continue;
        member.lastCheck = now();
        // A check that is good as before says nothing about requests that it does not answer.
        if (healthy && !member.up) member.breaker.close();
        member.up = healthy;
        member.failure = healthy ? undefined : failure;
        if (!healthy || !member.breaker.open) member.detail = detail;
        tell(member, detail);
      }
    },
    apply(clients, draining, changed) {
      Object.assign(limits, changed);
      members = clients.map((client) => {
        const known = members.find(({ client: { origin } }) => origin === client.origin);
        const member = known ?? memberOf(client, false);
        member.client = client;
        member.draining = draining.has(client.origin);
        return member;
      });
      next = 0;
    },
    states: () => {
      const at = elapsed();
      return members.map((member) => stateOf(member, at));
    },
  };
}
