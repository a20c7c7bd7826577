import type { Arrival, Arrivals, Outgoing, Sending } from "../../src/cache/arrivals.ts";
import type { Arrives, LeaseAnswer, LeaseEnd, LeaseRequest, Leases } from "../../src/cache/leases.ts";
import type { Entry, SentBody } from "../../src/cache/ports/store.ts";
import { aProxy, bytesOf, type Head, ScriptedBody, type TestProxy, uriOf } from "./harness.ts";

/** Leases that are as the test says; held where it says nothing. */
export class ScriptedLeases implements Leases {
  readonly asked: (LeaseRequest & { readonly key: string })[] = [];
  /** How leases that were held have ended, in order; what lasts has none. */
  readonly ends: LeaseEnd[] = [];
  readonly #answers: LeaseAnswer[] = [];
  /** What each answer waits for. */
  hold: Promise<void> | undefined;
  arrived = 0;
  /** Where bodies can be read, as those who hold a lease have told. */
  readonly told: Arrives[] = [];

  next(...answers: LeaseAnswer[]): void {
    this.#answers.push(...answers);
  }
  /** The next to ask is told that another is at it; the result ends that. */
  elsewhere(arriving: boolean | string = false): (news: LeaseEnd | Arrives) => void {
    const ended = Promise.withResolvers<LeaseEnd>();
    const arrives = Promise.withResolvers<Arrives>();
    this.next({ type: "elsewhere", arriving, ended: ended.promise, arrives: arrives.promise });
    return (news) => (news.type === "arrives" ? arrives.resolve(news) : ended.resolve(news));
  }
  async acquire(key: string, request: LeaseRequest): Promise<LeaseAnswer> {
    this.asked.push({ key, ...request });
    await this.hold;
    return this.#answers.shift() ?? this.#held(request);
  }
  async close(): Promise<void> {}

  #held({ failed }: LeaseRequest): LeaseAnswer {
    let released = false;
    const lease = {
      leaders: failed + 1,
      arriving: (news?: Arrives) => {
        if (news === undefined) this.arrived++;
        else this.told.push(news);
      },
      release: (end: LeaseEnd) => {
        if (!released) this.ends.push(end);
        released = true;
      },
    };
    return { type: "held", lease };
  }
}

export const STORED = {
  type: "stored",
  sinceHeadMs: 0,
  selecting: [],
  validated: false,
} as const satisfies LeaseEnd;
export const failedAfter = (leaders: number): LeaseEnd => ({ type: "failed", leaders, code: "timeout" });

/** A body that another instance gets, as far as the test says. */
export class ScriptedArrival implements Arrival {
  readonly origin = "http://origin.test";
  readonly body = new ScriptedBody();
  readonly over: Promise<boolean>;
  readonly stored: Arrival["stored"];
  readonly end: (whole: boolean) => void;
  constructor(stored: Arrival["stored"]) {
    this.stored = stored;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.over = promise;
    this.end = resolve;
  }
}

/** What instances read of one another is as the test says. */
export class ScriptedArrivals implements Arrivals {
  readonly sent: Outgoing[] = [];
  readonly followed: string[] = [];
  /** What can be followed, by where. */
  readonly there = new Map<string, Arrival>();
  /** What each look at what can be followed waits for. */
  hold: Promise<void> | undefined;
  /** What has come of what was sent. */
  outcome: Promise<SentBody | undefined> = Promise.resolve(undefined);
  unkept = 0;

  send(outgoing: Outgoing): Sending {
    this.sent.push(outgoing);
    return { sent: this.outcome, unkept: () => void this.unkept++ };
  }
  async follow(at: string): Promise<Arrival | undefined> {
    this.followed.push(at);
    await this.hold;
    return this.there.get(at);
  }
  async close(): Promise<void> {}
}

/** One instance of a fleet that the test plays. */
export function anInstance(options: Parameters<typeof aProxy>[0] = {}) {
  const leases = new ScriptedLeases();
  const arrivals = new ScriptedArrivals();
  const proxy = aProxy({ ...options, leases, arrivals });
  return { ...proxy, proxy, leases, arrivals };
}

/** What another instance has fetched just now. */
export async function fetchedElsewhere(
  proxy: TestProxy,
  target: string,
  text: string,
  head: Head,
): Promise<Entry> {
  const other = aProxy();
  other.clock.at = proxy.clock.at;
  await other.prime(target, text, head);
  const found = other.stored(target, head.fields ?? []);
  if (found.type !== "found") throw new Error("the other instance has stored nothing");
  const { stored } = found.entry;
  return { stored: { ...stored, epoch: proxy.purges.epoch }, body: bytesOf(text) };
}

export async function storedElsewhere(
  proxy: TestProxy,
  target: string,
  text: string,
  head: Head,
): Promise<void> {
  await proxy.store.put(uriOf(target), await fetchedElsewhere(proxy, target, text, head));
}

export const FRESH: Head = { cc: "max-age=60" };
