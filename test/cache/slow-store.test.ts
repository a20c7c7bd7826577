import { describe, expect, it } from "vitest";
import { STORE_PATIENCE_MS, settled } from "./harness.ts";
import { anInstance, FRESH, fetchedElsewhere, ScriptedArrival, STORED } from "./instance.ts";

const LOOKED_MS = 240;
const LEFT_MS = STORE_PATIENCE_MS - LOOKED_MS;

/** An instance whose look-up takes nearly all the time that a request has for the store. */
function slowly() {
  const instance = anInstance();
  const { store, memory, clock } = instance;
  let looks = 0;
  store.lookup = (key, request) => {
    if (++looks === 1) clock.at += LOOKED_MS;
    return memory.lookup(key, request);
  };
  const answersLate = Promise.withResolvers<void>();
  return { ...instance, looks: () => looks, late: answersLate.promise, answer: () => answersLate.resolve() };
}

describe("a miss whose look-up took nearly as long as the store may take", () => {
  it("waits for a lease for the rest of the time alone, and gives it back when it comes late", async () => {
    const { leases, get, origin, timers, late, answer, drain } = slowly();
    leases.hold = late;
    const [first, second] = [get("/a"), get("/a")];
    await settled();
    expect([leases.asked.length, origin.asked.length]).toEqual([1, 0]);
    timers.fire(LEFT_MS);
    await settled();
    expect(origin.asked).toHaveLength(1);
    origin.last.answer("ours", FRESH);
    expect([(await first).text, (await second).text]).toEqual(["ours", "ours"]);
    await drain();
    expect([leases.ends.length, timers.pending]).toEqual([0, 0]);
    answer();
    await settled();
    expect(leases.ends).toEqual([{ type: "lapsed" }]);
  });

  it("has the lease that comes in time", async () => {
    const { leases, get, origin, timers, drain } = slowly();
    const asking = get("/a");
    await settled();
    origin.last.answer("ours", FRESH);
    expect((await asking).text).toBe("ours");
    await drain();
    expect(leases.ends.map(({ type }) => type)).toEqual(["stored"]);
    expect(timers.pending).toBe(0);
  });

  it("does not wait for the lease of another where it cannot look what that has stored", async () => {
    const { leases, get, origin, timers, store, memory } = slowly();
    const end = leases.elsewhere();
    const asking = get("/a");
    await settled();
    const { promise } = Promise.withResolvers<ReturnType<typeof memory.lookup>>();
    store.lookup = () => promise;
    end(STORED);
    await settled();
    timers.fire(LEFT_MS);
    await settled();
    // Neither that look-up nor one more lease.
    expect([leases.asked.length, origin.asked.length]).toEqual([1, 1]);
    origin.last.answer("ours", FRESH);
    expect((await asking).text).toBe("ours");
  });

  it("asks the origin where it cannot see in time what arrives, and lets go of that when it can", async () => {
    const { proxy, leases, arrivals, get, origin, timers, late, answer, budget, drain } = slowly();
    const { stored } = await fetchedElsewhere(proxy, "/a", "0123456789", FRESH);
    const arrival = new ScriptedArrival({ ...stored, selectingFields: {} });
    arrivals.there.set("there", arrival);
    arrivals.hold = late;
    leases.elsewhere("there");
    const asking = get("/a");
    await settled();
    timers.fire(LEFT_MS);
    await settled();
    expect([arrivals.followed.length, origin.asked.length]).toEqual([1, 1]);
    origin.last.answer("ours", FRESH);
    expect((await asking).text).toBe("ours");
    await drain();
    answer();
    await settled();
    expect([arrival.body.returned, budget.used]).toEqual([true, 0]);
  });

  it("waits for another's fetch as long as that takes: that is no time of the store", async () => {
    const { leases, get, origin, clock, timers } = slowly();
    const end = leases.elsewhere();
    const asking = get("/a");
    await settled();
    clock.at += 60_000;
    timers.fire(LEFT_MS);
    await settled();
    expect(origin.asked).toHaveLength(0);
    end({ type: "lapsed" });
    await settled();
    expect(leases.asked).toHaveLength(2);
    origin.last.answer("ours", FRESH);
    expect((await asking).text).toBe("ours");
  });
});
