import type { Redis } from "ioredis";
import { StoreError } from "../cache/ports/store.ts";
import { askForSlots } from "./ask-for-slots.ts";
import { redirectionIn, SLOTS, type SlotRange, slotOf } from "./cluster-slots.ts";
import { createFollower, lead } from "./follower.ts";
import type { Answered, FieldValues } from "./hash-reads.ts";
import { type RedisServer, serverName } from "./redis-address.ts";
import { RedisNode } from "./redis-node.ts";
import { at, type CommonOptions, retryDelay } from "./redis-options.ts";
import type { ReusedMemory } from "./reused-memory.ts";

export interface RedisClusterOptions {
  readonly seeds: readonly RedisServer[];
  /** As whom, and everything else that connections to all nodes have in common. */
  readonly redis: CommonOptions;
  /** Told when the first of its masters went or the last one came back. */
  readonly onChange: (up: boolean, detail: string) => void;
  /** Milliseconds that one command may take. */
  readonly commandTimeoutMs: number;
  /** For what is read from any of them. */
  readonly memory: ReusedMemory;
}

interface Node {
  readonly name: string;
  readonly server: RedisServer;
  readonly connection: RedisNode;
}

/** Times that one command is sent on to another node. */
const MAX_REDIRECTIONS = 3;
/** A redirection tells of one slot; what else has moved may be learned a little later. */
const AFTER_MOVE_MS = 500;

/**
 * A Redis Cluster: one connection, with a breaker of its own, to each of its masters.
 *
 * A node that is away costs its own slots and no others. Who has which slot is asked when a
 * node says MOVED, and again and again while a node is away; an undisturbed cluster is not asked.
 */
export class RedisCluster {
  readonly #options: RedisClusterOptions;
  readonly #nodes = new Map<string, Node>();
  /** With the slots that they follow. */
  readonly #followers = new Map<Redis, number>();
  /** Slots with followers that are on their way, and the node that already has what is followed. */
  readonly #leaving = new Map<number, Node>();
  /** By slot; empty until the cluster is known. */
  #owners: (Node | undefined)[] = [];
  #learning = false;
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #told: boolean | undefined;
  readonly #closing = new AbortController();

  constructor(options: RedisClusterOptions) {
    this.#options = options;
    void this.#learn();
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Can every master be reached? Undefined until that is known. */
  get up(): boolean | undefined {
    return this.#told;
  }

  /** Those that have all slots between them, in an order that stays; empty until the cluster is known. */
  get masters(): readonly RedisNode[] {
    const owners = new Set(this.#owners.filter((node) => node !== undefined));
    return [...owners].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ connection }) => connection);
  }

  /** Runs commands on keys of the same slot as `key`. Rejects only with StoreError. */
  run<T>(operation: (client: Redis) => Promise<T>, key: string): Promise<T> {
    return this.#route(key, (node) => node.run(operation), operation);
  }

  /** Fields of a hash. Rejects only with StoreError. */
  fields(name: string, fields: readonly string[], before?: Answered): Promise<FieldValues> {
    const whileItMoves = async (client: Redis) => ({ values: await client.hmgetBuffer(name, ...fields) });
    return this.#route<FieldValues>(name, (node) => node.fields(name, fields, before), whileItMoves);
  }

  async #route<T>(
    key: string,
    send: (node: RedisNode) => Promise<T>,
    whileItMoves: (client: Redis) => Promise<T>,
  ): Promise<T> {
    const slot = slotOf(key);
    let node = this.#owners[slot];
    let asking = false;
    for (let redirections = 0; ; redirections++) {
      if (node === undefined)
        throw new StoreError("unavailable", "no known node of the Cluster has the slot");
      const { connection, server } = node;
      try {
        if (asking) return await connection.runAsking(whileItMoves);
        const result = await send(connection);
        if (this.#leaving.delete(slot)) this.#leadAll();
        return result;
      } catch (error) {
        const cause = error instanceof StoreError && error.cause instanceof Error ? error.cause.message : "";
        const redirection = redirectionIn(cause, server.host);
        if (redirection === undefined || redirections === MAX_REDIRECTIONS || this.#closed) throw error;
        asking = redirection.type === "ask";
        node = this.#open(redirection.server);
        if (asking) this.#leave(redirection.slot, node);
        else this.#move(redirection.slot, node);
      }
    }
  }

  /** A connection for subscriptions at the node that has the slot of `key`, whichever that is; its owner closes it. */
  follower(commandTimeoutMs: number, key: string): Redis {
    const follower = createFollower(this.#options.redis, commandTimeoutMs);
    const slot = slotOf(key);
    this.#followers.set(follower, slot);
    follower.once("end", () => this.#followers.delete(follower));
    this.#lead(follower, slot);
    return follower;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
    for (const { connection } of this.#nodes.values()) connection.close();
    this.#nodes.clear();
  }

  #open(server: RedisServer): Node {
    const name = serverName(server);
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const { redis, commandTimeoutMs, memory } = this.#options;
    const connection = new RedisNode({
      redis: { ...redis, ...at(server) },
      commandTimeoutMs,
      memory,
      onChange: (up, detail) => this.#changed(node, up, detail),
    });
    const node: Node = { name, server, connection };
    this.#nodes.set(name, node);
    return node;
  }

  #changed(node: Node, up: boolean, detail: string): void {
    if (this.#nodes.get(node.name) !== node) return;
    if (up) {
      for (const [follower, slot] of this.#followers)
        if (this.#leader(slot) === node) lead(follower, node.server);
      this.#tellWhenWhole();
    } else {
      this.#tell(false, `${node.name}: ${detail}`);
      this.#learnLater(retryDelay(++this.#attempts));
    }
  }

  #leave(slot: number, to: Node): void {
    if (this.#leaving.get(slot) === to || ![...this.#followers.values()].includes(slot)) return;
    this.#leaving.set(slot, to);
    this.#leadAll();
  }

  #move(slot: number, to: Node): void {
    this.#leaving.delete(slot);
    if (this.#owners[slot] === to) return;
    this.#owners[slot] = to;
    this.#leadAll();
    this.#learnLater(AFTER_MOVE_MS);
  }

  #leadAll(): void {
    for (const [follower, slot] of this.#followers) this.#lead(follower, slot);
  }

  /** To another node, if it is another one; what happens at the same node is heard from it. */
  #lead(follower: Redis, slot: number): void {
    const leader = this.#leader(slot);
    if (leader?.connection.up !== true) return;
    const { host, port } = follower.options;
    if (follower.status === "wait" || host !== leader.server.host || port !== leader.server.port)
      lead(follower, leader.server);
  }

  #leader(slot: number): Node | undefined {
    return this.#leaving.get(slot) ?? this.#owners[slot];
  }

  #learnLater(ms: number): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#learn();
    }, ms).unref();
  }

  /** Asks who has which slot, and goes on asking while anything is wrong. Never rejects. */
  async #learn(): Promise<void> {
    if (this.#learning) return;
    this.#learning = true;
    try {
      this.#adopt(await this.#learnSlots());
    } catch (error) {
      this.#tell(false, error instanceof Error ? error.message : String(error));
    }
    this.#learning = false;
    if (this.#closed) return;
    if (this.#broken()) this.#learnLater(retryDelay(++this.#attempts));
    else this.#attempts = 0;
  }

  /** Of a node that is there, else of a seed. */
  #learnSlots(): Promise<SlotRange[]> {
    const { seeds, redis } = this.#options;
    const nodes = [...this.#nodes.values()].filter(({ connection }) => connection.up === true);
    const known = nodes.map(({ server }) => server);
    return askForSlots([known, seeds], redis, this.#closing.signal);
  }

  #adopt(ranges: readonly SlotRange[]): void {
    if (this.#closed) return;
    const owners = new Array<Node | undefined>(SLOTS);
    for (const { first, last, master } of ranges) owners.fill(this.#open(master), first, last + 1);
    this.#owners = owners;
    const masters = new Set([...owners, ...this.#leaving.values()]);
    for (const node of this.#nodes.values()) {
      if (masters.has(node)) continue;
      this.#nodes.delete(node.name);
      node.connection.close();
    }
    this.#leadAll();
    if (owners.includes(undefined)) this.#tell(false, "the Cluster has slots that no node has");
    this.#tellWhenWhole();
  }

  /** Is anything as it should not be, as far as is known? */
  #broken(): boolean {
    const away = [...this.#nodes.values()].some(({ connection }) => connection.up === false);
    return away || this.#owners.length === 0 || this.#owners.includes(undefined);
  }

  #tellWhenWhole(): void {
    const everyUp = [...this.#nodes.values()].every(({ connection }) => connection.up === true);
    if (everyUp && !this.#broken()) this.#tell(true, `${this.#nodes.size} masters answer`);
  }

  #tell(up: boolean, detail: string): void {
    if (this.#closed || this.#told === up) return;
    this.#told = up;
    this.#options.onChange(up, detail);
  }
}
