import { describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import { createRefresh } from "../../src/cache/refresh.ts";
import { aProxy, type ProxyOptions, settled, uriOf } from "./harness.ts";

const CC = "max-age=5,stale-while-revalidate=60";

/** Targets that are stored and stale, and may be served so. */
async function stale(targets: readonly string[], options: ProxyOptions = {}) {
  const proxy = aProxy(options);
  for (const target of targets) await proxy.prime(target, "old", { cc: CC, etag: '"1"' });
  proxy.advance(6);
  return proxy;
}

describe("a background refresh", () => {
  it("happens once per key at a time, conditionally, and again when it is due again", async () => {
    const proxy = await stale(["/a"]);
    for (let i = 0; i < 20; i++) expect((await proxy.get("/a")).cache).toBe("HIT/UPDATING");
    expect(proxy.origin.asked).toHaveLength(1);
    expect(proxy.origin.last.field("if-none-match")).toBe('"1"');
    proxy.origin.last.notModified({ cc: CC, etag: '"1"' });
    await proxy.drain();
    expect((await proxy.get("/a")).cache).toBe("HIT/HIT");
    proxy.advance(6);
    await proxy.get("/a");
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.last.notModified({ cc: CC, etag: '"1"' });
    await proxy.drain();
    expect(proxy.of("refreshed").map(({ result }) => result)).toEqual(["validated", "validated"]);
  });

  it("is bounded in number; one that is dropped is told, and tried at the next request", async () => {
    const targets = Array.from({ length: 10 }, (_, i) => `/k${i}`);
    const proxy = await stale(targets, { refreshConcurrency: 3 });
    for (const target of targets) expect((await proxy.get(target)).cache).toBe("HIT/UPDATING");
    expect(proxy.origin.asked).toHaveLength(3);
    expect(proxy.of("refreshed").map(({ result }) => result)).toEqual(Array(7).fill("dropped"));
    for (const asked of proxy.origin.asked) asked.notModified({ cc: CC, etag: '"1"' });
    await proxy.drain();
    await proxy.get("/k9");
    expect(proxy.origin.asked).toHaveLength(4);
    proxy.origin.last.fail();
    await proxy.drain();
  });

  it("is not tried where no origin is up", async () => {
    const proxy = await stale(["/a"]);
    proxy.origin.healthy = false;
    expect((await proxy.get("/a")).cache).toBe("HIT/UPDATING");
    await proxy.drain();
    expect([proxy.origin.asked.length, proxy.origin.unroutable]).toEqual([0, 0]);
    expect(proxy.of("refreshed").map(({ result }) => result)).toEqual(["dropped"]);
  });

  it("that fails leaves the stale one in place, and is told", async () => {
    const proxy = await stale(["/a"]);
    for (const fail of ["refused", "503"]) {
      proxy.origin.script = (asked) =>
        fail === "503" ? void asked.answer("failure", { status: 503 }) : asked.fail("refused");
      expect((await proxy.get("/a")).text).toBe("old");
      await proxy.drain();
    }
    expect(proxy.of("refreshed").map(({ result }) => result)).toEqual(["failed", "failed"]);
    expect((await proxy.get("/a")).cache).toBe("HIT/UPDATING");
    await proxy.drain();
  });

  it("outlives the client that set it off, and asks for the whole whatever the client wanted", async () => {
    const proxy = await stale(["/a"]);
    const client = new AbortController();
    const part = await proxy.get("/a", {
      fields: ["Range", "bytes=0-0", "If-None-Match", '"other"'],
      signal: client.signal,
    });
    expect([part.status, part.text]).toEqual([206, "o"]);
    client.abort();
    await settled();
    const { last } = proxy.origin;
    expect([last.signal.aborted, last.field("range"), last.field("if-none-match")]).toEqual([
      false,
      undefined,
      '"1"',
    ]);
    last.answer("new", { cc: CC, etag: '"2"' });
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("new");
  });

  it("set off by a HEAD is a GET", async () => {
    const proxy = await stale(["/a"]);
    const head = await proxy.get("/a", { method: "HEAD" });
    expect([head.cache, head.text]).toEqual(["HIT/UPDATING", ""]);
    expect(proxy.origin.last.request.method).toBe("GET");
    proxy.origin.last.answer("new", { cc: CC, etag: '"2"' });
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("new");
  });

  it("is what those wait for who come after the window", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", { cc: "max-age=5,stale-while-revalidate=10", etag: '"1"' });
    proxy.advance(14);
    expect((await proxy.get("/a")).cache).toBe("HIT/UPDATING");
    proxy.advance(1);
    const waiting = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.last.answer("new", { cc: "max-age=60", etag: '"2"' });
    const seen = (await Promise.all(waiting)).map(({ cache, text }) => `${cache} ${text}`);
    expect(seen).toEqual(["MISS/EXPIRED new", "MISS/EXPIRED new"]);
    await proxy.drain();
  });

  it("set off by a user whose answer is the user's own does not cost the others theirs", async () => {
    const proxy = await stale(["/a"]);
    await proxy.get("/a", { fields: ["Authorization", "Bearer t"] });
    proxy.origin.last.answer("the user's", { cc: CC });
    await proxy.drain();
    const next = await proxy.get("/a");
    expect([next.cache, next.text]).toEqual(["HIT/UPDATING", "old"]);
    proxy.origin.last.fail();
    await proxy.drain();
  });

  it("whose answer may not be stored frees what was stored, and closes the body that nobody reads", async () => {
    const proxy = await stale(["/a"]);
    await proxy.get("/a");
    const body = proxy.origin.last.begin({ cc: "no-store" }).push("secret");
    await proxy.drain();
    expect(body.returned).toBe(true);
    expect(proxy.stored("/a").type).toBe("none");
  });

  it("with a body too large to keep stops the origin, which nobody reads", async () => {
    const proxy = await stale(["/a"], { maxObjectBytes: 10 });
    await proxy.get("/a");
    const body = proxy.origin.last.begin({ cc: CC }).push("1234567", "1234567", "more");
    await proxy.drain();
    expect([body.returned, body.taken]).toEqual([true, 2]);
    expect(proxy.budget.used).toBe(0);
  });

  it("is finished before a drain ends", async () => {
    const proxy = await stale(["/a", "/b"]);
    await Promise.all([proxy.get("/a"), proxy.get("/b")]);
    let drained = false;
    const draining = proxy.drain().then(() => {
      drained = true;
    });
    await settled();
    proxy.origin.asked[0]!.notModified({ cc: CC, etag: '"1"' });
    await settled();
    expect(drained).toBe(false);
    const body = proxy.origin.asked[1]!.begin({ cc: CC, etag: '"2"' });
    await settled();
    expect(drained).toBe(false);
    body.push("new").end();
    await draining;
    expect((await proxy.get("/b")).text).toBe("new");
  });

  it("that breaks in ourselves is a failed refresh, not the end of the process", async () => {
    const events: CacheEvent[] = [];
    const proxy = await stale(["/a"]);
    const found = proxy.stored("/a");
    if (found.type !== "found") throw new Error("expected an entry");
    const refresh = createRefresh({
      forward: { ...proxy.forward, refresh: () => Promise.reject(new TypeError("a defect")) },
      origin: proxy.origin,
      concurrency: 1,
      emit: (event) => void events.push(event),
    });
    void refresh.enqueue(proxy.request("/a"), found.entry);
    await refresh.drain();
    expect(events).toEqual([{ type: "refreshed", key: uriOf("/a"), result: "failed" }]);
  });
});
