import { describe, expect, it } from "vitest";
import { startRedis } from "../redis-server.ts";
import { type OwnOrigin, startOrigin } from "./own-origin.ts";
import { type Site, startSite } from "./site.ts";

/** An origin whose body is the URL that it was asked for, with the No-Vary-Search that is set now. */
async function begin(noVarySearch: string) {
  const says = { noVarySearch };
  const origin = await startOrigin((request, response) => {
    const lines = says.noVarySearch === "" ? [] : ["No-Vary-Search", says.noVarySearch];
    if (request.method === "GET") response.writeHead(200, ["Cache-Control", "max-age=60", ...lines]);
    response.end(request.url);
  });
  const site = await startSite({ standingClock: true, settings: { ORIGINS: origin.url } });
  return { origin, site, says };
}

/** Asks for each in turn: `cache` for what no origin was asked about. */
async function asked(site: Site, origin: OwnOrigin, ...paths: readonly string[]): Promise<string[]> {
  const seen: string[] = [];
  for (const path of paths) {
    const before = origin.requests.length;
    const stored = () => site.events.filter((event) => event.type === "stored").length;
    const storedBefore = stored();
    const answer = await site.get(path);
    if (origin.requests.length === before) seen.push(`cache ${answer.text}`);
    else {
      seen.push(`origin ${answer.text}`);
      await site.until("it is stored", () => stored() > storedBefore);
    }
  }
  return seen;
}

describe("No-Vary-Search", () => {
  it.each([
    ["key-order", "/s?a=1&b=2", ["/s?b=2&a=1"], ["/s?a=2&b=1", "/s?a=1", "/s?a=1&b=2&a=1"]],
    ['params=("utm" "ref")', "/s?id=1", ["/s?id=1&utm=x", "/s?ref=y&id=1"], ["/s?id=2", "/s", "/s?id=1&c=1"]],
    ["params", "/s?a=1", ["/s?b=2", "/s?"], ["/other?a=1"]],
    ['params, except=("id")', "/s?id=1&x=1", ["/s?id=1", "/s?y=2&id=1"], ["/s?id=2&x=1", "/s?x=1"]],
    ['key-order, params=("utm")', "/s?a=1&b=2", ["/s?utm=3&b=2&a=1"], ["/s?a=1&b=3"]],
  ])("%s: equivalent URLs have one answer, others their own", async (value, first, same, others) => {
    const { site, origin } = await begin(value);
    expect(await asked(site, origin, first)).toEqual([`origin ${first}`]);
    expect(await asked(site, origin, ...same)).toEqual(same.map(() => `cache ${first}`));
    expect(await asked(site, origin, ...others)).toEqual(others.map((path) => `origin ${path}`));
    expect(await asked(site, origin, first, ...same)).toEqual([first, ...same].map(() => `cache ${first}`));
  });

  it.each(["", "params", "utm, params=(", "key-order=1", 'except=("id")'])(
    "that is not one (%j) leaves every URL by itself",
    async (value) => {
      const { site, origin } = await begin(value === "params" ? "params=?0" : value);
      expect(await asked(site, origin, "/s?a=1&b=2", "/s?b=2&a=1")).toEqual([
        "origin /s?a=1&b=2",
        "origin /s?b=2&a=1",
      ]);
    },
  );

  it("that changes is heeded as it is now, and never for what was stored without it", async () => {
    const { site, origin, says } = await begin('params=("utm")');
    expect(await asked(site, origin, "/s?id=1&utm=a", "/s?id=1&utm=b")).toEqual([
      "origin /s?id=1&utm=a",
      "cache /s?id=1&utm=a",
    ]);
    says.noVarySearch = "";
    expect(await asked(site, origin, "/s?id=2&utm=a", "/s?id=2&utm=b", "/s?id=2&utm=a")).toEqual([
      "origin /s?id=2&utm=a",
      "origin /s?id=2&utm=b",
      "cache /s?id=2&utm=a",
    ]);
    says.noVarySearch = "key-order";
    expect(await asked(site, origin, "/s?x=1&y=2", "/s?y=2&x=1", "/s?utm=a&id=2")).toEqual([
      "origin /s?x=1&y=2",
      "cache /s?x=1&y=2",
      // What is stored for /s?id=2&utm=a says nothing of key-order.
      "origin /s?utm=a&id=2",
    ]);
  });

  const EQUIVALENT = ["/s?b=2&a=1", "/s?a=1&b=2&utm=x", "/s?utm=y&a=1&b=2"];

  it.each(EQUIVALENT)("a purge of %s reaches all its equivalents", async (purged) => {
    const { site, origin } = await begin('key-order, params=("utm")');
    const [first = ""] = EQUIVALENT;
    expect(await asked(site, origin, ...EQUIVALENT)).toEqual([
      `origin ${first}`,
      `cache ${first}`,
      `cache ${first}`,
    ]);
    const answer = await site.admin("/purge", { method: "POST", body: JSON.stringify({ urls: [purged] }) });
    expect(answer.status).toBe(200);
    for (const path of EQUIVALENT.toReversed()) {
      const [seen] = await asked(site, origin, path);
      expect(seen).toMatch(path === EQUIVALENT.at(-1) ? /^origin / : /^cache /);
    }
  });

  it.each(EQUIVALENT)("a PUT to %s invalidates all its equivalents", async (written) => {
    const { site, origin } = await begin('key-order, params=("utm")');
    await asked(site, origin, ...EQUIVALENT);
    expect((await site.ask(written, { method: "PUT", body: "new" })).status).toBe(200);
    expect(await asked(site, origin, "/s?a=1&b=2")).toEqual(["origin /s?a=1&b=2"]);
  });

  it("an instance that learns it after a purge does not serve what the purge was for", async () => {
    await using redis = await startRedis();
    const origin = await startOrigin((request, response) =>
      response
        .writeHead(200, ["Cache-Control", "max-age=60", "No-Vary-Search", 'params=("utm")'])
        .end(request.url),
    );
    const started = { settings: { ORIGINS: origin.url }, redisUrl: redis.url };
    const a = await startSite(started);
    const b = await startSite(started);
    for (const site of [a, b]) await site.until("Redis is attached", () => site.proxy.redisAttached());
    const host = { Host: "shop.test" };
    const stored = (site: Site) =>
      site.until("it is stored", () => site.events.some((event) => event.type === "stored"));
    const isPurged = (site: Site) =>
      site.until("the purge is heard", () => site.events.some((event) => event.type === "purged"));

    await a.get("/s?id=1&utm=a", host);
    await stored(a);
    const urls = ["http://shop.test/s?id=1&utm=b"];
    expect((await b.admin("/purge", { method: "POST", body: JSON.stringify({ urls }) })).status).toBe(200);
    await Promise.all([a, b].map(isPurged));
    await b.get("/s?id=2&utm=a", host);
    await stored(b);
    for (const site of [b, a]) {
      const answer = await site.get("/s?id=1&utm=c", host);
      // Whoever of the two asks first fetches it anew; the other finds that.
      expect(answer.text).toBe("/s?id=1&utm=c");
      await b.until("it is stored", () => b.events.filter((event) => event.type === "stored").length === 2);
    }
  });
});
