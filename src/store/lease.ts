import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { type Emit, storeFailed } from "../cache/events.ts";
import type { Arrives, Lease, LeaseAnswer, LeaseEnd, LeaseRequest, Leases } from "../cache/leases.ts";
import { StoreError } from "../cache/ports/store.ts";
import type { RedisConnection } from "./connection.ts";
import { HeldLease } from "./held-lease.ts";
import { parseLeaseEnd, parseLeaseMessage } from "./lease-end.ts";
import { ACQUIRE, RELEASE, RENEW } from "./lease-scripts.ts";
import { OwedReleases } from "./owed-releases.ts";
import { asStoreError, type LuaScript, runScript } from "./redis-command.ts";
import { baseKey, checkNamespace, variantSuffix } from "./redis-layout.ts";
import type { Listener } from "./wake-up.ts";

export interface LeaseOptions {
  readonly connection: RedisConnection;
  readonly emit: Emit;
  /** What every key begins with. */
  readonly namespace: string;
  /** What this instance is called; no other may have the name. */
  readonly instance: string;
  /** Milliseconds after which a holder that says nothing is taken for gone. */
  readonly ttlMs: number;
  /** How many may lead, one after or beside another. */
  readonly maxLeaders: number;
  /** Milliseconds after which one more leads beside those who do. */
  readonly patienceMs: number;
}

/** Leases and waits at once; whoever comes beyond asks the origin without. */
const CAPACITY = 10_000;
/** For so long who has asked the store before an end hears of that end, in milliseconds. */
const LINGER_MS = 1000;
/** A holder that does not lose its lease to one late message says three times within its life that it is there. */
const RENEWALS = 3;
/** Nobody asks more often. */
const SHORTEST_WAIT_MS = 10;

/** Others who lead may still have an answer, unless this is one. */
const lingers = ({ type }: LeaseEnd): boolean => type === "stored" || type === "uncacheable";

const UNKNOWN: LeaseAnswer = { type: "unknown" };
const LAPSED: LeaseEnd = { type: "lapsed" };

interface Waiting {
  readonly ended: Promise<LeaseEnd>;
  readonly arrives: Promise<Arrives>;
  hear(news: LeaseEnd | Arrives): void;
  /** It ends by itself, if not before. */
  endIn(ms: number): void;
}

/**
 * Leases that instances have of one another, in Redis.
 *
 * Who waits is in the lease and is told of its end on a channel of its own, or goes by its clock:
 * it waits no longer than the lease lives, or than leaders may lead unaccompanied. Where messages
 * cannot be heard, or Redis does not answer, nobody waits for anybody.
 */
export class RedisLeases implements Leases {
  /** To be heard over the connection that wakes the purge log. */
  readonly listener: Listener;
  readonly #options: LeaseOptions;
  readonly #channels: string;
  readonly #waiting = new Map<string, Set<Waiting>>();
  readonly #held = new Set<HeldLease>();
  readonly #owed: OwedReleases;
  #waits = 0;
  #hearing = false;
  #closed = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#channels = `${checkNamespace(options.namespace)}:lease-ended:`;
    const release = (name: string, token: string) => this.#tell(name, token, LAPSED);
    this.#owed = new OwedReleases({ release, ttlMs: options.ttlMs });
    this.listener = {
      channel: this.#channels + options.instance,
      onMessage: (message) => this.#heard(message),
      onHearing: (hearing) => {
        this.#hearing = hearing;
        if (!hearing) this.#endAll();
      },
    };
  }

  /** Leases that are held here, and waits for those of others. */
  get size(): number {
    return this.#held.size + this.#waits;
  }

  async acquire(key: string, request: LeaseRequest): Promise<LeaseAnswer> {
    if (!this.#hearing || this.#closed || this.size >= CAPACITY) return UNKNOWN;
    const { instance, ttlMs, maxLeaders, patienceMs } = this.#options;
    const { variant, failed, again, beside, wait } = request;
    const base = baseKey(`${this.#options.namespace}:lease`, key);
    const name = variant === "" ? base : `${base}:${variantSuffix(variant)}`;
    const token = randomUUID();
    const flags = [beside ? patienceMs : 0, again ? 1 : 0, wait ? 1 : 0];
    // The message may be here before the answer.
    const waiting = this.#wait(name);
    let asked = false;
    try {
      const args = [token, instance, ttlMs, failed, maxLeaders, ...flags];
      const asking = () => {
        asked = true;
      };
      const answer = await this.#run(ACQUIRE, name, args, asking);
      const [whose, word, detail, where] = Array.isArray(answer) ? answer : [];
      if (whose !== token) {
        throw new StoreError("unavailable", "the answer to another command");
      }
      const arriving = where === "1" || (where !== "" && String(where));
      if (word === "elsewhere" && wait) {
        waiting.endIn(Number(detail));
        return { type: "elsewhere", arriving, ended: waiting.ended, arrives: waiting.arrives };
      }
      waiting.hear(LAPSED);
      if (word === "held") return { type: "held", lease: this.#hold(name, token, Number(detail)) };
      if (word === "ended") {
        const end = parseLeaseEnd(String(detail));
        return end !== undefined && lingers(end) ? { type: "ended", end } : UNKNOWN;
      }
      return { type: "elsewhere", arriving, ended: waiting.ended };
    } catch (cause) {
      waiting.hear(LAPSED);
      const error = asStoreError(cause);
      this.#options.emit(storeFailed("lease", error));
      // It may be ours all the same, and nobody else's for as long as it lives.
      if (asked && error.code !== "refused") void this.#release(name, token, LAPSED);
      return UNKNOWN;
    }
  }

  /** Whoever waits, here or elsewhere, waits no longer. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endAll();
    await Promise.all([...this.#held].map((lease) => lease.release(LAPSED)));
    await this.#owed.close();
  }

  #hold(name: string, token: string, leaders: number): Lease {
    const { ttlMs } = this.#options;
    const lease = new HeldLease(leaders, {
      everyMs: ttlMs / RENEWALS,
      renew: async (arriving) => {
        const told = [this.#channels, JSON.stringify([name, arriving])];
        const news = typeof arriving === "object" ? [arriving.at, ...told] : [arriving ? 1 : 0];
        return (await this.#run(RENEW, name, [token, ttlMs, ...news])) === 1;
      },
      release: (end) => {
        this.#held.delete(lease);
        return this.#release(name, token, end);
      },
    });
    this.#held.add(lease);
    return lease;
  }

  /** Never rejects: what Redis cannot be told now it is told later, or the lease ends by itself. */
  async #release(name: string, token: string, end: LeaseEnd): Promise<void> {
    try {
      await this.#tell(name, token, end);
    } catch {
      this.#owed.add(name, token);
    }
  }

  #tell(name: string, token: string, end: LeaseEnd): Promise<unknown> {
    const lingerMs = lingers(end) ? LINGER_MS : 0;
    const args = [token, this.#channels, JSON.stringify([name, end]), JSON.stringify(end), lingerMs];
    return this.#run(RELEASE, name, args);
  }

  #run(
    script: LuaScript,
    name: string,
    args: readonly (string | number)[],
    asking: () => void = () => {},
  ): Promise<unknown> {
    const ask = (client: Redis) => {
      asking();
      return runScript(client, script, [name], args);
    };
    return this.#options.connection.run(ask, name);
  }

  #wait(name: string): Waiting {
    const ended = Promise.withResolvers<LeaseEnd>();
    const arrives = Promise.withResolvers<Arrives>();
    let timeout: NodeJS.Timeout | undefined;
    const waiting: Waiting = {
      ended: ended.promise,
      arrives: arrives.promise,
      hear: (news) => {
        if (news.type === "arrives") {
          arrives.resolve(news);
          return;
        }
        clearTimeout(timeout);
        const others = this.#waiting.get(name);
        if (others?.delete(waiting) === true) this.#waits--;
        if (others?.size === 0) this.#waiting.delete(name);
        ended.resolve(news);
      },
      endIn: (ms) => {
        // What has ended meanwhile needs no timer.
        if (this.#waiting.get(name)?.has(waiting) !== true) return;
        timeout = setTimeout(() => waiting.hear(LAPSED), Math.max(ms, SHORTEST_WAIT_MS));
      },
    };
    const others = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, others.add(waiting));
    this.#waits++;
    return waiting;
  }

  #heard(message: string): void {
    const heard = parseLeaseMessage(message);
    if (heard !== undefined)
      for (const waiting of this.#waiting.get(heard.name) ?? []) waiting.hear(heard.news);
  }

  #endAll(): void {
    for (const all of this.#waiting.values()) for (const waiting of all) waiting.hear(LAPSED);
  }
}
