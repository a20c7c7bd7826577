import { describe, expect, it } from "vitest";
import { redisOfFile } from "../redis-of-file.ts";
import { type Site, startSite } from "./site.ts";

const redis = await redisOfFile();

const NAMED = {
  "Cache-Groups": '"g1", "g2"',
  "Surrogate-Key": "s1 s2",
  "Cache-Tag": "c1, c2",
  xkey: "x1 x2",
} as const;
const path = (fields: Readonly<Record<string, string>>, cacheControl = "max-age=60") =>
  `/headers?${new URLSearchParams({ ...fields, "Cache-Control": cacheControl })}`;
const ALL = path(NAMED);

const purgeTag = (site: Site, tag: string) =>
  site.admin("/purge", { method: "POST", body: JSON.stringify({ targets: [{ tag }] }) });
const stored = (site: Site, n: number) =>
  site.until("it is stored", () => site.events.filter(({ type }) => type === "stored").length >= n);

const SHOWN = ["cache-groups", "surrogate-key", "cache-tag", "xkey"];
const shown = async (site: Site, target: string) => {
  const answer = await site.get(target);
  return SHOWN.map((name) => answer.header(name));
};

describe("a tag that a response names in any of the four fields", () => {
  it.each(["g1", "g2", "s1", "s2", "c1", "c2", "x1", "x2"])("purges it: %s", async (tag) => {
    const site = await startSite();
    const other = path({ "Surrogate-Key": `${tag}0` });
    for (const target of [ALL, other]) await site.get(target);
    await stored(site, 2);
    expect((await purgeTag(site, tag)).status).toBe(200);
    expect((await site.get(ALL)).cache).toBe("MISS/MISS");
    expect((await site.get(other)).cache).toBe("HIT/HIT");
  });

  it("purges nothing where that field is not read", async () => {
    const site = await startSite({ settings: { CACHE_TAG_FIELDS: "surrogate-KEY" } });
    await site.get(ALL);
    await stored(site, 1);
    for (const tag of ["g1", "c1", "x1"]) await purgeTag(site, tag);
    expect((await site.get(ALL)).cache).toBe("HIT/HIT");
    await purgeTag(site, "s2");
    expect((await site.get(ALL)).cache).toBe("MISS/MISS");
  });

  it("purges in the words of UTF-8, too", async () => {
    const site = await startSite();
    const target = path({ "Surrogate-Key": Buffer.from("käse").toString("latin1") });
    await site.get(target);
    await stored(site, 1);
    await purgeTag(site, "käse");
    expect((await site.get(target)).cache).toBe("MISS/MISS");
  });
});

describe("fields of tags", () => {
  it("end here, whether stored, passed on or not modified; Cache-Groups goes on", async () => {
    const site = await startSite();
    const hidden = [NAMED["Cache-Groups"], undefined, undefined, undefined];
    const uncacheable = path(NAMED, "no-store");
    for (const target of [ALL, ALL, uncacheable]) expect(await shown(site, target)).toEqual(hidden);
    const posted = await site.ask(uncacheable, { method: "POST", body: "x" });
    expect(SHOWN.slice(1).map((name) => posted.header(name))).toEqual([undefined, undefined, undefined]);
  });

  it("go on where the operator says so", async () => {
    const site = await startSite({ settings: { CACHE_TAG_FIELDS_STRIP: "false" } });
    for (const target of [ALL, ALL]) expect(await shown(site, target)).toEqual(Object.values(NAMED));
  });

  it("go on where they are not read", async () => {
    const site = await startSite({ settings: { CACHE_TAG_FIELDS: "Cache-Groups,xkey" } });
    const { xkey: _, ...others } = NAMED;
    expect(await shown(site, ALL)).toEqual([...Object.values(others), undefined]);
  });

  it("are kept where the response is stored, for the next instance, and readable in Redis", async () => {
    const settings = { CACHE_NAMESPACE: "tags" };
    const a = await startSite({ settings, redisUrl: redis.url });
    const headers = { Host: "shop.test" };
    await a.get(ALL, headers);
    await stored(a, 1);
    const key = `tags:{http://shop.test${ALL}}`;
    await a.until("Redis has it", async () => (await redis.command("EXISTS", key)) === 1);
    expect(await redis.command("HGET", key, "tags")).toBe("g1, g2, s1, s2, c1, c2, x1, x2");
    expect(String(await redis.command("HGET", key, "headers")).toLowerCase()).toContain(
      "surrogate-key: s1 s2",
    );
    const b = await startSite({ settings, redisUrl: redis.url, beside: a });
    expect((await b.get(ALL, headers)).cache).toBe("HIT/HIT");
    await purgeTag(a, "x1");
    expect((await b.get(ALL, headers)).cache).toBe("MISS/MISS");
  });
});

it("a response with more tags than can be kept is not stored, and the answer says so", async () => {
  const site = await startSite();
  const many = path({ xkey: Array.from({ length: 1001 }, (_, i) => `t${i}`).join(" ") });
  for (let i = 0; i < 2; i++) {
    const answer = await site.get(many);
    expect([answer.status, answer.cache]).toEqual([200, "MISS/MISS"]);
    expect(answer.header("cache-status")).toContain("detail=too-many-tags");
  }
});
