import { describe, expect, it } from "vitest";
import { createRefetch } from "../../src/cache/refetch.ts";
import { aProxy, type ProxyOptions, settled, uriOf } from "./harness.ts";

async function primed(targets: readonly string[], options: ProxyOptions & { concurrency?: number } = {}) {
  const proxy = aProxy(options);
  for (const target of targets) await proxy.prime(target, "old", { cc: "max-age=100", etag: '"1"' });
  const { refetch, stop } = createRefetch({
    store: proxy.store,
    purges: proxy.purges,
    refresh: proxy.refresh,
    concurrency: options.concurrency ?? 8,
    emit: (event) => void proxy.events.push(event),
  });
  const purge = async (...paths: string[]) => {
    const keys = paths.map(uriOf);
    await proxy.purges.purge(
      keys.map((key) => ({ type: "url", key })),
      "invalidate",
    );
    refetch(keys);
  };
  return { proxy, purge, refetch, stop };
}

describe("a purge that refreshes", () => {
  it("fetches again what is stored, so that the next request is a hit", async () => {
    const { proxy, purge } = await primed(["/a", "/b"]);
    proxy.origin.script = (asked) => void asked.answer("new", { cc: "max-age=100" });
    await purge("/a");
    await settled();
    await proxy.drain();
    expect(proxy.origin.asked.map(({ request }) => request.target)).toEqual(["/a"]);
    expect(proxy.origin.last.field("if-none-match")).toBe('"1"');
    const seen = await proxy.get("/a");
    expect([seen.cache, seen.text]).toEqual(["HIT/HIT", "new"]);
    expect((await proxy.get("/b")).text).toBe("old");
    expect(proxy.of("refreshed")).toEqual([{ type: "refreshed", key: uriOf("/a"), result: "replaced" }]);
  });

  it("fetches nothing that is not stored, or that a deletion has covered", async () => {
    const { proxy, purge } = await primed(["/a"]);
    // As another tier would have it, which nobody has told.
    const found = proxy.stored("/a");
    if (found.type !== "found") throw new Error("expected an entry");
    await proxy.purges.purge([{ type: "path", path: "/a" }]);
    proxy.memory.keep(uriOf("/a"), found.entry);
    await purge("/a", "/never");
    await settled();
    expect(proxy.origin.asked).toEqual([]);
  });

  it("goes through many, so many at a time, each once", async () => {
    const targets = Array.from({ length: 20 }, (_, i) => `/${i}`);
    const { proxy, purge } = await primed(targets, { concurrency: 3, refreshConcurrency: 3 });
    let most = 0;
    let now = 0;
    proxy.origin.script = (asked) => {
      most = Math.max(most, ++now);
      setImmediate(() => {
        now--;
        asked.notModified({ cc: "max-age=100", etag: '"1"' });
      });
    };
    await purge(...targets, ...targets);
    for (let i = 0; i < 500 && proxy.of("refreshed").length < 20; i++) await settled();
    expect(proxy.of("refreshed").map(({ result }) => result)).toEqual(Array(20).fill("validated"));
    expect([most, proxy.origin.asked.length]).toEqual([3, 20]);
  });

  it("takes no more than it can remember, and tells of what it drops", async () => {
    const { proxy, refetch } = await primed([]);
    refetch(Array.from({ length: 10_003 }, (_, i) => uriOf(`/${i}`)));
    expect(proxy.of("refreshed")).toEqual(
      [10_000, 10_001, 10_002].map((i) => ({ type: "refreshed", key: uriOf(`/${i}`), result: "dropped" })),
    );
  });

  it("begins nothing more once it is stopped", async () => {
    const targets = ["/a", "/b", "/c"];
    const { proxy, purge, stop } = await primed(targets, { concurrency: 1 });
    await purge(...targets);
    await settled();
    stop();
    proxy.origin.last.answer("new", { cc: "max-age=100" });
    await proxy.drain();
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
  });

  it("survives a store that fails, and tells it", async () => {
    const { proxy, purge } = await primed(["/a"]);
    proxy.store.failing.add("lookup");
    await purge("/a");
    await settled();
    expect(proxy.of("store-failed").map(({ operation, code }) => [operation, code])).toEqual([
      ["lookup", "timeout"],
    ]);
  });
});
