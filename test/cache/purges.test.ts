import { describe, expect, it } from "vitest";
import type { CacheEvent } from "../../src/cache/events.ts";
import type { PurgeLog, PurgeNews, PurgeTarget } from "../../src/cache/ports/purge-log.ts";
import { StoreError } from "../../src/cache/ports/store.ts";
import { Purges } from "../../src/cache/purges.ts";
import { aProxy, FaultyLog, GRACE_MS, STORE_PATIENCE_MS, settled, T0, uriOf } from "./harness.ts";

const url = (key: string): PurgeTarget => ({ type: "url", key });
const SITE = "http://shop.test";
const tag = (name: string, site = SITE): PurgeTarget => ({ type: "tag", site, tag: name });
const EVERYTHING: PurgeTarget = { type: "everything" };

function aPurges(log: PurgeLog = new FaultyLog()) {
  const forgotten: PurgeTarget[] = [];
  const events: CacheEvent[] = [];
  const purges = new Purges({
    log,
    emit: (event) => void events.push(event),
    forget: (target) => void forgotten.push(target),
    free: async () => {},
    now: () => T0,
    graceMs: GRACE_MS,
  });
  return { purges, forgotten, events };
}

/** A log that says what the test says. */
function aSpokenLog() {
  let hear: (news: PurgeNews) => void = () => {};
  const log: PurgeLog = {
    follow: (listener) => {
      hear = listener;
    },
    append: () => Promise.reject(new StoreError("unavailable", "never there")),
    behindMs: () => 0,
    acknowledged: async () => ({ shared: true, instances: 1, acked: 1, missing: [] }),
    close: async () => {},
  };
  return { log, say: (news: PurgeNews) => hear(news) };
}

describe("a purge", () => {
  it("covers what was born before it, and not what is born after it", async () => {
    const { purges, forgotten } = aPurges();
    const before = purges.epoch;
    const { epoch } = await purges.purge([url("a")]);
    expect(purges.covers("a", before)).toBe(true);
    expect(purges.covers("a", epoch)).toBe(false);
    expect(purges.covers("b", before)).toBe(false);
    expect(purges.epoch).toBe(epoch);
    expect(forgotten).toEqual([url("a")]);
  });

  it("of everything covers every key", async () => {
    const { purges } = aPurges();
    const before = purges.epoch;
    await purges.purge([url("a")]);
    const { epoch } = await purges.purge([EVERYTHING]);
    expect(purges.covers("a", before)).toBe(true);
    expect(purges.covers("never seen", before)).toBe(true);
    expect(purges.covers("a", epoch)).toBe(false);
  });

  it("that cannot reach a log that was there fails, and purges nothing", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    log.away = true;
    await expect(purges.purge([url("a")])).rejects.toThrow(StoreError);
    expect(purges.covers("a", 0)).toBe(false);
  });

  it("that cannot reach a log that was never there fails, and purges nothing", async () => {
    const { purges, events } = aPurges(aSpokenLog().log);
    await expect(purges.purge([url("a")])).rejects.toThrow(StoreError);
    expect(purges.covers("a", 0)).toBe(false);
    expect(events).toEqual([]);
  });

  it("gives a receipt that says that nobody else has heard of it, where nothing is shared", async () => {
    const { purges } = aPurges();
    expect(await purges.purge([url("a"), url("b")])).toEqual({
      epoch: 2,
      shared: false,
      instances: 1,
      acked: 1,
      missing: [],
    });
  });

  it("heard from another instance counts like one's own", () => {
    const { log, say } = aSpokenLog();
    const { purges, forgotten } = aPurges(log);
    say({ type: "floor", floor: 5, epoch: 9 });
    expect([purges.covers("a", 4), purges.covers("a", 5), purges.epoch]).toEqual([true, false, 9]);
    say({ type: "record", record: { epoch: 10, target: url("a"), mode: "delete" } });
    expect([purges.covers("a", 9), purges.covers("a", 10), purges.epoch]).toEqual([true, false, 10]);
    expect(forgotten).toEqual([EVERYTHING, url("a")]);
  });

  it("of a URL still covers what is older when more URLs than are remembered by name were purged since", async () => {
    const { purges } = aPurges();
    const before = purges.epoch;
    await purges.purge(Array.from({ length: 10_050 }, (_, i) => url(`k${i}`)));
    // A write of it that was under way may have reached the store after it was freed there.
    expect(["k0", "k1", "k10049"].map((key) => purges.covers(key, before))).toEqual([true, true, true]);
    expect(["another", "k0"].map((key, i) => purges.covers(key, [before, purges.epoch][i] ?? 0))).toEqual([
      false,
      false,
    ]);
  });
});

describe("a purge of a group (RFC 9875)", () => {
  it("covers its members that were born before it, under whatever URL", async () => {
    const { purges, forgotten } = aPurges();
    const before = purges.epoch;
    const { epoch } = await purges.purge([tag("g")]);
    expect(purges.covers(`${SITE}/a`, before, ["g"])).toBe(true);
    expect(purges.covers(`${SITE}/b?c=/d`, before, ["other", "g"])).toBe(true);
    expect(purges.covers(`${SITE}/a`, epoch, ["g"])).toBe(false);
    expect(purges.covers(`${SITE}/a`, before, ["G"])).toBe(false);
    expect(purges.covers(`${SITE}/a`, before, [])).toBe(false);
    expect(purges.covers(`${SITE}/a`, before)).toBe(false);
    expect([purges.epoch, forgotten]).toEqual([epoch, [tag("g")]]);
  });

  it("covers no other site: another scheme, host or port (§2.1)", async () => {
    const { purges } = aPurges();
    const before = purges.epoch;
    await purges.purge([tag("g"), tag("h", "http://shop.test:8080")]);
    const covers = (site: string, name: string) => purges.covers(`${site}/a`, before, [name]);
    expect([covers(SITE, "g"), covers("http://shop.test:8080", "h")]).toEqual([true, true]);
    for (const site of [
      "https://shop.test",
      "http://shop.test:8080",
      "http://www.shop.test",
      "http://shop.tes",
    ])
      expect(covers(site, "g")).toBe(false);
    expect(covers(SITE, "h")).toBe(false);
  });

  it("keeps site and group apart, whatever is in them", async () => {
    const { purges } = aPurges();
    const before = purges.epoch;
    await purges.purge([tag("b c", "http://a"), tag("__proto__", "http://a"), tag("", "http://b")]);
    expect(purges.covers("http://a/", before, ["b c"])).toBe(true);
    expect(purges.covers("http://a/", before, ["__proto__"])).toBe(true);
    expect(purges.covers("http://b/", before, [""])).toBe(true);
    expect(purges.covers("http://a/", before, ["", "b", "c", "constructor"])).toBe(false);
    expect(purges.covers("http://b/", before, ["b c", "__proto__"])).toBe(false);
  });

  it("again covers what was born since, and the older record does not outlive it", async () => {
    const { purges } = aPurges();
    const { epoch: first } = await purges.purge([tag("g")]);
    const { epoch: second } = await purges.purge([tag("g")]);
    expect([purges.covers(`${SITE}/a`, first, ["g"]), purges.covers(`${SITE}/a`, second, ["g"])]).toEqual([
      true,
      false,
    ]);
  });

  it("heard from another instance counts like one's own; one of everything takes its place", () => {
    const { log, say } = aSpokenLog();
    const { purges, forgotten } = aPurges(log);
    say({ type: "record", record: { epoch: 10, target: tag("g"), mode: "delete" } });
    expect([9, 10].map((epoch) => purges.covers(`${SITE}/a`, epoch, ["g"]))).toEqual([true, false]);
    say({ type: "record", record: { epoch: 20, target: EVERYTHING, mode: "delete" } });
    expect([19, 20].map((epoch) => purges.covers(`${SITE}/a`, epoch, ["g"]))).toEqual([true, false]);
    expect(forgotten).toEqual([tag("g"), EVERYTHING]);
  });

  it("beyond those remembered by name still covers what is older, and not all of its site", () => {
    const { log, say } = aSpokenLog();
    const { purges } = aPurges(log);
    for (let i = 1; i <= 100_000; i++)
      say({ type: "record", record: { epoch: i, target: tag(`g${i}`), mode: "delete" } });
    expect(purges.covers(`${SITE}/a`, 0, ["g1"])).toBe(true);
    expect(purges.covers(`${SITE}/a`, 0, ["none of them"])).toBe(false);
    say({ type: "record", record: { epoch: 100_001, target: tag("one more"), mode: "delete" } });
    expect(purges.covers(`${SITE}/a`, 0, ["g1"])).toBe(true);
    expect(purges.covers(`${SITE}/a`, 0, ["none of them"])).toBe(false);
    expect(purges.covers("http://elsewhere.test/", 0)).toBe(false);
    expect(purges.covers(`${SITE}/a`, 1, ["g1"])).toBe(false);
    expect(purges.covers(`${SITE}/a`, 1, ["g2"])).toBe(true);
    expect(purges.covers(`${SITE}/a`, 100_000, ["one more"])).toBe(true);
  });

  it("that was purged twice covers what is older than the second", () => {
    const { log, say } = aSpokenLog();
    const { purges } = aPurges(log);
    for (let i = 1; i <= 100_000; i++)
      say({ type: "record", record: { epoch: i, target: tag(`g${i}`), mode: "delete" } });
    say({ type: "record", record: { epoch: 100_001, target: tag("g1"), mode: "delete" } });
    expect(purges.covers(`${SITE}/a`, 1, ["none of them"])).toBe(false);
    say({ type: "record", record: { epoch: 100_002, target: tag("one more"), mode: "delete" } });
    expect([1, 2].map((epoch) => purges.covers(`${SITE}/a`, epoch, ["g2"]))).toEqual([true, false]);
    expect(purges.covers(`${SITE}/a`, 100_000, ["g1"])).toBe(true);
  });

  it("takes no place from the URLs that are remembered", async () => {
    const { purges } = aPurges();
    const before = purges.epoch;
    await purges.purge([url("a"), ...Array.from({ length: 10_001 }, (_, i) => tag(`g${i}`))]);
    expect(purges.covers("a", before)).toBe(true);
  });

  it("while the log is away holds here at once, each in its place, and is appended when it is back", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    const before = purges.epoch;
    log.away = true;
    await purges.invalidate([url("a"), tag("g"), tag("g", "http://b"), tag("h")]);
    await purges.invalidate([tag("g")]);
    expect(purges.covers(`${SITE}/a`, before, ["g"])).toBe(true);
    expect(purges.covers(`${SITE}/a`, purges.epoch, ["g", "h"])).toBe(false);
    await expect(purges.purge([tag("i")])).rejects.toThrow(StoreError);
    expect(purges.covers(`${SITE}/a`, before, ["i"])).toBe(false);
    log.away = false;
    log.reattach();
    await settled();
    expect(log.appended).toEqual([url("a"), tag("g"), tag("g", "http://b"), tag("h")]);
  });

  it("while the log is away becomes one of everything when too many wait", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    log.away = true;
    await purges.invalidate(Array.from({ length: 1000 }, (_, i) => tag(`g${i}`)));
    // Another site's group of the same name is one more.
    await purges.invalidate([tag("g0", "http://b")]);
    log.away = false;
    log.reattach();
    await settled();
    expect(log.appended).toEqual([EVERYTHING]);
  });
});

describe("an invalidation while the log is away", () => {
  it("holds here at once, is told, and is appended when the log is back", async () => {
    const log = new FaultyLog();
    const { purges, events } = aPurges(log);
    const before = purges.epoch;
    log.away = true;
    await purges.invalidate([url("a"), url("b")]);
    expect([purges.covers("a", before), purges.covers("b", before)]).toEqual([true, true]);
    expect(purges.covers("a", purges.epoch)).toBe(false);
    expect(events).toContainEqual(expect.objectContaining({ type: "store-failed", operation: "purge" }));
    log.reattach();
    await settled();
    expect(log.appended).toEqual([]);
    log.away = false;
    log.reattach();
    await settled();
    expect(log.appended).toEqual([url("a"), url("b")]);
    log.reattach();
    await settled();
    expect(log.appended).toHaveLength(2);
  });

  it("holds back what others have stored of it, however young, until the log has taken it", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    const held = () => ["a", "b", `${SITE}/c`].map((key) => purges.holdsBack(key, 0, ["\tg"]));
    log.away = true;
    await purges.invalidate([url("a"), tag("g")]);
    // Others may have seen more of the log than we have.
    expect(purges.covers("a", purges.epoch + 100)).toBe(false);
    expect(held()).toEqual([true, false, true]);
    log.reattach();
    await settled();
    expect(held()).toEqual([true, false, true]);
    log.away = false;
    const flush = Promise.withResolvers<void>();
    log.hold = flush.promise;
    log.reattach();
    await settled();
    log.away = true;
    log.hold = undefined;
    await purges.invalidate([url("b")]);
    log.away = false;
    expect(held()).toEqual([true, true, true]);
    const second = Promise.withResolvers<void>();
    log.hold = second.promise;
    flush.resolve();
    await settled();
    // The log has the first two; the one that came meanwhile waits.
    expect(held()).toEqual([false, true, false]);
    second.resolve();
    await settled();
    expect(held()).toEqual([false, false, false]);
    expect(log.appended).toEqual([url("a"), tag("g"), url("b")]);
  });

  it("that became one of everything holds back everything", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    log.away = true;
    for (let i = 0; i < 1000; i++) await purges.invalidate([url(`k${i}`)]);
    expect(purges.holdsBack("other", 0, [])).toBe(false);
    await purges.invalidate([url("one more")]);
    expect(purges.holdsBack("other", 0, [])).toBe(true);
    log.away = false;
    log.reattach();
    await settled();
    expect(purges.holdsBack("other", 0, [])).toBe(false);
  });

  it("reaches a copy in memory whose epoch is ahead of what was heard here", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    const ahead = purges.epoch + 1000;
    // Another instance had heard more when it fetched this; it was kept here when nothing was pending.
    expect(purges.holdsBack(`${SITE}/a`, ahead, ["\tg"])).toBe(false);
    log.away = true;
    await purges.invalidate([tag("g")]);
    expect(purges.covers(`${SITE}/a`, ahead, ["\tg"])).toBe(true);
    expect(purges.covers(`${SITE}/a`, ahead, ["other"])).toBe(false);
    expect(purges.covers(`${SITE}/a`, purges.epoch, ["\tg"])).toBe(false);
  });

  it("becomes one of everything when URLs wait that are too long together", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    log.away = true;
    const long = (i: number) => url(`${SITE}/${i}/${"x".repeat(16_000)}`);
    for (let i = 0; i < 15; i++) await purges.invalidate([long(i)]);
    expect(purges.holdsBack("other", 0, [])).toBe(false);
    await purges.invalidate([long(15)]);
    expect(purges.holdsBack("other", 0, [])).toBe(true);
    log.away = false;
    log.reattach();
    await settled();
    expect(log.appended).toEqual([EVERYTHING]);
  });

  it("goes out with the next one that succeeds, when nobody tells that the log is back", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    log.away = true;
    await purges.invalidate([url("a")]);
    log.away = false;
    await purges.invalidate([url("b")]);
    await settled();
    expect(log.appended).toEqual([url("b"), url("a")]);
  });

  it("becomes one of everything when too many wait, however often the log is tried in vain", async () => {
    const log = new FaultyLog();
    const { purges } = aPurges(log);
    log.away = true;
    for (let i = 0; i < 1000; i++) await purges.invalidate([url(`k${i}`)]);
    // The same again is no more.
    await purges.invalidate([url("k0")]);
    log.reattach();
    await settled();
    log.away = false;
    log.reattach();
    await settled();
    expect(log.appended).toHaveLength(1000);

    log.away = true;
    log.appended.length = 0;
    for (let i = 0; i < 600; i++) await purges.invalidate([url(`first ${i}`)]);
    let fail = () => {};
    log.hold = new Promise<void>((resolve) => {
      fail = resolve;
    });
    log.reattach();
    log.hold = undefined;
    for (let i = 0; i < 600; i++) await purges.invalidate([url(`while that is tried ${i}`)]);
    fail();
    await settled();
    log.away = false;
    log.reattach();
    await settled();
    expect(log.appended).toEqual([EVERYTHING]);
  });
});

describe("an unsafe request (RFC 9111 §4.4)", () => {
  const primed = async (...targets: string[]) => {
    const proxy = aProxy();
    for (const target of targets) await proxy.prime(target, "old", { cc: "max-age=60" });
    return proxy;
  };
  const send = async (proxy: Awaited<ReturnType<typeof primed>>, method: string, head = {}) => {
    const answer = proxy.get("/a", { method });
    await settled();
    proxy.origin.last.answer("", head);
    const seen = await answer;
    proxy.origin.asked.length = 0;
    return seen;
  };
  const isHit = async (proxy: Awaited<ReturnType<typeof primed>>, target: string) => {
    const response = await Promise.race([proxy.head(target), settled()]);
    const hit = response?.outcome.word === "HIT";
    if (!hit) proxy.origin.last.answer("x", { cc: "no-store" });
    return hit;
  };

  it.each(["POST", "PUT", "PATCH", "DELETE", "FROB"])("%s invalidates its target", async (method) => {
    const proxy = await primed("/a", "/b");
    const answer = await send(proxy, method);
    expect([answer.status, answer.cache, answer.cacheStatus]).toEqual([
      200,
      "MISS/BYPASS",
      "freshline; fwd=method; fwd-status=200",
    ]);
    expect([await isHit(proxy, "/a"), await isHit(proxy, "/b")]).toEqual([false, true]);
  });

  it("invalidates what Location and Content-Location name on the same origin, and nothing elsewhere", async () => {
    const proxy = await primed("/a", "/b", "/c", "/d");
    await send(proxy, "POST", {
      status: 201,
      fields: ["Location", "/b", "Content-Location", uriOf("/c")],
    });
    expect([await isHit(proxy, "/b"), await isHit(proxy, "/c"), await isHit(proxy, "/d")]).toEqual([
      false,
      false,
      true,
    ]);
    const other = await primed("/d");
    await send(other, "POST", { fields: ["Location", "http://elsewhere.test/d"] });
    expect(await isHit(other, "/d")).toBe(true);
    expect(other.log.appended).toEqual([url(uriOf("/a"))]);
  });

  it.each([
    ["POST", 404],
    ["POST", 500],
    ["OPTIONS", 200],
    ["TRACE", 200],
  ])("%s answered with %i invalidates nothing", async (method, status) => {
    const proxy = await primed("/a");
    await send(proxy, method, { status });
    expect(await isHit(proxy, "/a")).toBe(true);
    expect(proxy.log.tries).toBe(0);
  });

  it("has invalidated before its answer is seen, with the log away, too", async () => {
    const proxy = await primed("/a");
    proxy.log.away = true;
    expect((await send(proxy, "PUT")).status).toBe(200);
    expect(await isHit(proxy, "/a")).toBe(false);
    expect(proxy.of("store-failed").map(({ operation }) => operation)).toEqual(["purge"]);
    proxy.log.away = false;
    proxy.log.reattach();
    await settled();
    expect(proxy.log.appended).toEqual([url(uriOf("/a"))]);
  });

  it("waits for a log that is slow as long as for the store at most, and holds here until that has it", async () => {
    const proxy = await primed("/a");
    const { promise, resolve } = Promise.withResolvers<void>();
    proxy.log.hold = promise;
    let answered = false;
    const writing = send(proxy, "PUT").then(({ status }) => {
      answered = true;
      return status;
    });
    await settled();
    await settled();
    expect(answered).toBe(false);
    proxy.timers.fire(STORE_PATIENCE_MS);
    expect(await writing).toBe(200);
    expect(proxy.of("store-failed")).toMatchObject([{ operation: "purge", code: "timeout" }]);
    expect(await isHit(proxy, "/a")).toBe(false);
    const { epoch } = proxy.purges;
    expect(proxy.purges.holdsBack(uriOf("/a"), epoch, [])).toBe(true);
    resolve();
    await settled();
    await settled();
    // The late one, and that of what was held here.
    expect(proxy.log.appended).toEqual([url(uriOf("/a")), url(uriOf("/a"))]);
    expect(proxy.purges.holdsBack(uriOf("/a"), epoch, [])).toBe(false);
  });

  it("covers what a store still has", async () => {
    const proxy = await primed("/a");
    const found = proxy.stored("/a");
    if (found.type !== "found") throw new Error("expected an entry");
    await send(proxy, "PUT");
    // As another tier would, which nobody has told yet.
    proxy.memory.keep(uriOf("/a"), found.entry);
    expect(await isHit(proxy, "/a")).toBe(false);
  });

  it("during a fetch keeps the fetched from being stored", async () => {
    const proxy = aProxy();
    const fetching = proxy.get("/a");
    await settled();
    const body = proxy.origin.last.begin({ cc: "max-age=60" }).push("old");
    await settled();
    await send(proxy, "PUT");
    body.end();
    expect((await fetching).text).toBe("old");
    await proxy.drain();
    expect(proxy.stored("/a").type).toBe("none");
    expect(proxy.of("not-stored").map(({ reason }) => reason)).toEqual(["purged"]);
  });

  it("during a validation keeps the validated from being stored as fresh", async () => {
    const proxy = aProxy();
    await proxy.prime("/v", "old", { cc: "max-age=5", etag: '"1"' });
    proxy.advance(6);
    const validating = proxy.get("/v");
    await settled();
    const asked = proxy.origin.last;
    await proxy.purges.purge([url(uriOf("/v"))]);
    asked.notModified({ cc: "max-age=5", etag: '"1"' });
    expect((await validating).cache).toBe("HIT/REVALIDATED");
    await proxy.drain();
    expect(proxy.stored("/v").type).toBe("none");
  });
});
