import { Redis } from "ioredis";
import type { RedisServer } from "./redis-address.ts";
import type { CommonOptions } from "./redis-options.ts";

/**
 * A connection for subscriptions, not connected yet; its owner closes it.
 *
 * It is connected, and connected anew, after the connection that carries the commands: so
 * whenever it is ready, commands reach the server that it listens to, and what it might have
 * missed can be read.
 */
export function createFollower(options: CommonOptions, commandTimeoutMs: number): Redis {
  const follower = new Redis({
    ...options,
    connectionName: "freshline-follower",
    lazyConnect: true,
    commandTimeout: commandTimeoutMs,
    // ioredis 6 drops invalidation pushes under RESP3; under RESP2 they are messages.
    protocol: 2,
    autoResubscribe: false,
  });
  follower.on("error", () => undefined);
  return follower;
}

/** Commands reach a server (anew), or in a Cluster another one, and the follower has to come after. */
export function lead(follower: Redis, to?: RedisServer): void {
  const { options } = follower;
  const moved = to !== undefined && (options.host !== to.host || options.port !== to.port);
  // Whence it connects the next time.
  if (moved) Object.assign(options, { host: to.host, port: to.port });
  if (follower.status === "wait") void follower.connect().catch(() => undefined);
  else if (moved || follower.status === "ready") follower.stream?.destroy();
}
