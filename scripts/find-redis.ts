import { dockerRedis } from "./docker-redis.ts";
import { ownRedis } from "./own-redis.ts";
import { type FindRedis, type FoundRedis, whatAnswers } from "./running-redis.ts";

export const noRedis: FoundRedis = {
  url: undefined,
  origin: "none",
  leave: async () => undefined,
};

/** A Cluster or Sentinels are the user's own, and nothing is started in their place. */
const MANY_SERVERS = /^rediss?-(cluster|sentinel):/i;

/** What answers at the URL; else Docker's, a server of our own, or none. Never rejects. */
export async function findRedis(find: FindRedis): Promise<FoundRedis> {
  if (MANY_SERVERS.test(find.url)) return { ...noRedis, url: find.url, origin: "as REDIS_URL says" };
  const ways = [whatAnswers, dockerRedis, ownRedis];
  for (const way of ways) {
    if (find.signal.aborted) break;
    try {
      const found = await way(find);
      if (found !== undefined) return found;
    } catch (cause) {
      find.say(`A Redis could not be started: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
  return noRedis;
}
