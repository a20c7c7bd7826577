import type { Emit } from "../cache/events.ts";
import type { EpochMs } from "../policy/stored-response.ts";
import type { Client } from "./client.ts";

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
}

/** One origin's turn to be asked. */
export interface Turn {
  readonly client: Client;
  /**
   * Counts a tunnel, or a wish for one, as in flight until the returned function is called;
   * undefined where there are as many as there may be.
   */
  tunnel(): (() => void) | undefined;
  /** It refused a connection: out at once, until its next good check. */
  refused(): void;
}

/**
 * Who is in, and whose turn is it?
 *
 * Every origin counts as healthy until a check or a refused connection says otherwise:
 * a proxy that has just started must not turn its first clients away.
 */
export interface Roster {
  /** The healthy origin with the least in flight; equals take turns. `except` sits this one out. */
  turn(except?: Turn): Turn | undefined;
  anyHealthy(): boolean;
  /** Takes in the result of a health check. Only a change is told. */
  checked(origin: string, healthy: boolean, detail: string): void;
  states(): OriginState[];
}

interface Member extends Turn {
  healthy: boolean;
  since: EpochMs;
  lastCheck: EpochMs | undefined;
  detail: string;
  tunnels: number;
}

/** `maxTunnels` of each origin, since they hold connections beside those of its client. */
export function createRoster(
  clients: readonly Client[],
  emit: Emit,
  now: () => EpochMs,
  maxTunnels: number,
): Roster {
  const members = clients.map((client): Member => {
    const member: Member = {
      client,
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
      refused: () => change(member, false, "refused a connection"),
    };
    return member;
  });
  let next = 0;

  const inFlight = (member: Member): number => member.client.inFlight + member.tunnels;

  function change(member: Member, healthy: boolean, detail: string): void {
    const changed = member.healthy !== healthy;
    member.healthy = healthy;
    member.detail = detail;
    if (!changed) return;
    member.since = now();
    emit({ type: "origin-health", origin: member.client.origin, healthy, detail });
  }

  return {
    turn(except) {
      let chosen: Member | undefined;
      for (let i = 0; i < members.length; i++) {
        const member = members[(next + i) % members.length] as Member;
        if (!member.healthy || member === except) continue;
        if (chosen === undefined || inFlight(member) < inFlight(chosen)) chosen = member;
      }
      if (chosen !== undefined) next = (members.indexOf(chosen) + 1) % members.length;
      return chosen;
    },
    anyHealthy: () => members.some(({ healthy }) => healthy),
    checked(origin, healthy, detail) {
      for (const member of members) {
        if (member.client.origin !== origin) continue;
        member.lastCheck = now();
        change(member, healthy, detail);
      }
    },
    states: () =>
      members.map((member) => ({
        origin: member.client.origin,
        healthy: member.healthy,
        since: member.since,
        ...(member.lastCheck === undefined ? {} : { lastCheck: member.lastCheck }),
        detail: member.detail,
        inFlight: inFlight(member),
      })),
  };
}
