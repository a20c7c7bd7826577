import { describe, expect, it } from "vitest";
import { aProxy, PATIENCE_MS, settled, type TestProxy, tally } from "./harness.ts";

const CROWD = 500;
const cc = "max-age=600";

/** A crowd that waits for a leader of which nothing comes. */
async function waiting(proxy: TestProxy, count = CROWD) {
  const answers = Array.from({ length: count }, () => proxy.get("/hot"));
  await settled();
  return answers;
}

async function patienceEnds(proxy: TestProxy): Promise<number> {
  proxy.timers.fire(PATIENCE_MS);
  await settled();
  return proxy.origin.asked.length;
}

describe("a leader of which nothing comes", () => {
  it("is joined by one more at a time, three at most, however many wait", async () => {
    const proxy = aProxy();
    const answers = await waiting(proxy);
    const asked = [proxy.origin.asked.length];
    for (let i = 0; i < 5; i++) asked.push(await patienceEnds(proxy));
    expect(asked).toEqual([1, 2, 3, 3, 3, 3]);
    expect(proxy.timers.pending).toBe(0);
    proxy.origin.asked[2]!.answer("third", { cc });
    for (const hanging of [0, 1]) proxy.origin.asked[hanging]!.fail("timeout");
    expect(
      tally((await Promise.all(answers)).map(({ status, text }) => `${status} ${text.slice(0, 5)}`)),
    ).toEqual({
      "200 third": CROWD - 2,
      '504 {"cod': 2,
    });
    await proxy.drain();
    expect([proxy.coalescer.size, proxy.budget.used]).toEqual([0, 0]);
    expect((await proxy.get("/hot")).cache).toBe("HIT/HIT");
  });

  it("that times out leaves those who wait to the next; when the last has, all share the error", async () => {
    const proxy = aProxy();
    const answers = await waiting(proxy);
    for (let i = 0; i < 2; i++) await patienceEnds(proxy);
    for (const asked of [...proxy.origin.asked]) {
      asked.fail("timeout");
      await settled();
    }
    expect(tally((await Promise.all(answers)).map(({ status }) => String(status)))).toEqual({ "504": CROWD });
    expect(proxy.origin.asked).toHaveLength(3);
    expect([proxy.coalescer.size, proxy.timers.pending]).toEqual([0, 0]);
    // The next to come finds nothing of it.
    const next = proxy.get("/hot");
    await settled();
    proxy.origin.last.answer("well", { cc });
    expect((await next).text).toBe("well");
  });

  it("that was only slow serves all who wait, and is stored", async () => {
    const proxy = aProxy();
    const answers = await waiting(proxy);
    expect(await patienceEnds(proxy)).toBe(2);
    const late = proxy.get("/hot");
    await settled();
    proxy.origin.asked[0]!.answer("slow", { cc });
    await settled();
    proxy.origin.asked[1]!.fail("reset");
    expect((await late).text).toBe("slow");
    expect(tally((await Promise.all(answers)).map(({ status }) => String(status)))).toEqual({
      "200": CROWD - 1,
      "502": 1,
    });
    await proxy.drain();
    const hit = await proxy.get("/hot");
    expect([hit.cache, hit.text]).toEqual(["HIT/HIT", "slow"]);
    expect(proxy.origin.asked).toHaveLength(2);
  });

  it("that fails, and one who takes over and hangs, and one beside it, are three together", async () => {
    const proxy = aProxy();
    const answers = await waiting(proxy, 50);
    proxy.origin.asked[0]!.fail("reset");
    await settled();
    for (let i = 0; i < 4; i++) await patienceEnds(proxy);
    for (const asked of [...proxy.origin.asked]) asked.fail("timeout");
    await Promise.all(answers);
    expect(proxy.origin.asked).toHaveLength(3);
  });

  it("is not joined by those who have a stale response to fall back on", async () => {
    const proxy = aProxy();
    await proxy.prime("/hot", "old", { cc: "max-age=5,stale-if-error=60", etag: '"1"' });
    proxy.advance(6);
    const answers = await waiting(proxy);
    expect([proxy.timers.pending, await patienceEnds(proxy)]).toEqual([0, 1]);
    proxy.origin.last.fail("timeout");
    expect(tally((await Promise.all(answers)).map(({ cache }) => cache))).toEqual({ "HIT/STALE": CROWD });
  });
});
