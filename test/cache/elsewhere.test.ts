import { describe, expect, it } from "vitest";
import type { LeaseAnswer, LeaseEnd } from "../../src/cache/leases.ts";
import { type Head, PATIENCE_MS, settled, uriOf } from "./harness.ts";
import { anInstance, FRESH, failedAfter, fetchedElsewhere, STORED, storedElsewhere } from "./instance.ts";

describe("a miss that another instance fetches", () => {
  it("is answered, for all who wait here, by what that has stored", async () => {
    const { proxy, leases, get, origin } = anInstance();
    const end = leases.elsewhere();
    const answers = Array.from({ length: 5 }, () => get("/a"));
    await settled();
    await storedElsewhere(proxy, "/a", "theirs", FRESH);
    proxy.advance(2);
    end(STORED);
    for (const { text, cache, cacheStatus } of await Promise.all(answers))
      expect([text, cache, cacheStatus]).toEqual([
        "theirs",
        "MISS/MISS",
        "freshline; fwd=uri-miss; collapsed",
      ]);
    expect(origin.asked).toHaveLength(0);
    expect(leases.asked).toMatchObject([
      { key: uriOf("/a"), variant: "", failed: 0, beside: true, wait: true },
    ]);
    // Who asked for all waited for the other instance, the others for that one.
    const scopes = ["cluster", "process", "process", "process", "process"];
    expect(proxy.of("coalesced").map(({ scope }) => scope)).toEqual(scopes);
    expect(proxy.of("coalesced").map(({ waitedMs }) => waitedMs)).toEqual(Array(5).fill(2000));
    expect(proxy.coalescer.size).toBe(0);
    expect(proxy.timers.pending).toBe(0);
    expect((await get("/a")).cache).toBe("HIT/HIT");
    expect(leases.asked).toHaveLength(1);
  });

  it.each<[string, LeaseAnswer]>([
    ["nobody can tell", { type: "unknown" }],
    ["it is not to be had from the store", { type: "ended", end: { type: "unkept" } }],
  ])("is fetched here where %s", async (_, answer) => {
    const { leases, get, origin, drain } = anInstance();
    leases.next(answer);
    const answers = [get("/a"), get("/a")];
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(["ours", "ours"]);
    await drain();
    expect(origin.asked).toHaveLength(1);
    expect(leases.ends).toEqual([]);
  });

  it("is asked for again where the store does not have it: of the variant, and three times at most", async () => {
    const { leases, get, origin } = anInstance();
    const ends = [leases.elsewhere(), leases.elsewhere(), leases.elsewhere()];
    const answer = get("/a", { fields: ["X-Tier", "gold"] });
    for (const end of ends) {
      await settled();
      end({ ...STORED, selecting: ["x-tier"] });
    }
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
    const variant = '[["x-tier","gold"]]';
    expect(leases.asked.map(({ variant, again }) => [variant, again])).toEqual([
      ["", false],
      [variant, true],
      [variant, true],
    ]);
    expect(leases.ends).toEqual([]);
  });

  it("is asked for again when nobody can tell what came of it", async () => {
    const { leases, get, origin } = anInstance();
    const end = leases.elsewhere();
    const answer = get("/a");
    await settled();
    end({ type: "lapsed" });
    await settled();
    expect(leases.asked.map(({ again, failed }) => [again, failed])).toEqual([
      [false, 0],
      [false, 0],
    ]);
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
  });

  it("may be stale already, for those who were there when its head came, and for nobody else", async () => {
    const { proxy, leases, get, origin, advance } = anInstance();
    const end = leases.elsewhere();
    const early = get("/a");
    await settled();
    advance(2);
    const late = get("/a");
    await settled();
    await storedElsewhere(proxy, "/a", "theirs", { cc: "max-age=0", etag: '"1"' });
    end({ ...STORED, sinceHeadMs: 1000 });
    expect((await early).text).toBe("theirs");
    await settled();
    expect(origin.asked).toHaveLength(1);
    origin.last.answer("ours", FRESH);
    expect((await late).text).toBe("ours");
  });

  it("that ended before it was asked for here has to be fresh", async () => {
    const { proxy, leases, get, origin } = anInstance();
    leases.next({ type: "ended", end: STORED });
    const answer = get("/a");
    await storedElsewhere(proxy, "/a", "theirs", { cc: "max-age=0", etag: '"1"' });
    await settled();
    expect(leases.asked.map(({ again }) => again)).toEqual([false, true]);
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
  });

  it.each([true, false])(
    "may not be shared: each goes alone, and it is remembered if that lasts (%s)",
    async (lasting) => {
      const { leases, get, origin, uncacheable, now } = anInstance();
      const end = leases.elsewhere();
      const answers = [get("/a"), get("/a"), get("/a")];
      await settled();
      end({ type: "uncacheable", lasting });
      await settled();
      expect(uncacheable.has(uriOf("/a"), now())).toBe(lasting);
      expect(origin.asked).toHaveLength(3);
      for (const asked of origin.asked) asked.answer("own", { cc: "no-store" });
      for (const answer of answers) expect((await answer).text).toBe("own");
      expect(leases.asked).toHaveLength(1);
    },
  );

  it("fails: another leads, and knows who has failed", async () => {
    const { leases, get, origin } = anInstance();
    const end = leases.elsewhere();
    const answer = get("/a");
    await settled();
    end(failedAfter(2));
    await settled();
    expect(leases.asked.map(({ failed }) => failed)).toEqual([0, 2]);
    origin.last.fail("refused");
    expect((await answer).status).toBe(502);
    expect(leases.ends).toEqual([{ type: "failed", leaders: 3, code: "refused" }]);
  });

  it("fails for the third time: nobody here asks, and all have the error", async () => {
    const { leases, get, origin } = anInstance();
    const end = leases.elsewhere();
    const answers = [get("/a"), get("/a"), get("/a")];
    await settled();
    end(failedAfter(3));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(504);
    expect(origin.asked).toHaveLength(0);
    expect(leases.asked).toHaveLength(1);
  });

  it("fails for the second time, slowly: nobody asks a third time, and all have the error", async () => {
    const { leases, get, origin, advance } = anInstance();
    const end = leases.elsewhere();
    const answers = [get("/a"), get("/a"), get("/a")];
    await settled();
    advance(0.5);
    end(failedAfter(2));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(504);
    expect([origin.asked.length, leases.asked.length]).toEqual([0, 1]);
  });

  it("fails here for the third time in the fleet: those who wait here do not ask either", async () => {
    const { leases, get, origin } = anInstance();
    leases.next({ type: "ended", end: failedAfter(2) });
    const answers = [get("/a"), get("/a"), get("/a")];
    await settled();
    origin.last.fail("refused");
    for (const { status } of await Promise.all(answers)) expect(status).toBe(502);
    expect(origin.asked).toHaveLength(1);
  });

  it("takes long to arrive: who has waited asks the origin", async () => {
    const { leases, get, origin } = anInstance();
    const end = leases.elsewhere(true);
    leases.elsewhere(true);
    const answer = get("/a");
    await settled();
    expect(origin.asked).toHaveLength(0);
    end({ type: "lapsed" });
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
    expect(leases.ends).toEqual([]);
  });

  it("leaves those who wait here patient: how long that takes is the fleet's to say", async () => {
    const { leases, get, origin, timers } = anInstance();
    const end = leases.elsewhere();
    const answers = [get("/a"), get("/a")];
    await settled();
    for (let i = 0; i < 3; i++) {
      timers.fire(PATIENCE_MS);
      await settled();
    }
    expect([leases.asked.length, origin.asked.length]).toEqual([1, 0]);
    end({ type: "lapsed" });
    await settled();
    expect(origin.asked).toHaveLength(1);
    // From here on it is one of theirs who leads.
    timers.fire(PATIENCE_MS);
    await settled();
    expect([leases.asked.length, origin.asked.length]).toEqual([3, 2]);
    origin.asked[1]!.answer("ours", FRESH);
    origin.asked[0]!.answer("ours", FRESH);
    for (const answer of answers) expect((await answer).text).toBe("ours");
  });

  it("and was purged meanwhile is no answer, not even a stale one", async () => {
    for (const mode of ["delete", "invalidate"] as const) {
      const { proxy, leases, get, origin, purges } = anInstance();
      const end = leases.elsewhere();
      const answer = get("/a");
      await settled();
      await storedElsewhere(proxy, "/a", "theirs", { cc: "max-age=60,stale-if-error=60" });
      await purges.purge([{ type: "url", key: uriOf("/a") }], mode);
      end(STORED);
      await settled();
      origin.last.answer("ours", FRESH);
      expect((await answer).text).toBe("ours");
    }
  });

  it("is answered with the store away", async () => {
    const { leases, get, origin, store } = anInstance();
    const end = leases.elsewhere();
    const answer = get("/a");
    await settled();
    store.failing.add("lookup");
    end(STORED);
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
  });
});

describe("a stale response that another instance validates", () => {
  const STALE: Head = { cc: "max-age=5,stale-if-error=60", etag: '"1"' };
  async function stale(head = STALE) {
    const instance = anInstance();
    await instance.prime("/a", "old", head);
    instance.leases.asked.length = 0;
    instance.leases.ends.length = 0;
    instance.advance(6);
    return instance;
  }

  it("is answered as validated, or as replaced", async () => {
    for (const validated of [true, false]) {
      const { proxy, leases, get, origin } = await stale();
      const end = leases.elsewhere();
      const answer = get("/a");
      await settled();
      await storedElsewhere(proxy, "/a", "new", FRESH);
      end({ ...STORED, validated });
      const { text, cache, cacheStatus } = await answer;
      expect([text, cache, cacheStatus]).toEqual(
        validated
          ? ["new", "HIT/REVALIDATED", "freshline; fwd=stale; fwd-status=304; collapsed"]
          : ["new", "MISS/EXPIRED", "freshline; fwd=stale; collapsed"],
      );
      expect(origin.asked).toHaveLength(0);
    }
  });

  it("adds no leader to theirs, and is used as soon as they fail", async () => {
    const { leases, get, origin } = await stale();
    const end = leases.elsewhere();
    const answer = get("/a");
    await settled();
    expect(leases.asked).toMatchObject([{ beside: false }]);
    end(failedAfter(1));
    expect((await answer).cache).toBe("HIT/STALE");
    expect(origin.asked).toHaveLength(0);
  });

  it("is not taken for the new one where that has not reached the store", async () => {
    const { leases, get, origin } = await stale();
    const end = leases.elsewhere();
    const answer = get("/a");
    await settled();
    end(STORED);
    await settled();
    origin.last.notModified(FRESH);
    expect((await answer).cache).toBe("HIT/REVALIDATED");
  });
});

describe("a background refresh", () => {
  const CC = "max-age=5,stale-while-revalidate=60";
  async function stale() {
    const instance = anInstance();
    await instance.prime("/a", "old", { cc: CC, etag: '"1"' });
    instance.leases.asked.length = 0;
    instance.leases.ends.length = 0;
    instance.advance(6);
    return instance;
  }

  it("is left to the instance that is at it", async () => {
    const { leases, get, origin, drain } = await stale();
    leases.elsewhere();
    expect((await get("/a")).cache).toBe("HIT/UPDATING");
    await drain();
    expect(leases.asked).toMatchObject([{ wait: false, beside: false }]);
    expect(origin.asked).toHaveLength(0);
    // The next request asks again.
    await get("/a");
    expect(origin.asked).toHaveLength(1);
    origin.last.notModified({ cc: CC });
    await drain();
    expect(leases.ends).toMatchObject([{ type: "stored", validated: true }]);
  });

  it("is left to the instance that has just done it, unless the store shows nothing of that", async () => {
    const { proxy, leases, get, origin, drain } = await stale();
    const { lookup } = proxy.store;
    leases.next({ type: "ended", end: STORED });
    await get("/a");
    await settled();
    expect(leases.asked.map(({ again }) => again)).toEqual([false, true]);
    expect(origin.asked).toHaveLength(1);
    origin.last.answer("new", { cc: CC });
    await drain();
    proxy.advance(6);
    leases.next({ type: "ended", end: STORED });
    // Stored between the request's look at the store and the refresh's.
    const newer = await fetchedElsewhere(proxy, "/a", "newer", { cc: CC });
    let looks = 0;
    proxy.store.lookup = (key, request) => {
      if (++looks === 2) proxy.memory.keep(key, newer);
      return lookup.call(proxy.store, key, request);
    };
    await get("/a");
    await drain();
    expect([looks, origin.asked.length]).toEqual([2, 1]);
    expect((await get("/a")).text).toBe("newer");
  });

  it("goes on without a lease where nobody can tell", async () => {
    const { leases, get, origin, drain } = await stale();
    leases.next({ type: "unknown" });
    await get("/a");
    await settled();
    expect(origin.asked).toHaveLength(1);
    origin.last.notModified({ cc: CC });
    await drain();
  });

  it("gives its lease back where somebody here leads already", async () => {
    const { proxy, leases, request, refresh, origin, drain, get, purges } = await stale();
    const found = proxy.stored("/a");
    if (found.type !== "found") throw new Error("nothing is stored");
    await purges.purge([{ type: "url", key: uriOf("/a") }]);
    leases.next({ type: "unknown" });
    const leading = get("/a");
    await settled();
    await refresh.enqueue(request("/a"), found.entry);
    expect(leases.ends).toEqual([{ type: "lapsed" }]);
    expect(origin.asked).toHaveLength(1);
    origin.last.answer("new", FRESH);
    await leading;
    await drain();
  });
});

describe("who holds the lease", () => {
  it("tells of a response when it is in the store, not before, with what selects it", async () => {
    const { leases, get, origin, drain, store, advance } = anInstance();
    const { promise, resolve } = Promise.withResolvers<void>();
    store.holdPuts = promise;
    const answer = get("/a");
    await settled();
    origin.last.answer("ours", { ...FRESH, fields: ["Vary", "Accept-Language, Accept"] });
    await answer;
    await settled();
    expect([leases.arrived, leases.ends.length]).toEqual([1, 0]);
    advance(3);
    resolve();
    await drain();
    expect(leases.ends).toEqual([
      { type: "stored", sinceHeadMs: 3000, selecting: ["accept", "accept-language"], validated: false },
    ]);
  });

  const fetches: [string, LeaseEnd, (instance: ReturnType<typeof anInstance>) => void][] = [
    [
      "Set-Cookie",
      { type: "uncacheable", lasting: true },
      ({ origin }) => {
        origin.last.answer("x", { ...FRESH, fields: ["Set-Cookie", "a=b"] });
      },
    ],
    [
      "too large",
      { type: "uncacheable", lasting: true },
      ({ origin }) => {
        origin.last.begin(FRESH).push("x".repeat(200)).end();
      },
    ],
    ["an origin that refuses", failedWith("refused"), ({ origin }) => origin.last.fail("refused")],
    [
      "an origin that answers 503",
      failedWith("error-status"),
      ({ origin }) => {
        origin.last.answer("x", { status: 503 });
      },
    ],
    [
      "a body that breaks off",
      failedWith("reset"),
      ({ origin }) => {
        origin.last.begin(FRESH).push("x").fail();
      },
    ],
    [
      "a store that fails",
      { type: "unkept" },
      ({ origin, store }) => {
        store.failing.add("put");
        origin.last.answer("x", FRESH);
      },
    ],
    [
      "no room for flights",
      { type: "unkept" },
      ({ origin, budget }) => {
        budget.take(1000);
        origin.last.answer("x", FRESH);
      },
    ],
  ];
  function failedWith(code: Extract<LeaseEnd, { type: "failed" }>["code"]): LeaseEnd {
    return { type: "failed", leaders: 1, code };
  }

  it.each(fetches)("tells of %s", async (_, end, answer) => {
    const instance = anInstance({ maxObjectBytes: 100, flightBytes: 1000 });
    const { leases, get, drain } = instance;
    const answered = get("/a");
    await settled();
    answer(instance);
    await answered;
    await drain();
    expect(leases.ends).toEqual([end]);
  });

  it("tells nothing of what was purged meanwhile but that it is over", async () => {
    const { leases, get, origin, purges, drain } = anInstance();
    const answer = get("/a");
    await settled();
    const body = origin.last.begin(FRESH).push("old");
    await purges.purge([{ type: "url", key: uriOf("/a") }]);
    body.end();
    await answer;
    await drain();
    expect(leases.ends).toEqual([{ type: "lapsed" }]);
  });

  it("is nobody who goes alone, or finds what he wants", async () => {
    const { leases, get, origin, prime, uncacheable, now } = anInstance();
    await prime("/hit", "x", FRESH);
    leases.asked.length = 0;
    await get("/hit");
    uncacheable.remember(uriOf("/login"), now());
    origin.script = (asked) => void asked.answer("x", { cc: "no-store" });
    await get("/a", { method: "HEAD" });
    await get("/a", { method: "POST" });
    await get("/a", { fields: ["Authorization", "Basic eDp5"] });
    await get("/a", { fields: ["Range", "bytes=0-1"] });
    await get("/login");
    expect(leases.asked).toEqual([]);
  });
});
