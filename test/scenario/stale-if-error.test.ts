import { expect, it } from "vitest";
import { type Site, startSite } from "./site.ts";

const DATA = "/data?id=1&cache-control=stale-if-error=10,max-age=5";

const FAULTS: readonly (readonly [string, object, { status: number; code: string; said: string }])[] = [
  ["a status of 500", { status: 500 }, { status: 502, code: "origin_error", said: "; fwd-status=500" }],
  ["a status of 502", { status: 502 }, { status: 502, code: "origin_error", said: "; fwd-status=502" }],
  ["a status of 503", { status: 503 }, { status: 502, code: "origin_error", said: "; fwd-status=503" }],
  ["a status of 504", { status: 504 }, { status: 502, code: "origin_error", said: "; fwd-status=504" }],
  ["a cut before the head", { cut_before_head: true }, { status: 502, code: "origin_unreachable", said: "" }],
  ["no answer in time", { delay_ms: 10_000 }, { status: 504, code: "origin_timeout", said: "" }],
];

it.each(FAULTS)("with %s the stale body comes until 15 s, then a JSON error", async (...row) => {
  const [, fault, { status, code, said }] = row;
  const site = await startSite({ standingClock: true, settings: { ORIGIN_TIMEOUT: "500ms" } });
  const first = await site.get(DATA);
  await site.behave(fault);
  site.advance(3);
  expect((await site.get(DATA)).cache).toBe("HIT/HIT");
  for (const age of [6, 12]) {
    site.advance(age === 6 ? 3 : 6);
    const stale = await site.get(DATA);
    expect(stale.status).toBe(200);
    expect(stale.cache).toBe("HIT/STALE");
    expect(stale.header("cache-status")).toBe(`freshline; fwd=stale${said}; detail=stale-if-error`);
    expect(Number(stale.header("age"))).toBeGreaterThanOrEqual(age);
    expect(stale.text).toBe(first.text);
  }
  site.advance(3);
  const failed = await site.get(DATA);
  expect(failed.status).toBe(status);
  expect(failed.json()).toEqual({
    code,
    message: expect.any(String),
    requestId: failed.header("x-request-id"),
  });
});

it("with refused connections the stale body comes, from the second request on without trying", async () => {
  const site = await startSite({ standingClock: true });
  const first = await site.get(DATA);
  site.advance(6);
  await site.mock.close();
  const tried = await site.get(DATA);
  expect(tried.cache).toBe("HIT/STALE");
  expect(tried.header("cache-status")).toBe("freshline; fwd=stale; detail=stale-if-error");
  const untried = await site.get(DATA);
  expect(untried.cache).toBe("HIT/STALE");
  expect(untried.header("cache-status")).toMatch(/^freshline; hit; ttl=-1; detail=stale-if-error$/);
  expect([tried.text, untried.text]).toEqual([first.text, first.text]);
  expect(site.events.filter((event) => event.type === "origin-failed")).toHaveLength(1);
  site.advance(9);
  const failed = await site.get(DATA);
  expect(failed.status).toBe(502);
  expect(failed.json()["code"]).toBe("no_healthy_origin");
});

it("with no healthy origin the stale body comes without an attempt, then 502, and all is well afterwards", async () => {
  const site = await startSite({
    standingClock: true,
    origins: 3,
    settings: { HEALTH_CHECK_INTERVAL: "25ms" },
  });
  const first = await site.get(DATA);
  await site.behave({ healthy: false });
  await untilHealthy(site, 0);
  const { total } = await site.counts();
  site.advance(6);
  const stale = await site.get(DATA);
  expect(stale.cache).toBe("HIT/STALE");
  expect(stale.text).toBe(first.text);
  site.advance(9);
  const failed = await site.get(DATA);
  expect(failed.status).toBe(502);
  expect(failed.json()["code"]).toBe("no_healthy_origin");
  expect((await site.counts()).total).toBe(total);

  await site.behave({ healthy: true });
  await untilHealthy(site, 3);
  const again = await site.get(DATA);
  expect(again.cache).toBe("HIT/REVALIDATED");
  expect(again.text).toBe(first.text);
});

async function untilHealthy(site: Site, wanted: number): Promise<void> {
  await site.until(`${wanted} origins are healthy`, async () => {
    const origins = (await site.admin("/origins")).json<Record<string, { healthy: boolean }>>();
    return Object.values(origins).filter(({ healthy }) => healthy).length === wanted;
  });
}

it("when origins work it is an ordinary revalidation", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  site.advance(6);
  expect((await site.get(DATA)).cache).toBe("HIT/REVALIDATED");
  await site.origin("/data?id=1", { method: "PUT", body: '{"value":"new"}' });
  site.advance(6);
  const changed = await site.get(DATA);
  expect(changed.cache).toBe("MISS/EXPIRED");
  expect(changed.json()).toMatchObject({ value: "new" });
});

it("an origin that is back is asked again at once, and its answer is fresh", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  site.advance(6);
  await site.behave({ status: 503 });
  expect((await site.get(DATA)).cache).toBe("HIT/STALE");
  await site.behave({ status: null });
  expect((await site.get(DATA)).cache).toBe("HIT/REVALIDATED");
  expect((await site.get(DATA)).cache).toBe("HIT/HIT");
});

it.each([404, 410, 501])("a %i is an answer, not an error: it passes", async (status) => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  site.advance(6);
  await site.behave({ status });
  const passed = await site.get(DATA);
  expect(passed.status).toBe(status);
  expect(passed.cache).toBe("MISS/EXPIRED");
});

it("with nothing stored an origin's own error passes as it came, and is not stored", async () => {
  const site = await startSite({ standingClock: true });
  await site.behave({ status: 503 });
  const failed = await site.get(DATA);
  expect(failed.status).toBe(503);
  expect(failed.cache).toBe("MISS/MISS");
  expect(failed.json()).toEqual({ error: "this port was told to answer 503" });
  await site.behave({ status: null });
  expect((await site.get(DATA)).cache).toBe("MISS/MISS");
});

it("many requests for one stale response on a failing origin are all answered with it", async () => {
  const site = await startSite({ standingClock: true });
  const first = await site.get(DATA);
  site.advance(6);
  await site.behave({ status: 503, delay_ms: 100 });
  const answers = await Promise.all(Array.from({ length: 30 }, () => site.get(DATA)));
  expect(new Set(answers.map(({ cache }) => cache))).toEqual(new Set(["HIT/STALE"]));
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([first.text]));
});
