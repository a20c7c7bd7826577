import type { IncomingMessage, ServerResponse } from "node:http";
import type { SettingName } from "../../src/config/settings.ts";
import type { TestRedis } from "../redis-server.ts";
import { startOrigin } from "./own-origin.ts";
import { type Answer, IN_TIME, type Site, type SiteOptions, startSite } from "./site.ts";

/** All stand behind the same name, as instances do. */
export const HOST = { Host: "shop.test" };
/** Who waits for it waits for ever, as far as these tests are concerned. */
export const PATIENT = { LEASE_TTL: "60s", COALESCE_PATIENCE: "60s" };
export type Settings = Partial<Record<SettingName, string>>;

let namespaces = 0;

/** Several instances on one Redis, before an origin that answers when the test does. */
export async function startFleet(
  redis: TestRedis,
  size: number,
  settings: Settings = PATIENT,
  clock: Pick<SiteOptions, "elapsed"> = {},
) {
  const held: ServerResponse[] = [];
  const origin = await startOrigin((_request, response) => held.push(response));
  const namespace = `fleet${++namespaces}`;
  const all: Settings = { ORIGINS: origin.url, CACHE_NAMESPACE: namespace, ...IN_TIME, ...settings };
  const a = await startSite({ settings: all, redisUrl: redis.url, ...clock });
  const sites = [a];
  while (sites.length < size)
    sites.push(await startSite({ settings: all, redisUrl: redis.url, beside: a, ...clock }));
  for (const { proxy } of sites) await a.until("all are attached to Redis", () => proxy.redisAttached());
  const leaseOf = (path: string) => `${namespace}:lease:{http://shop.test${path}}`;
  const fields = async (path: string) => (await redis.command("HKEYS", leaseOf(path))) as string[];
  return {
    sites: sites as [Site, Site, ...Site[]],
    settings: all,
    namespace,
    leaseOf,
    requests: origin.requests as readonly IncomingMessage[],
    held,
    asked: (n: number) => a.until(`the origin has been asked ${n} times`, () => held.length >= n),
    waiting: (path: string, n: number) =>
      a.until(`${n} instances wait`, async () => {
        return (await fields(path)).filter((field) => field.startsWith("waiter:")).length === n;
      }),
  };
}

export const get = (site: Site, path: string, headers = {}): Promise<Answer> =>
  site.get(path, { ...HOST, ...headers });
