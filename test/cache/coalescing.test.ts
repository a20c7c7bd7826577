import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  aProxy,
  type Head,
  type Seen,
  settled,
  T0,
  type TestProxy,
  tally,
  UNCACHEABLE_MS,
  uriOf,
} from "./harness.ts";

const CROWD = 1000;

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", onUnhandled));
afterAll(() => {
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

const crowd = (proxy: TestProxy, count = CROWD, ask = {}): Promise<Seen>[] =>
  Array.from({ length: count }, () => proxy.get("/hot", ask));

const summary = (answers: readonly Seen[]): Record<string, number> =>
  tally(answers.map(({ status, text, broken }) => `${status} ${text}${broken ? " broken" : ""}`));

/** Nobody waits, nothing is held. */
async function expectQuiet(proxy: TestProxy): Promise<void> {
  await proxy.drain();
  await settled();
  expect({
    flights: proxy.coalescer.size,
    timers: proxy.timers.pending,
    bytes: proxy.budget.used,
  }).toEqual({ flights: 0, timers: 0, bytes: 0 });
}

describe("a thousand requests for a cold key", () => {
  it("reach the origin once, and all get all bytes", async () => {
    const proxy = aProxy();
    const answers = crowd(proxy);
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.last.answer("body", { cc: "max-age=60" });
    const all = await Promise.all(answers);
    expect(summary(all)).toEqual({ "200 body": CROWD });
    expect(proxy.origin.asked).toHaveLength(1);
    expect(tally(all.map(({ cacheStatus }) => cacheStatus))).toEqual({
      "freshline; fwd=uri-miss; fwd-status=200; stored": 1,
      "freshline; fwd=uri-miss; collapsed": CROWD - 1,
    });
    expect(tally(all.map(({ field }) => field("content-length") ?? ""))).toEqual({ "4": CROWD });
    await expectQuiet(proxy);
    expect((await proxy.get("/hot")).cache).toBe("HIT/HIT");
  });

  it("are told, but for the one who fetches, with how long they have waited", async () => {
    const proxy = aProxy();
    const first = crowd(proxy, 2);
    await settled();
    proxy.advance(2);
    const late = crowd(proxy, 1);
    await settled();
    proxy.advance(1);
    proxy.origin.last.answer("body", { cc: "max-age=60" });
    await Promise.all([...first, ...late]);
    const told = { type: "coalesced", key: uriOf("/hot"), scope: "process" } as const;
    expect(proxy.of("coalesced")).toEqual([
      { ...told, waitedMs: 3000 },
      { ...told, waitedMs: 1000 },
    ]);
  });

  it("get a body that arrives in pieces, also those who come while it arrives", async () => {
    const proxy = aProxy();
    const early = crowd(proxy, 50);
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("one ");
    await settled();
    const middle = crowd(proxy, 50);
    await settled();
    body.push("two ");
    await settled();
    const late = crowd(proxy, 50);
    await settled();
    body.push("three").end();
    expect(summary(await Promise.all([...early, ...middle, ...late]))).toEqual({ "200 one two three": 150 });
    expect(proxy.origin.asked).toHaveLength(1);
    await expectQuiet(proxy);
  });

  it("are answered from the store between its writing and its first reading", async () => {
    const proxy = aProxy();
    let written = () => {};
    proxy.store.holdPuts = new Promise<void>((resolve) => {
      written = resolve;
    });
    const first = proxy.get("/hot");
    await settled();
    proxy.origin.last.answer("body", { cc: "max-age=60" });
    await first;
    const meanwhile = await proxy.get("/hot");
    expect([meanwhile.text, meanwhile.cacheStatus]).toEqual(["body", "freshline; fwd=uri-miss; collapsed"]);
    written();
    await proxy.drain();
    expect((await proxy.get("/hot")).cache).toBe("HIT/HIT");
    expect(proxy.origin.asked).toHaveLength(1);
  });

  it("are not disturbed by a follower that leaves in the middle", async () => {
    const proxy = aProxy();
    const [leader, leaving, staying] = [proxy.get("/hot"), proxy.head("/hot"), proxy.get("/hot")];
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("one ");
    const response = await leaving;
    if (response.body.type !== "stream") throw new Error("expected a stream");
    const reading = response.body.stream[Symbol.asyncIterator]();
    await reading.next();
    const pending = reading.next();
    await reading.return?.();
    // It need not wait for bytes that it does not want.
    expect(await pending).toEqual({ done: true, value: undefined });
    body.push("two").end();
    expect(summary(await Promise.all([leader, staying]))).toEqual({ "200 one two": 2 });
    expect(body.returned).toBe(false);
    await expectQuiet(proxy);
  });
});

describe("a leader", () => {
  it("whose client leaves before the head harms nobody, and the answer is stored", async () => {
    const proxy = aProxy();
    const client = new AbortController();
    const leader = proxy.head("/hot", { signal: client.signal });
    const followers = crowd(proxy, 10);
    await settled();
    client.abort();
    await settled();
    expect(proxy.origin.asked.map(({ signal }) => signal.aborted)).toEqual([false]);
    proxy.origin.last.answer("body", { cc: "max-age=60" });
    const { body } = await leader;
    if (body.type === "stream") await body.stream[Symbol.asyncIterator]().return?.();
    expect(summary(await Promise.all(followers))).toEqual({ "200 body": 10 });
    await expectQuiet(proxy);
    expect((await proxy.get("/hot")).cache).toBe("HIT/HIT");
  });

  it("alone, whose client leaves in the body, still fills the cache", async () => {
    const proxy = aProxy();
    const leader = proxy.head("/hot");
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("one ");
    const response = await leader;
    if (response.body.type !== "stream") throw new Error("expected a stream");
    await response.body.stream[Symbol.asyncIterator]().return?.();
    body.push("two").end();
    await proxy.drain();
    expect(body.returned).toBe(false);
    expect((await proxy.get("/hot")).text).toBe("one two");
  });

  it("that fails hands over; after three all who wait share the failure", async () => {
    const proxy = aProxy();
    proxy.origin.script = (asked) => asked.fail("refused");
    const all = await Promise.all(crowd(proxy));
    expect(tally(all.map(({ status }) => String(status)))).toEqual({ "502": CROWD });
    expect(proxy.origin.asked).toHaveLength(3);
    await expectQuiet(proxy);
  });

  it.each([
    [249, 3, 747],
    [250, 2, 500],
    [700, 2, 1400],
    [60_000, 2, 120_000],
  ])(
    "that takes %i ms to fail is followed by others while that is quick: %i, done in %i ms",
    async (...row) => {
      const [ms, leaders, done] = row;
      const proxy = aProxy();
      const late: number[] = [];
      const answers = Promise.all(crowd(proxy, 300));
      for (let asked = 1; asked <= leaders; asked++) {
        await settled();
        // Who comes later waits with the others, and no longer than they.
        if (asked === 2) void proxy.get("/hot").then(({ status }) => late.push(status));
        expect(proxy.origin.asked).toHaveLength(asked);
        proxy.advance(ms / 1000);
        proxy.origin.last.fail("reset");
      }
      expect(tally((await answers).map(({ status }) => String(status)))).toEqual({ "502": 300 });
      await settled();
      expect([proxy.origin.asked.length, proxy.now() - T0, late]).toEqual([leaders, done, [502]]);
      await expectQuiet(proxy);
    },
  );

  it("that fails once costs one more request and one error, no more", async () => {
    const proxy = aProxy();
    proxy.origin.script = (asked, index) =>
      index === 0 ? asked.fail("reset") : void asked.answer("body", { cc: "max-age=60" });
    const all = await Promise.all(crowd(proxy));
    expect(tally(all.map(({ status }) => String(status)))).toEqual({ "502": 1, "200": CROWD - 1 });
    expect(proxy.origin.asked).toHaveLength(2);
  });

  it.each([500, 502, 503, 504])(
    "answered with %i hands over, and never sends the crowd on",
    async (status) => {
      const proxy = aProxy();
      proxy.origin.script = (asked) => void asked.answer("failure", { status });
      const all = await Promise.all(crowd(proxy));
      expect(proxy.origin.asked).toHaveLength(3);
      // Each leader has the origin's own words; nobody else's are theirs to have.
      expect(tally(all.map((one) => `${one.status} ${one.text === "failure" ? "own" : "shared"}`))).toEqual(
        status === 502
          ? { "502 own": 3, "502 shared": CROWD - 3 }
          : { [`${status} own`]: 3, "502 shared": CROWD - 3 },
      );
      expect(proxy.uncacheable.size).toBe(0);
      await expectQuiet(proxy);
    },
  );

  it("whose body breaks off breaks everybody's, and nothing is stored", async () => {
    const proxy = aProxy();
    const answers = crowd(proxy, 20);
    await settled();
    proxy.origin.last.begin({ cc: "max-age=60" }).push("par").fail();
    expect(summary(await Promise.all(answers))).toEqual({ "200 par broken": 20 });
    await expectQuiet(proxy);
    expect(proxy.stored("/hot").type).toBe("none");
    expect(proxy.of("not-stored")).toEqual([{ type: "not-stored", key: uriOf("/hot"), reason: "cut-off" }]);
  });
});

describe("a follower", () => {
  it("with a stale response that may be served takes it as soon as the leader fails", async () => {
    const proxy = aProxy();
    await proxy.prime("/hot", "old", { cc: "max-age=5,stale-if-error=60", etag: '"1"' });
    proxy.advance(6);
    const answers = crowd(proxy);
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.last.fail("timeout");
    const all = await Promise.all(answers);
    expect(tally(all.map(({ cache, text }) => `${cache} ${text}`))).toEqual({ "HIT/STALE old": CROWD });
    expect(proxy.origin.asked).toHaveLength(1);
    await expectQuiet(proxy);
  });

  it("of a revalidation is answered by the validated response, or by its replacement", async () => {
    const proxy = aProxy();
    const cc = "max-age=5";
    await proxy.prime("/hot", "old", { cc, etag: '"1"' });
    proxy.advance(6);
    const first = crowd(proxy, 20);
    await settled();
    proxy.origin.last.notModified({ cc, etag: '"1"' });
    expect(tally((await Promise.all(first)).map(({ cache, text }) => `${cache} ${text}`))).toEqual({
      "HIT/REVALIDATED old": 20,
    });
    await proxy.drain();
    proxy.advance(6);
    const second = crowd(proxy, 20);
    await settled();
    proxy.origin.last.answer("new", { cc, etag: '"2"' });
    expect(tally((await Promise.all(second)).map(({ cache, text }) => `${cache} ${text}`))).toEqual({
      "MISS/EXPIRED new": 20,
    });
    expect(proxy.origin.asked).toHaveLength(2);
    await expectQuiet(proxy);
  });

  it("with another value of a selecting field asks for itself, and nobody gets the wrong variant", async () => {
    const proxy = aProxy();
    const ask = (language: string) => proxy.get("/hot", { fields: ["Accept-Language", language] });
    const answers = [ask("de"), ask("de"), ask("fr"), proxy.get("/hot")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.script = (asked) =>
      void asked.answer(asked.field("accept-language") ?? "none", {
        cc: "max-age=60",
        fields: ["Vary", "Accept-Language"],
      });
    proxy.origin.asked[0]!.answer("de", { cc: "max-age=60", fields: ["Vary", "Accept-Language"] });
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(["de", "de", "fr", "none"]);
    expect(proxy.origin.asked).toHaveLength(3);
    await proxy.drain();
    for (const language of ["de", "fr"]) {
      const hit = await ask(language);
      expect([hit.cache, hit.text]).toEqual(["HIT/HIT", language]);
    }
  });

  it("of a validation gets no other variant either", async () => {
    const proxy = aProxy();
    const head = { cc: "max-age=5", etag: '"1"', fields: ["Vary", "Accept-Language"] };
    const [de, fr] = ["de", "fr"].map((language) => ({ fields: ["Accept-Language", language] }));
    await proxy.prime("/hot", "de", head, de);
    proxy.advance(6);
    const answers = [proxy.get("/hot", de), proxy.get("/hot", de), proxy.get("/hot", fr)];
    await settled();
    // What is stored says which field selects: nobody waits for another language.
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.asked[1]!.answer("fr", head);
    proxy.origin.asked[0]!.notModified(head);
    expect((await Promise.all(answers)).map(({ cache, text }) => `${cache} ${text}`)).toEqual([
      "HIT/REVALIDATED de",
      "HIT/REVALIDATED de",
      "MISS/MISS fr",
    ]);
    expect(proxy.origin.asked).toHaveLength(2);
    await expectQuiet(proxy);
  });

  it.each([
    ["HEAD", { method: "HEAD" }],
    ["Range", { fields: ["Range", "bytes=0-1"] }],
    ["Authorization", { fields: ["Authorization", "Bearer t"] }],
  ])("does not exist for %s: it goes alone, and nobody waits for it", async (_name, ask) => {
    const proxy = aProxy();
    const answers = [proxy.get("/hot"), proxy.get("/hot", ask), proxy.get("/hot", ask), proxy.get("/hot")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(3);
    for (const asked of proxy.origin.asked) asked.answer("body", { cc: "max-age=60" });
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await expectQuiet(proxy);
  });
});

describe("who comes when the head is there already", () => {
  const cc = "max-age=5";

  it("gets a flight that is still fresh, with its age", async () => {
    const proxy = aProxy();
    const leader = proxy.get("/hot");
    await settled();
    const body = proxy.origin.last.begin({ cc });
    await settled();
    proxy.advance(4);
    const late = proxy.get("/hot");
    await settled();
    body.push("body").end();
    expect([(await leader).text, (await late).text]).toEqual(["body", "body"]);
    expect((await late).field("age")).toBe("4");
    expect(proxy.origin.asked).toHaveLength(1);
  });

  it("gets no flight that has become stale while it arrives (RFC 9111 §4.2)", async () => {
    const proxy = aProxy();
    const leader = proxy.get("/hot");
    await settled();
    const old = proxy.origin.last.begin({ cc }).push("old");
    await settled();
    proxy.advance(5);
    const late = [proxy.get("/hot"), proxy.get("/hot")];
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.last.answer("new", { cc });
    expect(summary(await Promise.all(late))).toEqual({ "200 new": 2 });
    old.end();
    expect((await leader).text).toBe("old");
    await expectQuiet(proxy);
  });

  it("gets no flight of a response that is validated before every reuse (§5.2.2.4)", async () => {
    const proxy = aProxy();
    const leader = proxy.get("/hot");
    await settled();
    const body = proxy.origin.last.begin({ cc: "no-cache", etag: '"1"' }).push("first");
    await settled();
    const late = proxy.get("/hot");
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.last.answer("second", { cc: "no-cache", etag: '"2"' });
    body.end();
    expect([(await leader).text, (await late).text]).toEqual(["first", "second"]);
  });

  it("gets no flight that was purged meanwhile: who writes reads what was written (§4.4)", async () => {
    const proxy = aProxy();
    const leader = proxy.get("/hot");
    await settled();
    const old = proxy.origin.last.begin({ cc }).push("old");
    await settled();
    const put = proxy.get("/hot", { method: "PUT" });
    await settled();
    proxy.origin.last.answer("", { status: 204 });
    await put;
    const after = proxy.get("/hot");
    await settled();
    expect(proxy.origin.asked).toHaveLength(3);
    proxy.origin.last.answer("new", { cc });
    expect((await after).text).toBe("new");
    old.end();
    expect((await leader).text).toBe("old");
    await proxy.drain();
    const hit = await proxy.get("/hot");
    expect([hit.cache, hit.text]).toEqual(["HIT/HIT", "new"]);
  });

  it("gets no leader that was asked before a purge, though its head is still to come", async () => {
    const proxy = aProxy();
    const [leader, follower] = [proxy.get("/hot"), proxy.get("/hot")];
    await settled();
    await proxy.purges.purge([{ type: "url", key: uriOf("/hot") }]);
    const after = crowd(proxy, 20);
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.asked[0]!.answer("old", { cc });
    proxy.origin.asked[1]!.answer("new", { cc });
    expect(summary(await Promise.all(after))).toEqual({ "200 new": 20 });
    expect(summary(await Promise.all([leader, follower]))).toEqual({ "200 old": 2 });
    await proxy.drain();
    expect((await proxy.get("/hot")).text).toBe("new");
  });

  it("gets no leader that was asked before its group was invalidated, as soon as its groups are known", async () => {
    const proxy = aProxy();
    const member = { cc, fields: ["Cache-Groups", '"g"'] };
    const before = [proxy.get("/hot"), proxy.get("/hot")];
    await settled();
    const put = proxy.get("/elsewhere", { method: "PUT" });
    await settled();
    proxy.origin.last.answer("", { fields: ["Cache-Group-Invalidation", '"g"'] });
    await put;
    const after = crowd(proxy, 20);
    await settled();
    expect(proxy.origin.asked).toHaveLength(2);
    proxy.origin.asked[0]!.answer("old", member);
    await settled();
    expect(proxy.origin.asked).toHaveLength(3);
    proxy.origin.last.answer("new", member);
    expect(summary(await Promise.all(after))).toEqual({ "200 new": 20 });
    expect(summary(await Promise.all(before))).toEqual({ "200 old": 2 });
    await expectQuiet(proxy);
    expect((await proxy.get("/hot")).text).toBe("new");
  });
});

const PERSONAL: readonly (readonly [string, Head])[] = [
  ["Set-Cookie", { cc: "max-age=60", fields: ["Set-Cookie", "a=1"] }],
  ["private", { cc: "private,max-age=60" }],
  ["no-store", { cc: "no-store" }],
  ["Vary: *", { cc: "max-age=60", fields: ["Vary", "*"] }],
  ["text/event-stream", { cc: "max-age=60", fields: ["Content-Type", "text/event-stream; charset=utf-8"] }],
  ["neither lifetime nor validator", {}],
  ["a body that ends with its connection", { cc: "max-age=60", closeDelimited: true }],
];

describe.each(PERSONAL)("an answer that is not for others (%s)", (_name, personal) => {
  it("is nobody else's: each goes alone, and the key is remembered", async () => {
    const proxy = aProxy();
    let serial = 0;
    const answers = crowd(proxy, 100);
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.script = (asked) => void asked.answer(`body ${++serial}`, personal);
    proxy.origin.last.answer(`body ${++serial}`, personal);
    const texts = (await Promise.all(answers)).map(({ text }) => text);
    expect(new Set(texts).size).toBe(100);
    expect(proxy.origin.asked).toHaveLength(100);
    expect(proxy.stored("/hot").type).toBe("none");
    await expectQuiet(proxy);

    // The next burst does not queue.
    proxy.origin.script = undefined;
    const burst = crowd(proxy, 10);
    await settled();
    expect(proxy.origin.asked).toHaveLength(110);
    for (const asked of proxy.origin.asked.slice(100)) asked.answer("again", personal);
    await Promise.all(burst);

    // After its time it is tried again.
    proxy.advance(UNCACHEABLE_MS / 1000);
    const later = crowd(proxy, 10);
    await settled();
    expect(proxy.origin.asked).toHaveLength(111);
    proxy.origin.last.answer("for all now", { cc: "max-age=60" });
    expect(summary(await Promise.all(later))).toEqual({ "200 for all now": 10 });
  });
});

describe("an uncacheable key", () => {
  const make = async () => {
    const proxy = aProxy();
    await proxy.prime("/hot", "mine", { cc: "private" });
    expect(proxy.uncacheable.has(uriOf("/hot"), proxy.now())).toBe(true);
    return proxy;
  };

  it("is forgotten when an answer may be stored", async () => {
    const proxy = await make();
    await proxy.prime("/hot", "all's", { cc: "max-age=5" });
    expect(proxy.uncacheable.size).toBe(0);
    proxy.advance(6);
    const burst = crowd(proxy, 10);
    await settled();
    expect(proxy.origin.asked).toHaveLength(1);
    proxy.origin.last.answer("all's", { cc: "max-age=5" });
    await Promise.all(burst);
  });

  it("lets a client's own validator through, which is all that is left to save", async () => {
    const proxy = await make();
    const answer = proxy.get("/hot", { fields: ["If-None-Match", '"mine"'] });
    await settled();
    expect(proxy.origin.last.field("if-none-match")).toBe('"mine"');
    proxy.origin.last.notModified({ etag: '"mine"' });
    const { status, cache, text } = await answer;
    expect([status, cache, text]).toEqual([304, "MISS/MISS", ""]);
  });

  it("is not kept so by 304s, which do not say whether it still is", async () => {
    const proxy = await make();
    proxy.origin.script = (asked) => void asked.notModified({ etag: '"mine"' });
    for (let i = 0; i < 4; i++) {
      proxy.advance(UNCACHEABLE_MS / 4000);
      await proxy.get("/hot", { fields: ["If-None-Match", '"mine"'] });
    }
    expect(proxy.uncacheable.has(uriOf("/hot"), proxy.now())).toBe(false);
  });

  it.each([
    ["bad credentials", { fields: ["Authorization", "Bearer bad"] }, { status: 401 }],
    ["a user's private answer", { fields: ["Authorization", "Bearer good"] }, { cc: "private" }],
    ["a range beyond the end", { fields: ["Range", "bytes=999999-"] }, { status: 416 }],
    ["a HEAD", { method: "HEAD" }, { cc: "no-store" }],
  ])("cannot be made by %s: one client does not stop coalescing for all", async (_name, ask, head) => {
    const proxy = aProxy();
    await proxy.prime("/hot", "x", head, ask);
    expect(proxy.uncacheable.size).toBe(0);
  });
});
