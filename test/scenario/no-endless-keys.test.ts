import { expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { startOrigin } from "./own-origin.ts";
import { ask, type Site, startSite } from "./site.ts";

const STEPS = 600;
const AT_ONCE = 8;
const HOST = { host: "shop.test" };
const LARGE = "x".repeat(40 * 1024);

const redis = await redisOfFile();

/** What is at a key, as far as its name and its type tell. */
function kindOf(key: string, type: string): string {
  if (key.includes(":lease:")) return "lease";
  if (key.includes("{purges}")) return key.replace(/^freshline:/, "");
  if (key.endsWith(":vary")) return "index of variants";
  return type === "string" ? "chunk" : "entry";
}

/** Every key that there is: its kind, and how many milliseconds it has left. */
async function walk(see: (kind: string, key: string, leftMs: number) => void): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = (await redis.command("SCAN", cursor, "COUNT", 1000)) as [string, string[]];
    cursor = next;
    for (const key of keys) {
      const [type, left] = await Promise.all([redis.command("TYPE", key), redis.command("PTTL", key)]);
      see(kindOf(key, String(type)), key, Number(left));
    }
  } while (cursor !== "0");
}

const purgeBy = (site: Site, target: object, mode: string) =>
  site.admin("/purge", { method: "POST", body: JSON.stringify({ targets: [target], mode }) });

it("hundreds of requests, leases, long bodies, changes and purges leave no key without an end", async () => {
  const origin = await startOrigin((request, response) => {
    const url = request.url ?? "";
    const fresh = url.startsWith("/short") ? "max-age=1, stale-while-revalidate=60" : "max-age=60";
    response.writeHead(url.startsWith("/missing") ? 404 : 200, {
      "Cache-Control": url.startsWith("/private") ? "no-store" : fresh,
      ...(url.startsWith("/varied") ? { Vary: "Accept-Language" } : {}),
      "Cache-Tag": `kind-${url.length % 3}`,
      ETag: '"1"',
    });
    const body = url.startsWith("/large") ? LARGE : url;
    // Long enough for a lease to be seen, and for others to wait for it.
    setTimeout(() => response.end(body), url.startsWith("/slow") ? 60 : 0);
  });
  const settings = { ORIGINS: origin.url, CACHE_MEMORY_BYTES: "0", CACHE_CHUNK_BYTES: "16KiB" };
  const a = await startSite({ redisUrl: redis.url, settings });
  const b = await startSite({ redisUrl: redis.url, settings, beside: a });
  const sites = [a, b] as const;

  const KINDS = ["plain", "varied", "large", "private", "short", "slow", "missing"];
  async function act(i: number): Promise<void> {
    const site = sites[i % 2] as Site;
    const path = `/${KINDS[i % KINDS.length]}/${i % 23}`;
    const url = `http://127.0.0.1:${site.proxy.port}${path}`;
    if (i % 29 === 7) await ask(url, { method: "PUT", headers: HOST, body: "x" });
    else if (i % 31 === 9) await purgeBy(site, { tag: `kind-${i % 3}` }, i % 2 ? "delete" : "invalidate");
    else if (i % 37 === 11) await purgeBy(site, { prefix: `/${KINDS[i % 7]}/` }, "delete");
    else if (i % 41 === 13) await purgeBy(site, { url: `http://shop.test${path}` }, "refresh");
    else if (i === STEPS - 50) await purgeBy(site, { everything: true }, "delete");
    else await ask(url, { headers: { ...HOST, "Accept-Language": ["de", "en", "fr"][i % 3] as string } });
    if (i % 100 === 99) a.advance(2);
  }

  const seen = new Map<string, number>();
  const endless: string[] = [];
  const look = () =>
    walk((kind, key, leftMs) => {
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      if (leftMs === -1) endless.push(key);
    });
  let next = 0;
  let running = true;
  const watching = (async () => {
    while (running) await look();
  })();
  const worker = async () => {
    while (next < STEPS) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  running = false;
  await watching;
  await Promise.all(sites.map(({ proxy }) => proxy.stop()));
  await look();

  expect([...new Set(endless)]).toEqual([]);
  const kinds = ["chunk", "entry", "index of variants", "lease", "instances:{purges}", "{purges}"];
  expect([...seen.keys()]).toEqual(expect.arrayContaining(kinds));
});
