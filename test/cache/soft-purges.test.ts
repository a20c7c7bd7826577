import { describe, expect, it } from "vitest";
import type { PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { aProxy, settled, uriOf } from "./harness.ts";

const url: PurgeTarget = { type: "url", key: uriOf("/a") };

/** A proxy that has `/a` stored, fresh for 100 s. */
async function primed(cc = "max-age=100") {
  const proxy = aProxy();
  await proxy.prime("/a", "old", { cc, etag: '"1"' });
  const invalidate = (target = url) => proxy.purges.purge([target], "invalidate");
  /** The next answer, the origin's being this. */
  const next = async (answer: (asked: typeof proxy.origin.last) => void) => {
    proxy.origin.asked.length = 0;
    proxy.origin.script = answer;
    const seen = await proxy.get("/a");
    await proxy.drain();
    return seen;
  };
  return { proxy, invalidate, next };
}
type Primed = Awaited<ReturnType<typeof primed>>;
const renew = (asked: Primed["proxy"]["origin"]["last"]) => void asked.answer("new", { cc: "max-age=100" });

describe("a purge that invalidates", () => {
  it.each<PurgeTarget>([
    url,
    { type: "path", path: "/a" },
    { type: "prefix", path: "/" },
    { type: "site", site: "http://cache.test" },
    { type: "everything" },
  ])("makes what is stored stale, and keeps its validator: $type", async (target) => {
    const { proxy, invalidate, next } = await primed();
    expect((await proxy.get("/a")).cache).toBe("HIT/HIT");
    await invalidate(target);
    const seen = await next((asked) => asked.notModified({ cc: "max-age=100", etag: '"1"' }));
    expect([seen.cache, seen.text]).toEqual(["HIT/REVALIDATED", "old"]);
    expect(proxy.origin.last.field("if-none-match")).toBe('"1"');
    // Validated after the purge, it is fresh again.
    expect((await proxy.get("/a")).cache).toBe("HIT/HIT");
    expect(proxy.origin.asked).toHaveLength(1);
  });

  it("replaces what has changed since", async () => {
    const { invalidate, next, proxy } = await primed();
    await invalidate();
    expect((await next(renew)).cache).toBe("MISS/EXPIRED");
    expect((await proxy.get("/a")).text).toBe("new");
  });

  it("lets it be served while it is refreshed as long as its own window allows, from the purge on", async () => {
    const { proxy, invalidate, next } = await primed("max-age=100, stale-while-revalidate=10");
    proxy.advance(50);
    await invalidate();
    proxy.advance(9);
    const served = await next((asked) => asked.fail());
    expect([served.cache, served.text]).toEqual(["HIT/UPDATING", "old"]);
    proxy.advance(1);
    // It is 60 s old: but for the purge it would be fresh.
    expect((await next(renew)).cache).toBe("MISS/EXPIRED");
  });

  it("is not undone by a second one: the window still begins with the first", async () => {
    const { proxy, invalidate, next } = await primed("max-age=100, stale-while-revalidate=10");
    await invalidate();
    proxy.advance(9);
    await invalidate();
    expect((await next((asked) => asked.fail())).cache).toBe("HIT/UPDATING");
    proxy.advance(1);
    expect((await next(renew)).cache).toBe("MISS/EXPIRED");
  });

  it("lets it be served when the origin fails, within its window for that", async () => {
    const { proxy, invalidate, next } = await primed("max-age=100, stale-if-error=30");
    await invalidate();
    proxy.advance(29);
    expect((await next((asked) => asked.fail())).cache).toBe("HIT/STALE");
    proxy.advance(1);
    expect((await next((asked) => asked.fail())).status).toBe(502);
  });

  it.each(["max-age=100", "max-age=100, must-revalidate, stale-if-error=60"])(
    "never lets it be served stale that does not allow it: %s",
    async (cc) => {
      const { invalidate, next } = await primed(cc);
      await invalidate();
      expect((await next((asked) => asked.fail())).status).toBe(502);
    },
  );

  it("of what was stale before changes nothing", async () => {
    const { proxy, invalidate, next } = await primed("max-age=5, stale-while-revalidate=10");
    proxy.advance(14);
    await invalidate();
    expect((await next((asked) => asked.fail())).cache).toBe("HIT/UPDATING");
    proxy.advance(1);
    expect((await next(renew)).cache).toBe("MISS/EXPIRED");
  });

  it("keeps what was being fetched from being stored", async () => {
    const proxy = aProxy();
    const fetching = proxy.get("/a");
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("old");
    await settled();
    await proxy.purges.purge([url], "invalidate");
    body.end();
    expect((await fetching).text).toBe("old");
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(proxy.of("not-stored").map(({ reason }) => reason)).toEqual(["purged"]);
  });

  it("is nobody's flight to join who comes after it", async () => {
    const proxy = aProxy();
    const before = proxy.get("/a");
    await settled();
    const first = proxy.origin.last;
    await proxy.purges.purge([url], "invalidate");
    const after = proxy.get("/a");
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.last.answer("new", { cc: "max-age=60" });
    first.answer("old", { cc: "max-age=60" });
    expect([(await before).text, (await after).text]).toEqual(["old", "new"]);
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("new");
  });

  it("leaves nothing to validate when a deletion follows", async () => {
    const { proxy, invalidate, next } = await primed("max-age=100, stale-if-error=60");
    await invalidate();
    await proxy.purges.purge([{ type: "prefix", path: "/" }]);
    const seen = await next(renew);
    expect([seen.cache, proxy.origin.last.field("if-none-match")]).toEqual(["MISS/MISS", undefined]);
  });

  it("holds when the clock is set back", async () => {
    const { proxy, invalidate, next } = await primed();
    proxy.advance(50);
    await invalidate();
    proxy.advance(-40);
    expect((await next(renew)).cache).toBe("MISS/EXPIRED");
  });
});
