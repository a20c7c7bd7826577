import type { Socket } from "node:net";
import { Command, Redis, type RedisOptions } from "ioredis";
import { StoreError } from "../cache/ports/store.ts";
import { Breaker } from "./breaker.ts";
import { createFollower, lead } from "./follower.ts";
import { type Answered, type FieldValues, HashReads } from "./hash-reads.ts";
import { hashReplies } from "./hash-replies.ts";
import { isInStep } from "./in-step.ts";
import { readingConnector } from "./reading-connector.ts";
import type { RedisServer } from "./redis-address.ts";
import type { CommonOptions } from "./redis-options.ts";
import type { ReusedMemory } from "./reused-memory.ts";

export interface RedisNodeOptions {
  /** Where and as whom. */
  readonly redis: CommonOptions;
  /** Told when the server came or went, and only then; also the first time that either is known. */
  readonly onChange: (up: boolean, detail: string) => void;
  /** Milliseconds that one command may take. */
  readonly commandTimeoutMs: number;
  /** For what is read. */
  readonly memory: ReusedMemory;
}

/** A connection that owes an answer and sends nothing for so long is dead. */
const SILENCE_MS = 1000;
/** How often a connection that is used is asked whether its answers are those to its questions. */
const CHECK_MS = 1000;

type CommandOptions = CommonOptions & { readonly commandTimeout: number; readonly socketTimeout: number };

/**
 * The connection that carries commands to one server, or to whichever server the Sentinels call
 * the master. It heals itself for as long as it is not closed.
 *
 * Nothing waits in a queue for a server that is away: commands fail at once, and the breaker
 * keeps further ones from being tried.
 */
export class RedisNode {
  readonly #client: Redis;
  readonly #reads: HashReads;
  readonly #options: CommonOptions;
  readonly #forCommands: CommandOptions;
  readonly #breaker: Breaker;
  readonly #followers = new Set<Redis>();
  #asking: Redis | undefined;
  readonly #checks: NodeJS.Timeout;
  #used = false;
  #checking = false;
  #closed = false;

  constructor({ redis, onChange, commandTimeoutMs, memory }: RedisNodeOptions) {
    this.#options = redis;
    this.#forCommands = { ...redis, commandTimeout: commandTimeoutMs, socketTimeout: SILENCE_MS };
    this.#breaker = new Breaker({
      elapsed: performance.now.bind(performance),
      onChange: (up, detail) => {
        if (!this.#closed) onChange(up, detail);
      },
    });
    this.#client = new Redis({ ...this.#forCommands, ...this.#reading(memory) });
    this.#reads = new HashReads(this.#client, commandTimeoutMs, this.#breaker);
    let reason: string | undefined;
    let sentinels: string | undefined;
    this.#client.on("sentinelError", (error: Error) => {
      sentinels = error.message;
    });
    this.#client.on("error", (error: Error) => {
      reason = reasonOf(error);
      // Where no server could be tried no connection closes.
      if (error.message.startsWith("All sentinels are unreachable"))
        this.#breaker.trip(`no Sentinel names the master: ${sentinels ?? reason}`);
    });
    this.#client.on("ready", () => {
      reason = undefined;
      this.#breaker.succeeded();
      for (const follower of this.#followers) lead(follower);
    });
    this.#client.on("close", () => this.#breaker.trip(reason ?? "Redis closed the connection"));
    this.#checks = setInterval(() => void this.#check(), CHECK_MS).unref();
  }

  /** Does it answer? Undefined until either is known. */
  get up(): boolean | undefined {
    return this.#breaker.up;
  }

  /** The servers that have all there is: itself. */
  get masters(): readonly RedisNode[] {
    return [this];
  }

  /** Runs commands under the breaker. Rejects only with StoreError. */
  run<T>(operation: (client: Redis) => Promise<T>): Promise<T> {
    return this.#whenReady(this.#client, () => this.#breaker.run(() => operation(this.#client)));
  }

  /** Fields of a hash, under the breaker. Rejects only with StoreError. */
  fields(name: string, fields: readonly string[], before?: Answered): Promise<FieldValues> {
    return this.#whenReady(this.#client, () =>
      this.#breaker.try(() => this.#reads.read(name, fields, before)),
    );
  }

  /** Runs commands on keys whose slot is on its way to this node. Rejects only with StoreError. */
  runAsking<T>(operation: (client: Redis) => Promise<T>): Promise<T> {
    this.#asking ??= openAsking(this.#forCommands);
    const client = this.#asking;
    return this.#whenReady(client, () => this.#breaker.run(() => operation(client)));
  }

  /** A connection for subscriptions at the same server; its owner closes it. */
  follower(commandTimeoutMs: number): Redis {
    const follower = createFollower(this.#options, commandTimeoutMs);
    this.#followers.add(follower);
    follower.once("end", () => this.#followers.delete(follower));
    if (this.#client.status === "ready") lead(follower);
    return follower;
  }

  /** Connects anew, unless this is the server that it is connected to. */
  protected leaveUnlessAt({ host, port }: RedisServer): void {
    const { status, stream } = this.#client;
    if (status === "ready" && (stream.remoteAddress !== host || stream.remotePort !== port)) stream.destroy();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#checks);
    this.#client.disconnect();
    this.#asking?.disconnect();
  }

  /** Reads of hashes past ioredis, where the connection is made here: with Sentinels, ioredis makes it. */
  #reading(memory: ReusedMemory): Pick<RedisOptions, "Connector"> {
    const { host, port } = this.#options;
    if (host === undefined || port === undefined) return {};
    const open = (socket: Socket) => hashReplies(() => this.#client, socket, memory);
    return { Connector: readingConnector({ host, port }, this.#options, open) };
  }

  #whenReady<T>(client: Redis, operation: () => Promise<T>): Promise<T> {
    // Not a failure that counts: whether the connection comes about shows by itself.
    if (client.status !== "ready") {
      return Promise.reject(new StoreError("unavailable", "Redis is not connected"));
    }
    this.#used = true;
    return operation();
  }

  async #check(): Promise<void> {
    if (!this.#used || this.#checking || this.#client.status !== "ready") return;
    this.#used = false;
    this.#checking = true;
    const { stream } = this.#client;
    if (!(await isInStep(this.#client))) stream.destroy();
    this.#checking = false;
  }
}

/** Puts ASKING before every command, which batching, and an answer between two commands, could part from it. */
class AskingRedis extends Redis {
  override sendCommand(...[command, stream]: Parameters<Redis["sendCommand"]>): unknown {
    if (this.status === "ready") {
      const asking = new Command("asking");
      asking.promise.catch(() => undefined);
      super.sendCommand(asking);
    }
    return super.sendCommand(command, stream);
  }
}

function openAsking(options: CommandOptions): Redis {
  const client = new AskingRedis(options);
  client.on("error", () => undefined);
  return client;
}

/** OpenSSL's and Node's names of what can be wrong with a certificate. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

function reasonOf(error: Error & { readonly code?: unknown }): string {
  return CERTIFICATE.test(String(error.code))
    ? `the certificate of Redis is not trusted: ${error.message}`
    : error.message;
}
