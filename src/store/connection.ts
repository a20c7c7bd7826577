import type { Redis } from "ioredis";
import type { Emit } from "../cache/events.ts";
import type { Answered, FieldValues } from "./hash-reads.ts";
import { addressOf, maskPassword, type RedisAddress } from "./redis-address.ts";
import { RedisCluster } from "./redis-cluster.ts";
import { RedisNode, type RedisNodeOptions } from "./redis-node.ts";
import { type Credentials, redisOptions } from "./redis-options.ts";
import { ReusedMemory } from "./reused-memory.ts";
import { SentinelMaster } from "./sentinel-master.ts";

export interface ConnectionOptions extends Credentials {
  /** One server, a Cluster or a Sentinel's master, as the setting REDIS_URL describes them. */
  readonly url: string;
  readonly emit: Emit;
  /** Milliseconds that one command may take; default 250. */
  readonly commandTimeoutMs?: number;
}

/** What belongs to no resource lives beside the purge log, in one slot of a Cluster. */
const SHARED_KEY = "{purges}";

type Route = Pick<RedisCluster, "up" | "masters" | "run" | "fields" | "follower" | "close">;

/**
 * The way to Redis, whatever its topology; it heals itself for as long as it is not closed.
 *
 * Emits `store-state` on every change. Of a Cluster that means all of it: while one node is
 * away, the others go on to be used.
 */
export class RedisConnection {
  readonly #route: Route;

  /** Throws an Error with one sentence when the URL is not one; the password is not in it. */
  constructor(options: ConnectionOptions) {
    const address = addressOf(options.url);
    const where = maskPassword(options.url);
    const common = {
      redis: redisOptions(address, options),
      onChange: (up: boolean, detail: string) =>
        options.emit({
          type: "store-state",
          up,
          detail: up ? `connected to ${where}` : `${detail} (${where})`,
        }),
      commandTimeoutMs: options.commandTimeoutMs ?? 250,
      memory: new ReusedMemory(),
    };
    this.#route = routeTo(address, common);
  }

  /** Does Redis answer, in a Cluster every master of it? */
  up(): boolean {
    return this.#route.up === true;
  }

  /** The servers that have all keys between them, for what concerns no key; empty until they are known. */
  masters(): readonly Pick<RedisNode, "run">[] {
    return this.#route.masters;
  }

  /**
   * Runs commands on one key, or several of the same slot, under the breaker of the server that has
   * it. The operation may be run again, where the key has moved to. Rejects only with StoreError.
   */
  run<T>(operation: (client: Redis) => Promise<T>, key: string = SHARED_KEY): Promise<T> {
    return this.#route.run(operation, key);
  }

  /** Fields of one hash, as cheaply as can be; perhaps as they were `before` (HashReads.read). Rejects only with StoreError. */
  fields(name: string, fields: readonly string[], before?: Answered): Promise<FieldValues> {
    return this.#route.fields(name, fields, before);
  }

  /**
   * One more connection, for subscriptions, to the server that has the purge log; its owner closes it.
   * Each time that it is `ready`, commands reach that server; it is connected anew when they reach
   * another one, or the same one anew.
   */
  follower(commandTimeoutMs: number): Redis {
    return this.#route.follower(commandTimeoutMs, SHARED_KEY);
  }

  async close(): Promise<void> {
    this.#route.close();
  }
}

function routeTo(address: RedisAddress, options: RedisNodeOptions): Route {
  switch (address.topology) {
    case "single":
      return new RedisNode(options);
    case "cluster":
      return new RedisCluster({ ...options, seeds: address.seeds });
    case "sentinel":
      return new SentinelMaster(options, address.sentinels, address.master);
  }
}
