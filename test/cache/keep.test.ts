import { describe, expect, it } from "vitest";
import { aProxy, settled, T0, uriOf } from "./harness.ts";

const key = uriOf("/a");

describe("what is kept", () => {
  it("is a response that ended cleanly, once it has", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a");
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("one ");
    await settled();
    expect(proxy.stored("/a").type).toBe("none");
    body.push("two").end();
    await answer;
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("one two");
    const told = { bytes: 7, until: T0 + 60_000, epoch: 0, tags: [] };
    expect(proxy.of("stored")).toEqual([{ type: "stored", key, ...told }]);
  });

  it("is never one that was cut off", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last
      .begin({ cc: "max-age=60", fields: ["Content-Length", "9"] })
      .push("part")
      .fail();
    expect(await answer).toMatchObject({ text: "part", broken: true });
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(proxy.of("not-stored")).toEqual([{ type: "not-stored", key, reason: "cut-off" }]);
  });

  it("does not replace what was stored when the replacement was cut off", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", { cc: "max-age=5,stale-if-error=60", etag: '"1"' });
    proxy.advance(6);
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.begin({ cc: "max-age=5" }).push("ne").fail();
    expect(await answer).toMatchObject({ text: "ne", broken: true });
    await proxy.drain();
    proxy.origin.healthy = false;
    expect(await proxy.get("/a")).toMatchObject({ cache: "HIT/STALE", text: "old" });
  });

  it("is not what was purged while it arrived", async () => {
    const proxy = aProxy();
    const answer = proxy.get("/a");
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" });
    await proxy.purges.purge([{ type: "everything" }]);
    body.push("old").end();
    expect((await answer).text).toBe("old");
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(proxy.of("not-stored")).toEqual([{ type: "not-stored", key, reason: "purged" }]);
  });

  it("is not what says how large it is, and is too large; the key is remembered", async () => {
    const proxy = aProxy({ maxObjectBytes: 10 });
    await proxy.prime("/a", "12345678901", { cc: "max-age=60" });
    expect(proxy.uncacheable.has(key, proxy.now())).toBe(true);
    expect(proxy.budget.used).toBe(0);
  });

  it("is not what turns out too large: all get it whole, and the key is remembered", async () => {
    const proxy = aProxy({ maxObjectBytes: 10 });
    const answers = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    proxy.origin.last.begin({ cc: "max-age=60" }).push("1234567", "8901234", "567").end();
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(Array(2).fill("12345678901234567"));
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(proxy.uncacheable.has(key, proxy.now())).toBe(true);
    expect(proxy.of("not-stored")).toEqual([{ type: "not-stored", key, reason: "too-large" }]);
    expect(proxy.coalescer.size).toBe(0);
    const next = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(3);
    for (const asked of proxy.origin.asked.slice(1)) asked.answer("x");
    await Promise.all(next);
  });

  it("is nothing while the budget is exhausted, which says nothing about the key", async () => {
    const proxy = aProxy({ flightBytes: 4 });
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.begin({ cc: "max-age=60" }).push("123", "456").end();
    expect((await answer).text).toBe("123456");
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(proxy.uncacheable.size).toBe(0);
    expect(proxy.of("not-stored")).toEqual([{ type: "not-stored", key, reason: "flights-full" }]);
    await proxy.prime("/a", "1234", { cc: "max-age=60" });
    expect((await proxy.get("/a")).cache).toBe("HIT/HIT");
  });

  it("while it is streamed on and not kept, has one leader for those who come too late", async () => {
    const proxy = aProxy({ flightBytes: 4 });
    const first = proxy.get("/a");
    await settled();
    const long = proxy.origin.last.begin({ cc: "max-age=60" }).push("12345", "678");
    await settled();
    const late = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.last.answer("ok", { cc: "max-age=60" });
    expect((await Promise.all(late)).map(({ text }) => text)).toEqual(["ok", "ok"]);
    long.end();
    expect((await first).text).toBe("12345678");
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("ok");
  });

  it("with the budget exhausted and the leader satisfied by a 304, is whole for its followers", async () => {
    const proxy = aProxy({ flightBytes: 1 });
    const leader = proxy.get("/a", { fields: ["If-None-Match", '"1"'] });
    const followers = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    proxy.origin.script = (asked) =>
      void asked.begin({ cc: "max-age=60", etag: '"1"' }).push("one ", "two").end();
    proxy.origin.last.begin({ cc: "max-age=60", etag: '"1"' }).push("one ", "two").end();
    expect((await leader).status).toBe(304);
    expect((await Promise.all(followers)).map(({ text }) => text)).toEqual(["one two", "one two"]);
    await proxy.drain();
    expect(proxy.budget.used).toBe(0);
  });
});

describe("writes of one key", () => {
  it("that a slow store leaves waiting are a hundred at most, and none of them another key's", async () => {
    const proxy = aProxy();
    let open = () => {};
    proxy.store.holdPuts = new Promise((resolve) => {
      open = resolve;
    });
    const vary = (n: number) => ({ fields: ["X-N", String(n)] });
    proxy.origin.script = (asked) => asked.answer("x", { cc: "max-age=60", fields: ["Vary", "X-N"] });
    for (let n = 0; n < 103; n++) await proxy.get("/a", vary(n));
    await proxy.get("/b", vary(0));
    await settled();
    const lost = proxy.of("not-stored");
    expect(lost).toEqual(Array(3).fill({ type: "not-stored", key, reason: "store-failed" }));
    open();
    await proxy.drain();
    expect(proxy.of("stored").map((event) => event.key)).toHaveLength(101);
    expect(proxy.stored("/b", ["X-N", "0"]).type).toBe("found");
    // When they are done there is room again.
    await proxy.get("/a", vary(500));
    await proxy.drain();
    expect(proxy.stored("/a", ["X-N", "500"]).type).toBe("found");
    expect([proxy.coalescer.size, proxy.budget.used]).toEqual([0, 0]);
  });
});

describe("a store that fails", () => {
  it("to look up is a miss", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "body", { cc: "max-age=60" });
    proxy.store.failing.add("lookup");
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.answer("body", { cc: "max-age=60" });
    expect(await answer).toMatchObject({ status: 200, cache: "MISS/MISS", text: "body" });
    expect(proxy.of("store-failed")).toMatchObject([{ operation: "lookup", code: "timeout" }]);
  });

  it("to put costs no answer, and the key is free for the next leader", async () => {
    const proxy = aProxy();
    proxy.store.failing.add("put");
    const answers = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    proxy.origin.last.answer("body", { cc: "max-age=60" });
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(["body", "body"]);
    await proxy.drain();
    expect(proxy.of("store-failed")).toMatchObject([{ operation: "put", code: "timeout" }]);
    expect(proxy.of("not-stored")).toEqual([{ type: "not-stored", key, reason: "store-failed" }]);
    expect([proxy.coalescer.size, proxy.budget.used]).toEqual([0, 0]);
  });

  it("to freshen or to drop costs no answer either", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", { cc: "max-age=5", etag: '"1"' });
    proxy.store.failing.add("freshen").add("drop");
    proxy.advance(6);
    proxy.origin.script = (asked) => void asked.notModified({ cc: "max-age=5", etag: '"1"' });
    expect((await proxy.get("/a")).cache).toBe("HIT/REVALIDATED");
    await proxy.drain();
    proxy.origin.script = (asked) => void asked.answer("new", { cc: "no-store" });
    expect(await proxy.get("/a")).toMatchObject({ cache: "MISS/EXPIRED", text: "new" });
    await proxy.drain();
    expect(proxy.of("store-failed").map(({ operation }) => operation)).toEqual(["freshen", "drop"]);
    expect(proxy.coalescer.size).toBe(0);
  });

  it("to answer a put at all does not keep others on what has become stale", async () => {
    const proxy = aProxy();
    proxy.store.holdPuts = new Promise(() => {});
    const first = proxy.get("/a");
    await settled();
    proxy.origin.last.answer("old", { cc: "max-age=5" });
    await first;
    proxy.advance(5);
    const next = proxy.get("/a");
    await settled();
    proxy.origin.last.answer("new", { cc: "max-age=5" });
    expect((await next).text).toBe("new");
  });
});

describe("a validation", () => {
  const stale = async (cc = "max-age=5", fields: string[] = []) => {
    const proxy = aProxy();
    await proxy.prime("/a", "old", { cc, etag: '"1"', fields });
    proxy.advance(6);
    return proxy;
  };

  it("brings new fields, and keeps the body and what it does not name (RFC 9111 §3.2)", async () => {
    const proxy = await stale("max-age=5", [
      "X-Old",
      "stays",
      "X-Both",
      "before",
      "Content-Type",
      "text/plain",
    ]);
    const answer = proxy.get("/a");
    await settled();
    proxy.origin.last.notModified({
      cc: "max-age=60",
      etag: '"1"',
      fields: ["X-Both", "after", "X-New", "comes", "Content-Length", "0"],
    });
    await answer;
    await proxy.drain();
    proxy.advance(30);
    const hit = await proxy.get("/a");
    expect(hit.cache).toBe("HIT/HIT");
    expect([hit.text, hit.field("x-old"), hit.field("x-both"), hit.field("x-new")]).toEqual([
      "old",
      "stays",
      "after",
      "comes",
    ]);
    expect([hit.field("content-length"), hit.field("age"), hit.field("cache-control")]).toEqual([
      "3",
      "30",
      "max-age=60",
    ]);
  });

  it("that is about another response is followed by a fetch without conditions (§4.3.4)", async () => {
    const proxy = await stale();
    proxy.origin.script = (asked, index) =>
      index === 0
        ? void asked.notModified({ etag: '"2"' })
        : void asked.answer("new", { cc: "max-age=5", etag: '"2"' });
    expect(await proxy.get("/a")).toMatchObject({ cache: "MISS/EXPIRED", text: "new" });
    expect(proxy.origin.asked.map((asked) => asked.field("if-none-match"))).toEqual(['"1"', undefined]);
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("new");
  });

  it("that is about another response, with a fetch that fails, still falls back (RFC 5861 §4)", async () => {
    const proxy = await stale("max-age=5,stale-if-error=60");
    proxy.origin.script = (asked, index) =>
      index === 0 ? void asked.notModified({ etag: '"2"' }) : void asked.answer("failure", { status: 503 });
    expect(await proxy.get("/a")).toMatchObject({ cache: "HIT/STALE", text: "old" });
  });

  it.each(["no-store", "private"])("that turns it into %s is served once, and it is dropped", async (cc) => {
    const proxy = await stale();
    const answers = [proxy.get("/a"), proxy.get("/a")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.script = (asked) => void asked.notModified({ cc, etag: '"1"' });
    proxy.origin.last.notModified({ cc, etag: '"1"' });
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ cache: "HIT/REVALIDATED", text: "old" });
    }
    // The follower may not have the leader's, and asks for itself.
    expect(proxy.origin.asked).toHaveLength(2);
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
  });

  it.each([
    ["no-store", { cc: "no-store" }],
    ["private", { cc: "private" }],
    ["Set-Cookie", { cc: "max-age=60", fields: ["Set-Cookie", "a=1"] }],
    ["404 without a lifetime", { status: 404 }],
  ])("answered with what may not be stored (%s) drops what was", async (_name, head) => {
    const proxy = await stale("max-age=5,stale-if-error=60");
    proxy.origin.script = (asked) => void asked.answer("new", head);
    expect((await proxy.get("/a")).text).toBe("new");
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
  });

  it("asked with somebody's credentials does not drop or renew what is everybody's (§3.5)", async () => {
    const proxy = await stale("max-age=5,stale-if-error=60");
    const fields = ["Authorization", "Bearer t"];
    const answers = [{ status: 401 }, { cc: "private" }, { status: 304, cc: "max-age=5", etag: '"1"' }];
    for (const head of answers) {
      proxy.origin.script = (asked) => void asked.begin(head).end();
      await proxy.get("/a", { fields });
      await proxy.drain();
    }
    proxy.origin.script = (asked) => asked.fail("refused");
    expect(await proxy.get("/a")).toMatchObject({ cache: "HIT/STALE", text: "old" });
  });

  it("asked with credentials that the origin lets others share renews it (§3.5)", async () => {
    const proxy = await stale("public,max-age=5");
    proxy.origin.script = (asked) => void asked.notModified({ cc: "public,max-age=5", etag: '"1"' });
    await proxy.get("/a", { fields: ["Authorization", "Bearer t"] });
    await proxy.drain();
    expect((await proxy.get("/a")).cache).toBe("HIT/HIT");
  });

  it("by HEAD renews the stored GET, and has no body", async () => {
    const proxy = await stale();
    proxy.origin.script = (asked) => void asked.notModified({ cc: "max-age=5", etag: '"1"' });
    const head = await proxy.get("/a", { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, cache: "HIT/REVALIDATED", text: "" });
    expect(head.field("content-length")).toBe("3");
    await proxy.drain();
    expect(await proxy.get("/a")).toMatchObject({ cache: "HIT/HIT", text: "old" });
  });

  it("uses Last-Modified where there is no entity tag (§4.3.1)", async () => {
    const proxy = aProxy();
    const fields = ["Last-Modified", "Sat, 21 Nov 2026 10:00:00 GMT"];
    await proxy.prime("/a", "old", { cc: "max-age=5", fields });
    proxy.advance(6);
    proxy.origin.script = (asked) => void asked.notModified({ cc: "max-age=5", fields });
    expect((await proxy.get("/a")).cache).toBe("HIT/REVALIDATED");
    expect(proxy.origin.last.field("if-modified-since")).toBe(fields[1]);
  });

  it("closes the body of every answer that it does not pass on", async () => {
    const proxy = await stale("max-age=5,stale-if-error=60");
    proxy.origin.script = (asked) => void asked.begin({ status: 503 }).push("long error");
    expect((await proxy.get("/a")).cache).toBe("HIT/STALE");
    await settled();
    expect(proxy.origin.last.body?.returned).toBe(true);
    proxy.origin.script = (asked) => void asked.begin({ status: 304, cc: "max-age=5", etag: '"1"' });
    expect((await proxy.get("/a")).cache).toBe("HIT/REVALIDATED");
    await settled();
    expect(proxy.origin.last.body?.returned).toBe(true);
  });
});

describe("a client that leaves", () => {
  it("while it goes alone ends its own request before the head", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "mine", { cc: "private" });
    const client = new AbortController();
    const leaving = proxy.head("/a", { signal: client.signal });
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    client.abort();
    expect((await leaving).outcome.body).toBe("none");
    expect(proxy.origin.last.signal.aborted).toBe(true);
  });

  it("after the head ends no fetch that the cache wants", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "mine", { cc: "private" });
    const client = new AbortController();
    const leaving = proxy.head("/a", { signal: client.signal });
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("one ");
    const response = await leaving;
    client.abort();
    if (response.body.type === "stream") await response.body.stream[Symbol.asyncIterator]().return?.();
    body.push("two").end();
    await proxy.drain();
    expect((await proxy.get("/a")).text).toBe("one two");
  });

  it("has left no listener on its signal", async () => {
    const proxy = aProxy();
    await proxy.prime("/a", "mine", { cc: "private" });
    const client = new AbortController();
    let listening = 0;
    const { signal } = client;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--;
      remove(...args);
    };
    const answer = proxy.get("/a", { signal });
    await settled();
    expect(listening).toBe(1);
    proxy.origin.last.answer("x");
    await answer;
    expect(listening).toBe(0);
  });
});
