import { once } from "node:events";
import type { Redis } from "ioredis";
import type { RedisConnection } from "./connection.ts";
import { addressOf } from "./redis-address.ts";

/** What lets a user do just what the cache does. */
export function rulesFor(url: string, namespace: string): string {
  const cluster = addressOf(url).topology === "cluster" ? " +cluster|slots" : "";
  return `ACL SETUSER <user> ~${namespace}:* &${namespace}:* &__redis__:invalidate +@read +@write +@connection +@pubsub +@scripting +info +time${cluster}`;
}

/** Without it purges of other instances are looked for once a second. */
export const TRACKING = "CLIENT ID and CLIENT TRACKING";

export interface Denied {
  readonly name: string;
  readonly reason: string;
}

/** What the cache does there; each is tried, since a user who may do little may not ask what that is. */
export async function deniedOf(
  connection: RedisConnection,
  key: string,
  namespace: string,
  patienceMs: number,
): Promise<Denied[]> {
  const script = `
    redis.call('HSETNX', KEYS[1], 'b', '2')
    redis.call('HMGET', KEYS[1], 'a', 'b') redis.call('HEXISTS', KEYS[1], 'a') redis.call('HKEYS', KEYS[1])
    redis.call('HGETALL', KEYS[1]) redis.call('HLEN', KEYS[1]) redis.call('HSTRLEN', KEYS[1], 'a')
    redis.call('HDEL', KEYS[1], 'b') redis.call('TYPE', KEYS[1]) redis.call('TIME')
    redis.call('PEXPIRE', KEYS[1], 10000) return redis.call('PTTL', KEYS[1])`;
  const stream = `${key}:stream`;
  const tries: readonly (readonly [name: string, operation: (client: Redis) => Promise<unknown>])[] = [
    [
      "HSET, PEXPIRE, HGET and HMGET",
      async (client) => {
        await client.hset(key, "a", "1");
        // For the case that it may not be taken away.
        await client.pexpire(key, 10_000);
        return Promise.all([client.hget(key, "a"), client.hmget(key, "a")]);
      },
    ],
    ["EVAL, and what its scripts do to hashes", (client) => client.eval(script, 1, key)],
    [
      "SET with NX and PX, GET, INCR",
      async (client) => {
        await client.set(`${key}:lease`, "1", "PX", 10_000, "NX");
        await client.get(`${key}:lease`);
        return client.incr(`${key}:lease`);
      },
    ],
    [
      "XADD, XRANGE and XREVRANGE",
      async (client) => {
        await client.xadd(stream, "MAXLEN", "~", 10, "*", "a", "1");
        await client.pexpire(stream, 10_000);
        await client.xrange(stream, "-", "+", "COUNT", 1);
        return client.xrevrange(stream, "+", "-", "COUNT", 1);
      },
    ],
    ["PUBLISH", (client) => client.publish(`${namespace}:heard:validate`, "")],
    ["UNLINK", (client) => client.unlink(key, `${key}:lease`, stream)],
  ];
  const denied: Denied[] = [];
  for (const [name, operation] of tries)
    await connection
      .run(operation, key)
      .catch((error: Error) => denied.push({ name, reason: error.message }));

  const follower = connection.follower(patienceMs);
  try {
    // As soon as commands reach a server, it is connected by itself.
    if (follower.status !== "ready")
      await once(follower, "ready", { signal: AbortSignal.timeout(patienceMs) });
    const listens = [
      [
        TRACKING,
        async () => {
          const id = await follower.client("ID");
          await follower.client("TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", `${key}:none`);
          // Where Redis says what has changed.
          return follower.subscribe("__redis__:invalidate");
        },
      ],
      ["SUBSCRIBE", () => follower.subscribe(`${namespace}:heard:validate`)],
    ] as const;
    for (const [name, operation] of listens)
      await operation().catch((error: Error) => denied.push({ name, reason: error.message }));
  } catch (error) {
    denied.push({
      name: "a second connection",
      reason: error instanceof Error ? error.message : String(error),
    });
  } finally {
    follower.disconnect();
  }
  return denied;
}
