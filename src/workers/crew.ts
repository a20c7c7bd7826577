import { restInMs } from "./rest.ts";

/** One process that serves, from the moment that it is started. */
export interface Member {
  readonly pid: number | undefined;
  /** When it serves. Rejects with what it failed of, also when it ends before. */
  readonly begun: Promise<void>;
  /** When its process is no more, and how it ended. Never rejects. */
  readonly ended: Promise<string>;
  /** Asks it to finish what it has begun, and to end. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

/** What an operator may want to know. */
export type CrewNews =
  | { readonly type: "died"; readonly place: number; pid: number | undefined; ending: string; restMs: number }
  | { readonly type: "failed"; readonly place: number; readonly error: Error; readonly restMs: number }
  | { readonly type: "replaced"; readonly place: number; readonly pid: number | undefined };

export interface CrewOptions<M extends Member> {
  readonly size: number;
  /** Starts a process for a place, of which there are `size`, from 1 on. */
  readonly hire: (place: number) => M;
  /** How long a process may take until it serves, and until it has ended after stop(); then it is killed. */
  readonly beginWithinMs: number;
  readonly stopWithinMs: number;
  readonly tell: (news: CrewNews) => void;
}

interface Place<M> {
  readonly number: number;
  /** Who serves there; absent until the first does, and while a dead one is replaced. */
  member?: M | undefined;
  /** Deaths in a row of those who had only begun. */
  early: number;
  rest?: NodeJS.Timeout | undefined;
  /** While a process is starting there. */
  filling?: Promise<void> | undefined;
}

/** Keeps so many processes serving: replaces one that dies, and all of them in turn when asked to. */
export class Crew<M extends Member> {
  readonly #options: CrewOptions<M>;
  readonly #places: readonly Place<M>[];
  /** All whose process runs, in whatever state. */
  readonly #running = new Set<M>();
  /** Those of them who have served. */
  readonly #begun = new WeakSet<M>();
  #restarting: Promise<number> | undefined;
  #stopping = false;

  constructor(options: CrewOptions<M>) {
    this.#options = options;
    this.#places = Array.from({ length: options.size }, (_, i) => ({ number: i + 1, early: 0 }));
  }

  /** Those who serve and go on to. */
  get serving(): readonly M[] {
    return this.#places.flatMap(({ member }) => (member === undefined ? [] : [member]));
  }

  /** Resolves when all serve; rejects with the first failure, and then nobody is left. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#places.map((place) => this.#fill(place)));
    } catch (error) {
      await this.#end((member) => member.kill());
      throw error;
    }
  }

  /**
   * Replaces all, one after another: each goes when its successor serves. Rejects when a successor
   * fails; then those who served go on to. Who asks while it is under way waits for the same.
   */
  restart(): Promise<number> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  /** Lets all finish and end. Never rejects. */
  async stop(): Promise<void> {
    await this.#end((member) => member.stop());
  }

  async #end(how: (member: M) => void): Promise<void> {
    this.#stopping = true;
    for (const place of this.#places) clearTimeout(place.rest);
    const ends = [...this.#running].map((member) => {
      if (this.#begun.has(member)) how(member);
      else member.kill();
      return this.#gone(member);
    });
    await Promise.all(ends);
  }

  async #restart(): Promise<number> {
    let restarted = 0;
    for (const place of this.#places) {
      const before = place.member;
      // A place whose process died is filled anew anyway.
      if (before === undefined || this.#stopping) continue;
      try {
        await this.#fill(place);
      } catch (error) {
        if (place.member === undefined && !this.#stopping) this.#rest(place, 0);
        throw error;
      }
      restarted++;
      before.stop();
      await this.#gone(before);
    }
    return restarted;
  }

  /** Puts a new process in the place, once it serves. Rejects with what that failed of. */
  #fill(place: Place<M>): Promise<void> {
    place.filling = this.#replace(place).finally(() => {
      place.filling = undefined;
    });
    return place.filling;
  }

  async #replace(place: Place<M>): Promise<void> {
    const { hire, beginWithinMs } = this.#options;
    const member = hire(place.number);
    this.#running.add(member);
    void member.ended.then(() => this.#running.delete(member));
    const late = setTimeout(() => member.kill(), beginWithinMs);
    try {
      await member.begun;
    } catch (error) {
      member.kill();
      throw error;
    } finally {
      clearTimeout(late);
    }
    this.#begun.add(member);
    place.member = member;
    const since = performance.now();
    void member.ended.then((ending) => this.#died(place, member, ending, performance.now() - since));
  }

  #died(place: Place<M>, member: M, ending: string, livedMs: number): void {
    if (place.member !== member) return;
    place.member = undefined;
    if (this.#stopping || place.filling !== undefined) return;
    const restMs = this.#rest(place, livedMs);
    this.#options.tell({ type: "died", place: place.number, pid: member.pid, ending, restMs });
  }

  /** Fills the place after a rest. */
  #rest(place: Place<M>, livedMs: number): number {
    const { restMs, early } = restInMs(livedMs, place.early);
    place.early = early;
    place.rest = setTimeout(() => void this.#refill(place), restMs);
    return restMs;
  }

  async #refill(place: Place<M>): Promise<void> {
    const { tell } = this.#options;
    try {
      await this.#fill(place);
      if (!this.#stopping) tell({ type: "replaced", place: place.number, pid: place.member?.pid });
    } catch (cause) {
      if (this.#stopping) return;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      tell({ type: "failed", place: place.number, error, restMs: this.#rest(place, 0) });
    }
  }

  /** When it has ended, by itself or by force. */
  async #gone(member: M): Promise<void> {
    const late = setTimeout(() => member.kill(), this.#options.stopWithinMs);
    await member.ended;
    clearTimeout(late);
  }
}
