import type { Acknowledged } from "../cache/ports/purge-log.ts";
import type { StoreError } from "../cache/ports/store.ts";
import type { Epoch } from "../policy/stored-response.ts";
import type { RedisConnection } from "./connection.ts";
import { asStoreError, runScript } from "./redis-command.ts";
import { PRESENT } from "./redis-scripts.ts";

export interface InstancesOptions {
  readonly connection: RedisConnection;
  readonly namespace: string;
  /** What this instance is called in receipts; no other may have the name. */
  readonly name: string;
  /** How long a purge waits for those who follow the log, in milliseconds. */
  readonly patienceMs: number;
  /** Saying that this instance is here has failed; called again only after it has not. */
  readonly onFailure: (error: StoreError) => void;
}

/** An instance that has said nothing for so long does not count any longer; each says it three times as often. */
export const ALIVE_MS = 15_000;
export const PRESENCE_MS = ALIVE_MS / 3;
/** Where they are listed: not under the prefix of the log's own keys, changes of which wake every instance. */
export const instancesKey = (namespace: string): string => `${namespace}:instances:{purges}`;
/** Purges that may wait at once; a further one is told what is known. */
const MAX_WAITING = 1000;
/** So many instances at once are told that their purges were heard. */
const MAX_ASKERS = 1000;

interface Waiting extends Changing {
  readonly epoch: Epoch;
  readonly acked: Set<string>;
}

/**
 * Who follows the purge log, and how far?
 *
 * Every instance says so in one hash, a few times within the time that it counts as alive. Who
 * purges names a channel in its record, and hears there of those who have heard the record. What
 * gets lost on the way is read once more when the time is over.
 */
export class Instances {
  readonly name: string;
  /** Where this instance hears of those who have heard its purges. */
  readonly channel: string;
  readonly #connection: RedisConnection;
  readonly #key: string;
  readonly #channels: string;
  readonly #patienceMs: number;
  readonly #onFailure: (error: StoreError) => void;
  readonly #waiting = new Set<Waiting>();
  /** Who wants to know how far this instance is. */
  readonly #askers = new Set<string>();
  #known: readonly string[];
  #position: Epoch = 0;
  #failing = false;
  #closed = false;

  constructor({ connection, namespace, name, patienceMs, onFailure }: InstancesOptions) {
    this.name = name;
    this.#connection = connection;
    this.#key = instancesKey(namespace);
    this.#channels = `${namespace}:heard:`;
    this.channel = this.#channels + name;
    this.#patienceMs = patienceMs;
    this.#onFailure = onFailure;
    this.#known = [name];
  }

  get isAsked(): boolean {
    return this.#askers.size > 0;
  }

  /** This instance, if it is one, wants to know when its record was heard. */
  askedBy(name: string): void {
    if (name !== "" && name !== this.name && this.#askers.size < MAX_ASKERS) this.#askers.add(name);
  }

  /** Says that this instance is here and has heard the log up to `position`, also to those who asked. Never rejects. */
  async present(position: Epoch): Promise<void> {
    if (this.#closed) return;
    const askers = [...this.#askers];
    this.#askers.clear();
    try {
      // Who is asked by many would otherwise list all as often.
      if (askers.length > 0) await this.#say(position, false, askers);
      else await this.#roll(position);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#closed) this.#onFailure(asStoreError(error));
      this.#failing = true;
    }
  }

  /** A message on this instance's channel. */
  heard(message: string): void {
    const [name = "", position] = message.split(" ");
    for (const waiting of this.#waiting) {
      if (Number(position) < waiting.epoch) continue;
      waiting.acked.add(name);
      waiting.changed();
    }
  }

  /** Waits until all who are alive have heard the log up to `epoch`, as this instance has. Never rejects. */
  async acknowledged(epoch: Epoch): Promise<Acknowledged> {
    const waiting: Waiting = { epoch, acked: new Set([this.name]), changed: () => {} };
    // From here on no message is missed; what was heard before is in the hash.
    if (this.#waiting.size < MAX_WAITING) this.#waiting.add(waiting);
    try {
      const deadline = performance.now() + this.#patienceMs;
      const names = await this.#ask(waiting);
      const missing = () => names.filter((name) => !waiting.acked.has(name));
      if (this.#waiting.has(waiting)) await until(waiting, () => missing().length === 0, deadline);
      if (missing().length > 0) await this.#ask(waiting);
      const late = missing();
      return {
        shared: true,
        instances: names.length,
        acked: names.length - late.length,
        missing: late,
      };
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** This instance goes, and nobody shall wait for it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection.run((client) => client.hdel(this.#key, this.name)).catch(() => {});
  }

  /** Who is alive, as far as can be known now; those who have heard enough are noted. */
  async #ask(waiting: Waiting): Promise<readonly string[]> {
    try {
      for (const [name, position] of await this.#roll(waiting.epoch))
        if (position >= waiting.epoch) waiting.acked.add(name);
    } catch {
      // The purge is in the log all the same; the receipt goes by who was there last.
    }
    return this.#known;
  }

  /** Says that this instance is here, and answers who is alive with how far they are. */
  async #roll(position: Epoch): Promise<ReadonlyMap<string, Epoch>> {
    const reply = (await this.#say(position, true, [])) as string[];
    const instances = new Map<string, Epoch>();
    for (let i = 0; i < reply.length; i += 2) instances.set(String(reply[i]), Number(reply[i + 1]));
    this.#known = [...instances.keys()];
    return instances;
  }

  #say(position: Epoch, list: boolean, askers: readonly string[]): Promise<unknown> {
    // Never less than before: somebody may still wait for that.
    this.#position = Math.max(this.#position, position);
    const channels = askers.map((asker) => this.#channels + asker);
    const args = [this.name, this.#position, ALIVE_MS, list ? 1 : 0, ...channels];
    return this.#connection.run((client) => runScript(client, PRESENT, [this.#key], args));
  }
}

/** Something that is waited for. */
export interface Changing {
  changed: () => void;
}

/** Resolves when the condition holds after a change, or at the deadline. */
export const until = (waiting: Changing, condition: () => boolean, deadline: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    waiting.changed = () => {
      if (!condition()) return;
      clearTimeout(timer);
      resolve();
    };
    waiting.changed();
  });
