import { expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

/** A site with a namespace of its own in the file's one Redis; without memory, Redis answers each hit. */
let namespaces = 0;
async function siteOnRedis(
  memory: "memory" | "no memory" = "no memory",
): Promise<Site & { namespace: string }> {
  const namespace = `test${++namespaces}`;
  const settings = { CACHE_NAMESPACE: namespace, CACHE_MEMORY_BYTES: memory === "memory" ? "64MiB" : "0" };
  return { ...(await startSite({ settings, redisUrl: redis.url })), namespace };
}

const keyOf = (site: { namespace: string; proxy: { port: number } }, path: string): string =>
  `${site.namespace}:{http://127.0.0.1:${site.proxy.port}${path}}`;

async function hgetall(key: string): Promise<Record<string, string>> {
  const flat = (await redis.command("HGETALL", key)) as string[] | Record<string, string>;
  if (!Array.isArray(flat)) return flat;
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""]] : [])));
}

const stored = (site: Site, n = 1): Promise<void> =>
  site.until("it is stored", () => site.events.filter((event) => event.type === "stored").length >= n);

it("HGETALL on an entry shows it in the user's own words", async () => {
  const site = await siteOnRedis();
  const path = "/data?id=123&cache-control=max-age=5,stale-while-revalidate=10,stale-if-error=60";
  const first = await site.get(path);
  await stored(site);
  const { meta, headers, stored_at, epoch, body_id, ...entry } = await hgetall(keyOf(site, path));
  expect(entry).toEqual({
    uri: `http://127.0.0.1:${site.proxy.port}${path}`,
    status: "200",
    body: first.text,
    etag: first.header("etag"),
    "last-modified": "",
    cache_type: "stale-while-revalidate,stale-if-error",
    "max-age": "5",
    use_stale_upto: "60",
    "stale-while-revalidate": "10",
    "stale-if-error": "60",
    age: expect.stringMatching(/^\d/),
    tags: "data-123",
    vary: "",
  });
  expect(headers).toContain(`ETag: ${first.header("etag")}\n`);
  expect(headers).toContain("Content-Type: application/json\n");
  expect(Date.now() - Date.parse(stored_at ?? "")).toBeLessThan(20_000);
  expect(Number(epoch)).toBeGreaterThan(0);
  expect([meta, body_id].every((field) => field !== undefined && field !== "")).toBe(true);
});

it.each([
  ["must-revalidate,max-age=10", "must-revalidate", 10 + 600],
  ["max-age=5,stale-if-error=10", "stale-if-error", 5 + 10 + 600],
  [
    "s-maxage=30,stale-while-revalidate=300,stale-if-error=20",
    "must-revalidate,stale-while-revalidate,stale-if-error",
    930,
  ],
  ["no-cache", "no-cache", 600],
])("an entry with %s is a %s and lives to the end of its last window", async (directives, type, seconds) => {
  const site = await siteOnRedis();
  const path = `/data?id=1&cache-control=${directives}`;
  await site.get(path);
  await stored(site);
  expect((await hgetall(keyOf(site, path)))["cache_type"]).toBe(type);
  const left = Number(await redis.command("PTTL", keyOf(site, path)));
  expect(left).toBeLessThanOrEqual(seconds * 1000);
  expect(left).toBeGreaterThan(seconds * 1000 - 20_000);
});

it("an entry that cannot be validated is kept no longer than it may be served", async () => {
  const site = await siteOnRedis();
  await site.behave({ etag: false });
  const path = "/data?id=1&cache-control=max-age=5,stale-if-error=40";
  await site.get(path);
  await stored(site);
  const left = Number(await redis.command("PTTL", keyOf(site, path)));
  expect(left).toBeLessThanOrEqual(45_000);
  expect(left).toBeGreaterThan(25_000);
});

it("every key has a time to live after a mix of traffic, variants, changes and purges", async () => {
  const site = await siteOnRedis("memory");
  const vary = "/headers?Vary=Accept-Language&Cache-Control=max-age=60";
  for (const language of ["de", "en", "fr"]) await site.get(vary, { "Accept-Language": language });
  for (let id = 0; id < 10; id++) {
    const path = `/data?id=${id}&cache-control=max-age=5,stale-while-revalidate=5`;
    await site.get(path);
    site.advance(1);
    if (id % 2 === 0) await site.ask(path, { method: "PUT", body: '{"value":"new"}' });
    await site.get(path);
  }
  site.advance(6);
  for (let id = 0; id < 10; id++)
    await site.get(`/data?id=${id}&cache-control=max-age=5,stale-while-revalidate=5`);
  await site.get("/status?code=404&cache-control=max-age=60");
  await site.get("/headers?Set-Cookie=a%3D1&Cache-Control=max-age=60");
  await site.get(`/data?id=${"x".repeat(600)}&cache-control=max-age=60`);
  await site.get("/data?id={braces}&cache-control=max-age=60");
  await site.ask(`/cache${vary}`, { method: "DELETE" });
  expect((await site.admin(`/cache${vary}`, { method: "DELETE" })).status).toBe(200);
  await site.get(vary, { "Accept-Language": "de" });
  const purged = await site.admin("/purge", { method: "POST", body: '{"everything":true}' });
  expect(purged.status).toBe(200);
  await site.get(vary, { "Accept-Language": "de" });
  await site.proxy.stop();

  const keys = (await redis.command("KEYS", "*")) as string[];
  expect(keys.filter((key) => key.startsWith(`${site.namespace}:`)).length).toBeGreaterThan(12);
  const lives = await Promise.all(keys.map((key) => redis.command("PTTL", key)));
  expect(keys.filter((_, i) => lives[i] === -1)).toEqual([]);
});

it.each(["memory", "no memory"] as const)(
  "FLUSHALL with %s costs one miss per key and nothing else",
  async (memory) => {
    const site = await siteOnRedis(memory);
    const paths = [1, 2, 3].map((id) => `/data?id=${id}&cache-control=max-age=60`);
    const seen = async () => Promise.all(paths.map(async (path) => (await site.get(path)).cache));
    expect(await seen()).toEqual(Array(3).fill("MISS/MISS"));
    await stored(site, 3);
    expect(await seen()).toEqual(Array(3).fill("HIT/HIT"));
    await redis.command("FLUSHALL");
    // What is fetched before the loss has been noticed counts as lost, too.
    const log = `${site.namespace}:{purges}:epoch`;
    await site.until("the purge log is there again", async () => (await redis.command("EXISTS", log)) === 1);
    expect((await site.admin("/stats")).json()).toMatchObject({ entries: 0, bytes: 0 });
    expect(await seen()).toEqual(Array(3).fill("MISS/MISS"));
    await stored(site, 6);
    expect(await seen()).toEqual(Array(3).fill("HIT/HIT"));
    for (const path of paths) expect(await redis.command("EXISTS", keyOf(site, path))).toBe(1);
    expect((await site.counts()).total).toBe(6);
  },
);

it("FLUSHALL in the middle of traffic is seen by nobody", async () => {
  const site = await siteOnRedis("memory");
  const statuses = new Set<number>();
  let answered = 0;
  let running = true;
  const traffic = Array.from({ length: 4 }, async (_, i) => {
    for (let n = 0; running; n++) {
      statuses.add((await site.get(`/data?id=${i}-${n % 5}&cache-control=max-age=60`)).status);
      answered++;
    }
  });
  for (let i = 1; i <= 5; i++) {
    await site.until("there are answers", () => answered > i * 50);
    await redis.command("FLUSHALL");
  }
  await site.until("there are more", () => answered > 350);
  running = false;
  await Promise.all(traffic);
  expect([...statuses]).toEqual([200]);
  await site.until(
    "it keeps entries again",
    async () => (await site.get("/data?id=0-0&cache-control=max-age=60")).cache === "HIT/HIT",
  );
});

/** Puts a value of another make where the entry was. */
async function replace(key: string, command: string, ...args: (string | number)[]): Promise<void> {
  await redis.command("DEL", key);
  await redis.command(command, key, ...args);
}

const hset = (key: string, field: string, value: string) => redis.command("HSET", key, field, value);
const hget = async (key: string, field: string) => (await redis.command("HGET", key, field)) as string;

const DAMAGE: readonly (readonly [string, (key: string) => Promise<unknown>])[] = [
  ["a string", (key) => replace(key, "SET", "mine", "EX", 60)],
  ["a list", (key) => replace(key, "RPUSH", "a", "b")],
  ["somebody else's hash", (key) => replace(key, "HSET", "meta", "{}", "body", "theirs")],
  ["a truncated body", (key) => hset(key, "body", '{"id":')],
  ["another body of that length", async (key) => hset(key, "body", (await hget(key, "body")).toUpperCase())],
  ["no body", (key) => redis.command("HDEL", key, "body")],
  ["a body alone", (key) => redis.command("HDEL", key, "meta")],
  ["a truncated record", async (key) => hset(key, "meta", (await hget(key, "meta")).slice(0, 20))],
  ["an empty record", (key) => hset(key, "meta", "")],
  ["the entry of another URL", (key) => redis.command("COPY", key.replace("id=1", "id=2"), key, "REPLACE")],
];

it.each(DAMAGE)("%s under an entry's key is a miss and a metric, and is replaced", async (_, damage) => {
  const site = await siteOnRedis();
  const path = "/data?id=1&cache-control=max-age=60";
  const first = await site.get(path);
  const other = await site.get("/data?id=2&cache-control=max-age=60");
  await stored(site, 2);
  await damage(keyOf(site, path));
  const missed = await site.get(path);
  expect(missed.status).toBe(200);
  expect(missed.cache).toBe("MISS/MISS");
  expect(missed.text).toBe(first.text);
  // Once, or once more where what was stored a moment ago is looked for again.
  expect((await site.admin("/metrics")).text).toMatch(/^freshline_foreign_values_total [12]$/m);
  await stored(site, 3);
  const again = await site.get(path);
  expect(again.cache).toBe("HIT/HIT");
  expect(again.text).toBe(first.text);
  expect((await hgetall(keyOf(site, path)))["body"]).toBe(first.text);
  expect(Number(await redis.command("PTTL", keyOf(site, path)))).toBeGreaterThan(0);
  expect((await site.get("/data?id=2&cache-control=max-age=60")).text).toBe(other.text);
});
