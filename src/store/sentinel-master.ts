import { isIP } from "node:net";
import { Redis } from "ioredis";
import type { RedisServer } from "./redis-address.ts";
import { RedisNode, type RedisNodeOptions } from "./redis-node.ts";
import { at, retryDelay } from "./redis-options.ts";

const SWITCHED = "+switch-master";

/**
 * The server that the Sentinels call the master.
 *
 * A master that was replaced may live, and take writes for seconds that are lost later: so it is
 * left as soon as any Sentinel names another one, and not only when it goes.
 */
export class SentinelMaster extends RedisNode {
  readonly #sentinels: readonly Redis[];

  constructor(options: RedisNodeOptions, sentinels: readonly RedisServer[], master: string) {
    super(options);
    this.#sentinels = sentinels.map((server) => this.#listen(options, server, master));
  }

  override close(): void {
    for (const sentinel of this.#sentinels) sentinel.disconnect();
    super.close();
  }

  #listen({ redis }: RedisNodeOptions, server: RedisServer, master: string): Redis {
    const sentinel = new Redis({
      ...at(server),
      ...(redis.sentinelPassword === undefined ? {} : { password: redis.sentinelPassword }),
      ...(redis.sentinelTLS === undefined ? {} : { tls: redis.sentinelTLS }),
      connectionName: redis.connectionName,
      disableClientInfo: true,
      connectTimeout: redis.connectTimeout,
      commandTimeout: redis.connectTimeout,
      enableReadyCheck: false,
      autoResubscribe: false,
      retryStrategy: (attempt) => retryDelay(attempt),
      protocol: 2,
    });
    // Whether the master can be found at all shows when it is looked for.
    sentinel.on("error", () => undefined);
    sentinel.on("ready", () => {
      const asked = sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master);
      const listening = sentinel.subscribe(SWITCHED);
      Promise.all([asked, listening]).then(
        ([answer]) => {
          const [host, port] = Array.isArray(answer) ? answer.map(String) : [];
          // A name says nothing about where the connection leads.
          if (host !== undefined && isIP(host) !== 0) this.leaveUnlessAt({ host, port: Number(port) });
        },
        () => sentinel.stream?.destroy(),
      );
    });
    sentinel.on("message", (_channel: string, message: string) => {
      const [name, , , host = "", port] = message.split(" ");
      if (name === master) this.leaveUnlessAt({ host, port: Number(port) });
    });
    return sentinel;
  }
}
