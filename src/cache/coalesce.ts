import type { Epoch, EpochMs } from "../policy/stored-response.ts";

/** What followers do next, which is not the same as what happened to the leader. */
export type Settlement<T> =
  /** Answer from the same flight, while it arrives. */
  | { readonly type: "share"; readonly value: T }
  /** It may not be shared: each goes to the origin alone. */
  | { readonly type: "disperse" }
  /** The leader failed: join again, one of you will lead. */
  | { readonly type: "takeover"; readonly error: unknown };

export interface Leader<T> {
  readonly role: "leader";
  /** Tells the followers; counts once. Unless it shares, the next to join leads. */
  settle(settlement: Settlement<T>): void;
  /** The shared value is in the store, or joining is over: the next to join looks there or leads. */
  leave(): void;
}

export interface Follower<T> {
  readonly role: "follower";
  readonly settled: Promise<Settlement<T>>;
}

/** Where in the purge log somebody joins, and what is too old for them to join. */
export interface Joining<T> {
  readonly epoch: Epoch;
  /** `epoch` is that of the fetch under way, `shared` what has come of it so far. */
  mayJoin(epoch: Epoch, shared: T | undefined): boolean;
}

interface Place<T> {
  readonly since: EpochMs;
  readonly epoch: Epoch;
  readonly settled: Promise<Settlement<T>>;
  shared: { readonly value: T } | undefined;
}

/**
 * Collapses concurrent requests for one key into one origin request (RFC 9111 §4).
 *
 * The first to join leads and must settle, come what may. A leader that has not settled
 * within its age limit is no longer waited for; a follower's own patience is another limit
 * and is the follower's to keep. A shared flight can be joined until its leader leaves, by
 * those who may have it.
 */
export class Coalescer<T> {
  readonly #places = new Map<string, Place<T>>();
  readonly #leaderAgeMs: number;

  constructor(leaderAgeMs: number) {
    this.#leaderAgeMs = leaderAgeMs;
  }

  /** Keys with a flight under way. */
  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  join(
    key: string,
    now: EpochMs,
    joining: Joining<T> = { epoch: 0, mayJoin: () => true },
  ): Leader<T> | Follower<T> {
    const taken = this.#places.get(key);
    if (
      taken !== undefined &&
      (taken.shared !== undefined || now - taken.since < this.#leaderAgeMs) &&
      joining.mayJoin(taken.epoch, taken.shared?.value)
    ) {
      return { role: "follower", settled: taken.settled };
    }
    let resolve: (settlement: Settlement<T>) => void = () => {};
    const settled = new Promise<Settlement<T>>((fulfil) => {
      resolve = fulfil;
    });
    const place: Place<T> = { since: now, epoch: joining.epoch, settled, shared: undefined };
    this.#places.set(key, place);
    const leave = () => {
      if (this.#places.get(key) === place) this.#places.delete(key);
    };
    return {
      role: "leader",
      settle: (settlement) => {
        // The place is left before followers wake, so that a takeover elects a new leader.
        if (settlement.type === "share") place.shared = { value: settlement.value };
        else leave();
        resolve(settlement);
      },
      leave,
    };
  }
}
