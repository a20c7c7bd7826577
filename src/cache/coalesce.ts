import type { FieldLines } from "../policy/fields.ts";
import type { Epoch } from "../policy/stored-response.ts";

/** How many of those who want a key may lead, after or beside one another, before the rest share the failure. */
export const MAX_LEADERS = 3;
/** So many lead after one another however long each took to fail: the first failure may have been the connection's. */
const SURE_LEADERS = 2;
/** Who waits for an origin that takes its time to fail is not kept for a third try, which would most likely fail too. */
const LAST_LEADER_WITHIN_MS = 500;
/** Fetches of one key that can be followed; one more for each variant (RFC 9111 §4.1). */
const MAX_PLACES = 32;

/** What followers do next, which is not the same as what happened to the leader. */
export type Settlement<T> =
  /** Answer from the same flight, while it arrives. */
  | { readonly type: "share"; readonly value: T }
  /** It may not be shared: each goes to the origin alone. */
  | { readonly type: "disperse" }
  /** The leader failed: join again, one of you will lead. `leaders`: who has led on all instances, where that is known. */
  | { readonly type: "takeover"; readonly error: unknown; readonly leaders?: number };

export interface Leader<T> {
  readonly role: "leader";
  /** Tells the followers; to be called once. Unless it shares, the next to join leads. */
  settle(settlement: Settlement<T>): void;
  /** The shared value is in the store, or joining is over: the next to join looks there or leads. */
  leave(): void;
  /** Waits for another instance: meanwhile nobody here is impatient. */
  waiting<W>(elsewhere: Promise<W>): Promise<W>;
}

/** Have enough led in vain for those who wait to share the failure? `ms`: since the first of them began. */
export const enoughHaveFailed = (leaders: number, ms: number): boolean =>
  leaders >= MAX_LEADERS || (leaders >= SURE_LEADERS && ms >= LAST_LEADER_WITHIN_MS);

export interface Follower<T> {
  readonly role: "follower";
  readonly settled: Promise<Settlement<T>>;
  /** Who has led so far, those who failed before this fetch began included. */
  leaders(): number;
  /** Leads beside leaders who are overdue, unless somebody has done so since there were `known`, or enough have. */
  relieve(known: number): Leader<T> | undefined;
}

/** How a fetch begins. */
interface Start {
  /** Where in the purge log. */
  readonly epoch: Epoch;
  /** The leader's request. */
  readonly fields: FieldLines;
  /** Names of the fields that are known to select among the key's responses. */
  readonly selecting: readonly string[];
  /** Leaders that have failed before. */
  readonly failed: number;
  /** When the first of them began, or this fetch: milliseconds of a clock that never jumps. */
  readonly since: number;
}

/**
 * One fetch that others may wait for. Usually it has one leader; where that one is overdue,
 * others lead beside it, and the first answer is everybody's.
 */
export class Place<T> {
  readonly start: Start;
  readonly #leavePlace: () => void;
  readonly #random: () => number;
  readonly #followers: ((settlement: Settlement<T>) => void)[] = [];
  #settlement: Settlement<T> | undefined;
  #shared: { readonly value: T; readonly by: Leader<T> } | undefined;
  #leaders: number;
  /** Leaders that have not settled. */
  #leading = 0;
  /** Those of them that wait for another instance. */
  #elsewhere = 0;

  constructor(start: Start, leavePlace: () => void, random: () => number) {
    this.start = start;
    this.#random = random;
    this.#leaders = start.failed;
    this.#leavePlace = leavePlace;
  }

  /** What has come of it so far. */
  get shared(): T | undefined {
    return this.#shared?.value;
  }

  lead(): Leader<T> {
    this.#leaders++;
    this.#leading++;
    const leader: Leader<T> = {
      role: "leader",
      settle: (settlement) => this.#settle(settlement, leader),
      leave: () => {
        if (this.#shared === undefined || this.#shared.by === leader) this.#leavePlace();
      },
      waiting: async (elsewhere) => {
        this.#elsewhere++;
        try {
          return await elsewhere;
        } finally {
          this.#elsewhere--;
        }
      },
    };
    return leader;
  }

  follow(): Follower<T> {
    return {
      role: "follower",
      settled: new Promise((resolve) => {
        if (this.#settlement === undefined) this.#followers.push(resolve);
        else resolve(this.#settlement);
      }),
      leaders: () => this.#leaders,
      relieve: (known) =>
        this.#settlement !== undefined ||
        this.#elsewhere > 0 ||
        known !== this.#leaders ||
        known >= MAX_LEADERS
          ? undefined
          : this.lead(),
    };
  }

  #settle(settlement: Settlement<T>, by: Leader<T>): void {
    this.#leading--;
    if (this.#settlement !== undefined) return;
    if (settlement.type === "takeover") this.#leaders = Math.max(this.#leaders, settlement.leaders ?? 0);
    // Those who lead beside it may still have an answer.
    if (settlement.type === "takeover" && this.#leading > 0) return;
    this.#settlement = settlement;
    if (settlement.type === "share") this.#shared = { value: settlement.value, by };
    // The place is left before followers wake, so that a takeover elects a new leader.
    else this.#leavePlace();
    if (settlement.type === "takeover") this.#chooseHeir();
    for (const tell of this.#followers.splice(0)) tell(settlement);
  }

  /** Who wakes first leads. It is one at random: the first of them may have come to make the origin fail again. */
  #chooseHeir(): void {
    const at = Math.floor(this.#random() * this.#followers.length);
    this.#followers.unshift(...this.#followers.splice(at, 1));
  }
}

/**
 * Collapses concurrent requests for one key into one origin request (RFC 9111 §4), or into
 * one for each variant that they ask for.
 *
 * Who finds no place to follow leads, and must settle, come what may. A shared flight can be
 * followed until its leader leaves. Which place is for whom is the caller's to say.
 */
export class Coalescer<T> {
  readonly #places = new Map<string, Set<Place<T>>>();
  readonly #random: () => number;

  /** `random` answers in [0, 1): which of those who wait leads after a failure. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Keys with a flight under way. */
  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** What can be followed; the newest last. */
  underWay(key: string): readonly Place<T>[] {
    const places = this.#places.get(key);
    return places === undefined ? [] : [...places];
  }

  /** Nobody else follows it; those who do go on. */
  close(key: string, place: Place<T>): void {
    const places = this.#places.get(key);
    if (places?.delete(place) && places.size === 0) this.#places.delete(key);
  }

  /** Begins a fetch. Where too many are under way for one key, nobody will follow this one. */
  lead(key: string, start: Start): Leader<T> {
    const place = new Place<T>(start, () => this.close(key, place), this.#random);
    const places = this.#places.get(key) ?? new Set();
    if (places.size >= MAX_PLACES) {
      // What is shared already has served most of those who wanted it.
      for (const older of places) {
        if (older.shared === undefined) continue;
        places.delete(older);
        break;
      }
    }
    if (places.size < MAX_PLACES) this.#places.set(key, places.add(place));
    return place.lead();
  }
}
