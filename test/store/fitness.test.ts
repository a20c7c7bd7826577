import { expect, it } from "vitest";
import { examineRedis } from "../../src/store/fitness.ts";
import { startCluster } from "../redis-cluster.ts";
import { redisOfFile } from "../redis-of-file.ts";
import { startRedis } from "../redis-server.ts";
import { startSite } from "../scenario/site.ts";

const redis = await redisOfFile();

const examine = (url: string, patienceMs = 5_000) => examineRedis({ url, namespace: "fit", patienceMs });
const verdicts = (found: Awaited<ReturnType<typeof examine>>) =>
  found.map(({ what, verdict }) => `${verdict}: ${what}`);

/** A user who may do just this, and how to connect as it. */
async function userWho(name: string, ...rules: readonly string[]): Promise<string> {
  await redis.command("ACL", "SETUSER", name, "reset", "on", ">secret-word", ...rules);
  return `redis://${name}:secret-word@127.0.0.1:${redis.port}`;
}

/** What is advised to those who may do too little. */
async function advised(): Promise<string[]> {
  const found = await examine(await userWho("nobody", "~fit:*", "+@connection"));
  const rules = found.at(-1)?.advice?.replace("ACL SETUSER <user> ", "").split(" ") ?? [];
  expect(rules.length).toBeGreaterThan(5);
  return rules;
}

it("takes a Redis that evicts and lets its user do everything, and leaves nothing behind in it", async () => {
  await redis.command("CONFIG", "SET", "maxmemory", "100mb");
  await redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
  const found = await examine(redis.url);
  expect(verdicts(found)).toEqual([
    "good: redis",
    "good: redis version",
    "good: redis eviction",
    "good: redis permissions",
  ]);
  expect(await redis.command("KEYS", "fit:*")).toEqual([]);
});

it("refuses one that stores nothing more when it is full, and warns of one without a limit", async () => {
  await redis.command("CONFIG", "SET", "maxmemory", "100mb");
  await redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
  const full = (await examine(redis.url)).find(({ what }) => what === "redis eviction");
  expect(full).toMatchObject({ verdict: "bad", advice: expect.stringContaining("allkeys-lfu") });
  await redis.command("CONFIG", "SET", "maxmemory", "0");
  const endless = (await examine(redis.url)).find(({ what }) => what === "redis eviction");
  expect(endless).toMatchObject({ verdict: "warning", detail: expect.stringContaining("not set") });
});

it.each([
  ["HSET, PEXPIRE, HGET and HMGET", "-hset"],
  ["EVAL, and what its scripts do to hashes", "-hstrlen"],
  ["EVAL, and what its scripts do to hashes", "-time"],
  ["SET with NX and PX, GET, INCR", "-incr"],
  ["XADD, XRANGE and XREVRANGE", "-xadd"],
  ["PUBLISH", "-publish"],
  ["UNLINK", "-unlink"],
  ["SUBSCRIBE", "resetchannels"],
])("names %s when a user is refused %s", async (name, rule) => {
  const found = await examine(await userWho("few", ...(await advised()), rule));
  const bad = found.filter(({ verdict }) => verdict === "bad");
  expect(bad.map(({ detail }) => detail)).toContainEqual(expect.stringMatching(`^${name}: .*`));
  expect(JSON.stringify(found)).not.toContain("secret-word");
});

it("names keys of another namespace as what is refused", async () => {
  const found = await examine(await userWho("other", "~other:*", "&other:*", "+@all"));
  expect(found.at(-1)).toMatchObject({ verdict: "bad", detail: expect.stringContaining("channels") });
  expect(found.find(({ detail }) => detail.includes("keys used as arguments"))).toBeDefined();
});

it("only warns where CLIENT TRACKING or INFO is refused", async () => {
  const rules = await advised();
  const untracked = await examine(await userWho("untracked", ...rules, "-client|tracking"));
  expect(untracked.at(-1)).toMatchObject({ what: "redis permissions", verdict: "warning" });
  const deaf = await examine(await userWho("deaf", ...rules, "resetchannels", "&fit:*"));
  expect(deaf.at(-1)).toMatchObject({ what: "redis permissions", verdict: "warning" });
  const uninformed = await examine(await userWho("uninformed", ...rules, "-info"));
  expect(verdicts(uninformed)).toEqual([
    "good: redis",
    "warning: redis version",
    "warning: redis eviction",
    "good: redis permissions",
  ]);
});

it("advises just what a proxy needs there", async () => {
  const url = await userWho("advised", ...(await advised()));
  expect((await examine(url)).at(-1)).toMatchObject({ verdict: "good" });
  const site = await startSite({ settings: { REDIS_URL: url, CACHE_NAMESPACE: "fit" } });
  const path = "/data?id=1&cache-control=max-age=60";
  await site.get(path);
  const stored = async () => ((await redis.command("KEYS", "fit:{http*")) as string[]).length > 0;
  await site.until("it is stored", stored);
  expect((await site.admin("/purge", { method: "POST", body: '{"everything":true}' })).status).toBe(200);
  expect((await site.get(path)).cache).toBe("MISS/MISS");
  expect(site.events.filter(({ type }) => type === "store-failed")).toEqual([]);
});

it("says why there is none, without the password, and ends in time", async () => {
  const url = "redis://somebody:hunter2@127.0.0.1:1";
  const found = await examine(url, 200);
  expect(found).toMatchObject([
    { what: "redis", verdict: "bad", detail: expect.stringContaining("ECONNREFUSED") },
  ]);
  const wrong = await examine(`redis://nobody:hunter2@127.0.0.1:${redis.port}`, 1000);
  expect(wrong).toMatchObject([
    { what: "redis", verdict: "bad", detail: expect.stringContaining("WRONGPASS") },
  ]);
  expect(JSON.stringify([found, wrong])).not.toContain("hunter2");
});

it("refuses a replica", async () => {
  await using replica = await startRedis(["--replicaof", "127.0.0.1", `${redis.port}`]);
  const found = await examine(replica.url);
  expect(found[0]).toMatchObject({ verdict: "bad", detail: "is a replica, and takes no writes" });
});

it("tries a Cluster in one of its slots", async () => {
  await using cluster = await startCluster(2);
  const found = await examine(cluster.url, 10_000);
  expect(found.at(-1)).toMatchObject({ what: "redis permissions", verdict: "good" });
});

it("advises in a Cluster what its users need besides", async () => {
  await using cluster = await startCluster(1);
  const [node] = cluster.nodes;
  const connect = cluster.url.replace("://", "://few:pw@");
  const setUser = (...rules: readonly string[]) =>
    node?.command("ACL", "SETUSER", "few", "reset", "on", ">pw", ...rules);
  await setUser("+@connection");
  const [refused] = await examine(connect, 1000);
  expect(refused).toMatchObject({ what: "redis", verdict: "bad", detail: expect.stringContaining("NOPERM") });
  await setUser(...(refused?.advice?.split("ACL SETUSER <user> ")[1]?.split(" ") ?? []));
  expect((await examine(connect)).at(-1)).toMatchObject({ what: "redis permissions", verdict: "good" });
});
