import { describe, expect, it } from "vitest";
import type { Arrives } from "../../src/cache/leases.ts";
import type { Entry, SentBody } from "../../src/cache/ports/store.ts";
import { type Head, PATIENCE_MS, settled, uriOf } from "./harness.ts";
import { anInstance, FRESH, fetchedElsewhere, ScriptedArrival, STORED, storedElsewhere } from "./instance.ts";

const arrivesAt = (at: string, sinceHeadMs = 0): Arrives => ({ type: "arrives", at, sinceHeadMs });
type Instance = ReturnType<typeof anInstance>;

/** A response of ten bytes that another instance is getting, to be followed at `at`. */
async function arriving({ proxy, arrivals }: Instance, head: Head = FRESH, selecting = {}) {
  const { stored } = await fetchedElsewhere(proxy, "/a", "0123456789", head);
  const arrival = new ScriptedArrival({ ...stored, selectingFields: selecting });
  arrivals.there.set("there", arrival);
  return arrival;
}

describe("a miss that another instance fetches", () => {
  it("is answered, for all who wait here, while its body arrives, from one flight", async () => {
    const instance = anInstance();
    const { leases, arrivals, get, head, origin, coalescer, budget } = instance;
    const arrival = await arriving(instance);
    const news = leases.elsewhere();
    const early = Array.from({ length: 3 }, () => get("/a"));
    const first = head("/a");
    await settled();
    news(arrivesAt("there"));
    const { body, fields } = await first;
    expect(fields).toContain("Content-Length");
    if (body.type !== "stream") throw new Error(body.type);
    const pieces = body.stream[Symbol.asyncIterator]();
    arrival.body.push("01234");
    expect(Buffer.from((await pieces.next()).value ?? []).toString()).toBe("01234");
    const late = get("/a");
    await settled();
    arrival.body.push("56789").end();
    for (const answer of [...early, late]) {
      const { text, cache, cacheStatus, broken, field } = await answer;
      expect([text, cache, cacheStatus, broken]).toEqual([
        "0123456789",
        "MISS/MISS",
        "freshline; fwd=uri-miss; collapsed",
        false,
      ]);
      expect(field("content-length")).toBe("10");
    }
    await pieces.return?.();
    expect([arrivals.followed, arrival.body.iterated, origin.asked.length]).toEqual([["there"], 1, 0]);
    // Until it is in the store, whoever comes joins.
    arrival.end(true);
    await settled();
    expect(coalescer.size).toBe(1);
    news(STORED);
    await settled();
    expect([coalescer.size, budget.used, leases.asked.length]).toEqual([0, 0, 1]);
  });

  it("is followed by who asks in the middle", async () => {
    const instance = anInstance();
    const { leases, get, origin } = instance;
    const arrival = await arriving(instance);
    leases.elsewhere("there");
    const answer = get("/a");
    arrival.body.push("0123456789").end();
    expect((await answer).text).toBe("0123456789");
    expect(origin.asked).toHaveLength(0);
  });

  it("breaks off for those who have its head, and whoever comes then asks anew", async () => {
    const instance = anInstance();
    const { leases, get, origin, coalescer } = instance;
    const arrival = await arriving(instance);
    leases.elsewhere("there");
    const answers = [get("/a"), get("/a")];
    await settled();
    arrival.body.push("01234").fail();
    arrival.end(false);
    for (const { text, broken } of await Promise.all(answers))
      expect([text, broken]).toEqual(["01234", true]);
    expect(coalescer.size).toBe(0);
    const next = get("/a");
    await settled();
    origin.last.answer("anew", FRESH);
    expect((await next).text).toBe("anew");
  });

  it("is let go of where nobody here reads it any more, once it is in the store", async () => {
    const instance = anInstance();
    const { leases, head, coalescer, budget } = instance;
    const arrival = await arriving(instance);
    const news = leases.elsewhere("there");
    const { body } = await head("/a");
    if (body.type !== "stream") throw new Error(body.type);
    const pieces = body.stream[Symbol.asyncIterator]();
    arrival.body.push("01234", "56789");
    await pieces.next();
    await pieces.return?.();
    await settled();
    // Somebody may still come.
    expect([arrival.body.returned, coalescer.size]).toEqual([false, 1]);
    arrival.end(true);
    news(STORED);
    await settled();
    expect([arrival.body.returned, coalescer.size, budget.used]).toEqual([true, 0, 0]);
  });

  it("is read no faster than the fastest client takes it", async () => {
    const instance = anInstance();
    const arrival = await arriving(instance);
    instance.leases.elsewhere("there");
    const [fast, slow] = await Promise.all([instance.head("/a"), instance.head("/a")]);
    if (fast.body.type !== "stream" || slow.body.type !== "stream") throw new Error("no streams");
    const pieces = fast.body.stream[Symbol.asyncIterator]();
    arrival.body.push(..."0123456789").end();
    await pieces.next();
    await pieces.next();
    await settled();
    // One more may have been asked for before the last was taken.
    expect(arrival.body.taken).toBeLessThanOrEqual(3);
    expect(arrival.body.taken).toBeGreaterThanOrEqual(2);
  });

  it("is passed on where there is no memory to keep it, to those who read it", async () => {
    const instance = anInstance({ flightBytes: 4 });
    const { leases, get, budget, coalescer } = instance;
    const arrival = await arriving(instance);
    leases.elsewhere("there");
    const answers = [get("/a"), get("/a")];
    arrival.body.push("01234", "56789").end();
    for (const { text } of await Promise.all(answers)) expect(text).toBe("0123456789");
    expect([budget.used, coalescer.size]).toEqual([0, 0]);
  });

  it("cannot be followed: it is waited for as a whole", async () => {
    const { proxy, leases, arrivals, get, origin } = anInstance();
    const news = leases.elsewhere();
    const answer = get("/a");
    await settled();
    news(arrivesAt("nowhere"));
    await settled();
    expect(arrivals.followed).toEqual(["nowhere"]);
    await storedElsewhere(proxy, "/a", "theirs", FRESH);
    news(STORED);
    expect((await answer).text).toBe("theirs");
    expect(origin.asked).toHaveLength(0);
  });

  it("cannot be followed, and takes longer than its lease: who has waited asks the origin", async () => {
    const { leases, get, origin, timers } = anInstance();
    const news = leases.elsewhere("nowhere");
    leases.elsewhere("nowhere");
    const answer = get("/a");
    await settled();
    timers.fire(PATIENCE_MS);
    news({ type: "lapsed" });
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
  });

  it("is followed where the next to lead gets it, though the last could not be", async () => {
    const instance = anInstance();
    const { leases, get, origin } = instance;
    const news = leases.elsewhere("nowhere");
    leases.elsewhere("there");
    const arrival = await arriving(instance);
    const answer = get("/a");
    await settled();
    news({ type: "lapsed" });
    arrival.body.push("0123456789").end();
    expect((await answer).text).toBe("0123456789");
    expect(origin.asked).toHaveLength(0);
  });
});

describe("what arrives is no answer", () => {
  it("where another variant is asked for: that has a lease of its own", async () => {
    const instance = anInstance();
    const { leases, get, origin } = instance;
    const head = { cc: "max-age=60", fields: ["Vary", "X-Tier"] };
    const arrival = await arriving(instance, FRESH, { "x-tier": "silver" });
    leases.elsewhere("there");
    const gold = get("/a", { fields: ["X-Tier", "gold"] });
    await settled();
    expect(leases.asked.map(({ variant }) => variant)).toEqual(["", '[["x-tier","gold"]]']);
    expect(arrival.body.returned).toBe(true);
    origin.last.answer("gold", head);
    expect((await gold).text).toBe("gold");
  });

  it.each(["delete", "invalidate"] as const)("where a purge (%s) has covered it", async (mode) => {
    const instance = anInstance();
    const { leases, get, origin, purges } = instance;
    const arrival = await arriving(instance);
    const news = leases.elsewhere();
    const answer = get("/a");
    await settled();
    await purges.purge([{ type: "url", key: uriOf("/a") }], mode);
    news(arrivesAt("there"));
    await settled();
    expect([arrival.body.returned, origin.asked.length]).toEqual([true, 0]);
    news({ type: "lapsed" });
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
  });

  it("after a purge in the middle, for those who come later; who has it goes on", async () => {
    const instance = anInstance();
    const { leases, get, origin, purges } = instance;
    const arrival = await arriving(instance);
    leases.elsewhere("there");
    const early = get("/a");
    arrival.body.push("01234");
    await settled();
    await purges.purge([{ type: "url", key: uriOf("/a") }]);
    const late = get("/a");
    await settled();
    expect(origin.asked).toHaveLength(1);
    origin.last.answer("new", FRESH);
    expect((await late).text).toBe("new");
    arrival.body.push("56789").end();
    expect((await early).text).toBe("0123456789");
  });

  it("where purges have not been heard for too long", async () => {
    const instance = anInstance();
    const { leases, get, origin, log } = instance;
    const arrival = await arriving(instance, { cc: "max-age=86400" });
    const news = leases.elsewhere("there");
    instance.advance(3600);
    log.behind = Number.POSITIVE_INFINITY;
    const answer = get("/a");
    await settled();
    expect(arrival.body.returned).toBe(true);
    news({ type: "unkept" });
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await answer).text).toBe("ours");
  });

  it("that is stale already, for those who came after its head", async () => {
    const instance = anInstance();
    const { leases, get, origin, advance } = instance;
    const arrival = await arriving(instance, { cc: "max-age=0", etag: '"1"' });
    const news = leases.elsewhere();
    const early = get("/a");
    await settled();
    advance(2);
    const late = get("/a");
    await settled();
    news(arrivesAt("there", 1000));
    arrival.body.push("0123456789").end();
    expect((await early).text).toBe("0123456789");
    await settled();
    expect(origin.asked).toHaveLength(1);
    origin.last.answer("ours", FRESH);
    expect((await late).text).toBe("ours");
  });
});

describe("a body that this instance fetches", () => {
  const LONG = "x".repeat(1000);
  const whole = { record: "FL2c", checksum: 1 };

  it("is left in the store while it arrives, where others hear of it, and stored as it lies there", async () => {
    const { leases, arrivals, get, origin, drain, advance, store } = anInstance();
    const puts: unknown[] = [];
    store.put = async (_key: string, _entry: Entry, sent?: SentBody) => void puts.push(sent);
    arrivals.outcome = Promise.resolve(whole);
    const answer = get("/a");
    await settled();
    const body = origin.last.begin({ ...FRESH, fields: ["Content-Length", "1000"] });
    await settled();
    expect(arrivals.sent).toMatchObject([{ key: uriOf("/a"), stored: { bodyLength: 1000 } }]);
    advance(3);
    arrivals.sent[0]!.tell("here");
    expect(leases.told).toEqual([{ type: "arrives", at: "here", sinceHeadMs: 3000 }]);
    body.push(LONG).end();
    expect((await answer).text).toBe(LONG);
    await drain();
    expect(puts).toEqual([whole]);
    expect(leases.ends).toMatchObject([{ type: "stored" }]);
  });

  it("is not stored before all of it is there that others read", async () => {
    const { arrivals, get, origin, drain, stored } = anInstance();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    arrivals.outcome = promise;
    const answer = get("/a");
    await settled();
    origin.last.answer(LONG, FRESH);
    await answer;
    await settled();
    expect(stored("/a").type).toBe("none");
    resolve(undefined);
    await drain();
    expect(stored("/a").type).toBe("found");
  });

  it.each([
    ["its length is not known", { ...FRESH }],
    ["it may not be stored", { cc: "no-store", fields: ["Content-Length", "1000"] }],
    ["it is one client's", { cc: "private, max-age=60", fields: ["Content-Length", "1000"] }],
  ])("is nobody else's to read where %s", async (_, head) => {
    const { arrivals, get, origin, drain } = anInstance();
    const answer = get("/a");
    await settled();
    origin.last.begin(head).push(LONG).end();
    expect((await answer).text).toBe(LONG);
    await drain();
    expect(arrivals.sent).toEqual([]);
  });

  it("is nobody else's to read where nobody could know of it: without a lease, and in part", async () => {
    const { leases, arrivals, get, origin, drain } = anInstance();
    leases.next({ type: "unknown" });
    const answer = get("/a");
    await settled();
    origin.last.answer(LONG, FRESH);
    await answer;
    const part = get("/b", { fields: ["Range", "bytes=0-9"] });
    await settled();
    const fields = ["Content-Range", "bytes 0-9/1000", "Content-Length", "10"];
    origin.last
      .begin({ ...FRESH, status: 206, etag: '"1"', fields })
      .push("0123456789")
      .end();
    expect((await part).status).toBe(206);
    await drain();
    expect(arrivals.sent).toEqual([]);
  });

  it("and cannot be kept is for those alone who read it", async () => {
    const { arrivals, get, origin, drain } = anInstance({ flightBytes: 500 });
    const answer = get("/a");
    await settled();
    origin.last.answer(LONG, FRESH);
    expect((await answer).text).toBe(LONG);
    await drain();
    expect([arrivals.sent.length, arrivals.unkept]).toEqual([1, 1]);
  });
});
