import { describe, expect, it } from "vitest";
import { aProxy, type Head, seen, settled, type TestProxy } from "./harness.ts";

const OTHER_HOST = "other.test";
const inGroups = (...groups: string[]): Head => ({
  cc: "max-age=60",
  fields: ["Cache-Groups", groups.map((group) => `"${group}"`).join(", ")],
});
const invalidating = (...groups: string[]): Head => ({
  fields: ["Cache-Group-Invalidation", groups.map((group) => `"${group}"`).join(", ")],
});

/** The same target on another site. */
async function getElsewhere(proxy: TestProxy, target: string, how?: Head) {
  const uri = `http://${OTHER_HOST}${target}`;
  const answering = proxy.handle({ ...proxy.request(target), uri, host: OTHER_HOST });
  if (how !== undefined) {
    await settled();
    proxy.origin.last.answer("elsewhere", how);
  }
  const answer = await seen(await answering);
  await proxy.keep.drain();
  return answer;
}

/** One request that is answered so, body and all. */
async function send(proxy: TestProxy, method: string, target: string, head: Head = {}) {
  const answering = proxy.get(target, { method });
  await settled();
  proxy.origin.last.answer("", head);
  return answering;
}

/** Is it answered from the cache? If not, the origin says `new`, which is not kept. */
async function isHit(proxy: TestProxy, target: string): Promise<boolean> {
  const before = proxy.origin.asked.length;
  const answering = proxy.get(target);
  await settled();
  if (proxy.origin.asked.length > before) proxy.origin.last.answer("new", { cc: "no-store" });
  const { cache, text } = await answering;
  expect([cache, text]).toEqual(cache === "HIT/HIT" ? ["HIT/HIT", "old"] : ["MISS/MISS", "new"]);
  return cache === "HIT/HIT";
}

async function hits(proxy: TestProxy, ...targets: string[]): Promise<string[]> {
  const hit: string[] = [];
  for (const target of targets) if (await isHit(proxy, target)) hit.push(target);
  return hit;
}

describe("Cache-Group-Invalidation (RFC 9875 §3)", () => {
  it.each(["PUT", "POST", "DELETE", "PATCH"])(
    "on the answer to a %s invalidates the group's members",
    async (m) => {
      const proxy = aProxy();
      await proxy.prime("/a", "old", inGroups("g"));
      await proxy.prime("/b?x=1", "old", inGroups("h", "g"));
      await proxy.prime("/c", "old", inGroups("h", "G"));
      await proxy.prime("/d", "old", { cc: "max-age=60" });
      expect(await hits(proxy, "/a", "/b?x=1", "/c", "/d")).toHaveLength(4);
      const answer = await send(proxy, m, "/elsewhere", invalidating("g"));
      expect([answer.status, answer.field("cache-group-invalidation")]).toEqual([200, '"g"']);
      expect(await hits(proxy, "/a", "/b?x=1", "/c", "/d")).toEqual(["/c", "/d"]);
    },
  );

  it("invalidates every variant of a member, and no variant that is none", async () => {
    const proxy = aProxy();
    const variant = (groups: Head): Head => ({
      ...groups,
      fields: [...(groups.fields ?? []), "Vary", "X-Size"],
    });
    const ask = (size: string) => ({ fields: ["X-Size", size] });
    await proxy.prime("/a", "old", variant(inGroups("g")), ask("s"));
    await proxy.prime("/a", "old", variant(inGroups("g", "h")), ask("m"));
    await proxy.prime("/a", "old", variant(inGroups("h")), ask("l"));
    await send(proxy, "PUT", "/elsewhere", invalidating("g"));
    const texts: string[] = [];
    for (const size of ["s", "m", "l"]) {
      const asked = proxy.origin.asked.length;
      const answering = proxy.get("/a", ask(size));
      await settled();
      if (proxy.origin.asked.length > asked) proxy.origin.last.answer("new", { cc: "no-store" });
      texts.push((await answering).text);
    }
    expect(texts).toEqual(["new", "new", "old"]);
  });

  it("leaves the members that another site has in a group of this name", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", inGroups("g"));
    await getElsewhere(proxy, "/a", inGroups("g"));
    await send(proxy, "PUT", "/x", invalidating("g"));
    expect((await getElsewhere(proxy, "/a")).cache).toBe("HIT/HIT");
    expect(await hits(proxy, "/a")).toEqual([]);
    expect(proxy.log.appended).toContainEqual({ type: "group", site: "http://cache.test", group: "g" });
  });

  it.each(["GET", "HEAD", "OPTIONS", "TRACE"])("is ignored on the answer to a %s", async (method) => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", inGroups("g"));
    await send(proxy, method, "/x", { ...invalidating("g"), cc: "no-store" });
    expect(await hits(proxy, "/a")).toEqual(["/a"]);
    expect(proxy.log.tries).toBe(0);
  });

  it.each([400, 404, 409, 500, 503])("is ignored on an error: %i", async (status) => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", inGroups("g"));
    await send(proxy, "PUT", "/x", { ...invalidating("g"), status });
    expect(await hits(proxy, "/a")).toEqual(["/a"]);
    expect(proxy.log.tries).toBe(0);
  });

  it("is ignored as a whole where it is malformed; the target is invalid all the same", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", inGroups("g"));
    await proxy.prime("/x", "old", inGroups("h"));
    await send(proxy, "PUT", "/x", { fields: ["Cache-Group-Invalidation", '"g", h'] });
    expect(await hits(proxy, "/a", "/x")).toEqual(["/a"]);
  });

  it("does not cascade: what shares a group with what was invalidated stays (§2.2.1)", async () => {
    const proxy = aProxy();
    await proxy.prime("/target", "old", inGroups("t"));
    await proxy.prime("/beside-target", "old", inGroups("t"));
    await proxy.prime("/member", "old", inGroups("g", "m"));
    await proxy.prime("/beside-member", "old", inGroups("m"));
    await send(proxy, "PUT", "/target", invalidating("g"));
    expect(await hits(proxy, "/target", "/beside-target", "/member", "/beside-member")).toEqual([
      "/beside-target",
      "/beside-member",
    ]);
  });

  it("does not outlive itself: a member that is fetched again is kept", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "older", inGroups("g"));
    await send(proxy, "PUT", "/x", invalidating("g"));
    await proxy.prime("/a", "old", inGroups("g"));
    expect(await hits(proxy, "/a")).toEqual(["/a"]);
  });

  it.each([
    [32, 32],
    [200, 100],
  ])("names %i groups of %i characters, all of which count (§2, §3)", async (count, length) => {
    const proxy = aProxy();
    const groups = Array.from({ length: count }, (_, i) => `${i}`.padStart(length, "g"));
    const last = groups.at(-1) ?? "";
    await proxy.prime("/all", "old", inGroups(...groups));
    await proxy.prime("/first", "old", inGroups(groups[0] ?? ""));
    await proxy.prime("/last", "old", inGroups(last));
    await proxy.prime("/almost", "old", inGroups(last.slice(1)));
    await send(proxy, "PUT", "/x", invalidating(last));
    expect(await hits(proxy, "/all", "/first", "/last", "/almost")).toEqual(["/first", "/almost"]);
    await send(proxy, "PUT", "/x", invalidating(...groups));
    expect(await hits(proxy, "/first", "/almost")).toEqual(["/almost"]);
  });

  it("counts for groups that only a validation has told of, and no longer for those it has taken away", async () => {
    const proxy = aProxy();
    const stale = (groups: Head): Head => ({ ...groups, cc: "max-age=5", etag: '"1"' });
    await proxy.prime("/a", "old", stale(inGroups("before")));
    proxy.advance(6);
    const validating = proxy.get("/a");
    await settled();
    proxy.origin.last.notModified({ ...inGroups("after"), etag: '"1"' });
    expect((await validating).cache).toBe("HIT/REVALIDATED");
    await proxy.drain();
    await send(proxy, "PUT", "/x", invalidating("before"));
    expect(await hits(proxy, "/a")).toEqual(["/a"]);
    await send(proxy, "PUT", "/x", invalidating("after"));
    expect(await hits(proxy, "/a")).toEqual([]);
  });

  it("has invalidated before its answer is seen, with the log away, too", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", inGroups("g"));
    proxy.log.away = true;
    expect((await send(proxy, "PUT", "/x", invalidating("g"))).status).toBe(200);
    expect(await hits(proxy, "/a")).toEqual([]);
    proxy.log.away = false;
    proxy.log.reattach();
    await settled();
    expect(proxy.log.appended).toContainEqual({ type: "group", site: "http://cache.test", group: "g" });
  });

  it("that names more groups than any response may be in invalidates the site", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", inGroups("g"));
    await send(proxy, "PUT", "/x", invalidating(...Array.from({ length: 1001 }, (_, i) => `h${i}`)));
    expect(await hits(proxy, "/a")).toEqual([]);
    expect(proxy.log.appended).toContainEqual({ type: "site", site: "http://cache.test" });
  });

  it("reaches no response that only has a tag of the name, which a purge of the tag does", async () => {
    const proxy = aProxy();
    const tagged = (name: string): Head => ({ cc: "max-age=60", fields: [name, "g"] });
    for (const name of ["Surrogate-Key", "Cache-Tag", "xkey"])
      await proxy.prime(`/${name}`, "old", tagged(name));
    await proxy.prime("/group", "old", inGroups("g"));
    const all = ["/Surrogate-Key", "/Cache-Tag", "/xkey", "/group"];
    await send(proxy, "PUT", "/x", invalidating("g"));
    expect(await hits(proxy, ...all)).toEqual(all.slice(0, 3));
    await proxy.prime("/group", "old", inGroups("g"));
    await proxy.purges.purge([{ type: "tag", tag: "g" }]);
    expect(await hits(proxy, ...all)).toEqual([]);
  });

  it("names 200 groups and still is one append to the log", async () => {
    const proxy = aProxy();
    await send(proxy, "PUT", "/x", invalidating(...Array.from({ length: 200 }, (_, i) => `g${i}`)));
    expect([proxy.log.tries, proxy.log.appended.length]).toEqual([1, 201]);
  });
});

describe("a member that is under way while its group is invalidated", () => {
  it("is not stored when its head came before", async () => {
    const proxy = aProxy();
    const fetching = proxy.get("/a");
    await settled();
    const body = proxy.origin.last.begin(inGroups("g")).push("old");
    await settled();
    await send(proxy, "PUT", "/x", invalidating("g"));
    body.end();
    expect((await fetching).text).toBe("old");
    await proxy.drain();
    expect(proxy.of("not-stored").map(({ reason }) => reason)).toEqual(["purged"]);
    expect(await hits(proxy, "/a")).toEqual([]);
  });

  it("is not stored when its head comes after", async () => {
    const proxy = aProxy();
    const fetching = proxy.get("/a");
    await settled();
    const fetch = proxy.origin.last;
    await send(proxy, "PUT", "/x", invalidating("g"));
    fetch.answer("old", inGroups("g"));
    expect((await fetching).text).toBe("old");
    await proxy.drain();
    expect(proxy.of("not-stored").map(({ reason }) => reason)).toEqual(["purged"]);
    expect(await hits(proxy, "/a")).toEqual([]);
  });

  it("is stored when it is in another group", async () => {
    const proxy = aProxy();
    const fetching = proxy.get("/a");
    await settled();
    const fetch = proxy.origin.last;
    await send(proxy, "PUT", "/x", invalidating("g"));
    fetch.answer("old", inGroups("h"));
    await fetching;
    await proxy.drain();
    expect(await hits(proxy, "/a")).toEqual(["/a"]);
  });

  it("is no flight to join for who comes after, when its head has come", async () => {
    const proxy = aProxy();
    const first = proxy.get("/a");
    await settled();
    const body = proxy.origin.last.begin(inGroups("g")).push("old");
    await settled();
    await send(proxy, "PUT", "/x", invalidating("g"));
    const asked = proxy.origin.asked.length;
    const second = proxy.get("/a");
    await settled();
    expect(proxy.origin.asked).toHaveLength(asked + 1);
    proxy.origin.last.answer("new", inGroups("g"));
    expect((await second).text).toBe("new");
    body.end();
    expect((await first).text).toBe("old");
    await proxy.drain();
    expect(await proxy.get("/a")).toMatchObject({ cache: "HIT/HIT", text: "new" });
  });

  it("is not stored when it is only validated", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", { ...inGroups("g"), cc: "max-age=5", etag: '"1"' });
    proxy.advance(6);
    const validating = proxy.get("/a");
    await settled();
    const fetch = proxy.origin.last;
    await send(proxy, "PUT", "/x", invalidating("g"));
    fetch.notModified({ cc: "max-age=60", etag: '"1"' });
    expect((await validating).cache).toBe("HIT/REVALIDATED");
    await proxy.drain();
    const found = proxy.stored("/a");
    expect(found.type === "found" ? found.entry.stored.freshnessLifetime : 0).not.toBe(60);
    expect(await hits(proxy, "/a")).toEqual([]);
  });
});
