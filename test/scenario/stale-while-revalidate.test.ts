import { expect, it } from "vitest";
import { type Site, startSite } from "./site.ts";

const DATA = "/data?id=1&cache-control=stale-while-revalidate=15,max-age=5";

const put = (site: Site, value: string) =>
  site.origin("/data?id=1", { method: "PUT", body: JSON.stringify({ value }) });

const refreshes = (site: Site) => site.events.filter((event) => event.type === "refreshed");

it.each([
  [2, "HIT/HIT", 1],
  [5, "HIT/UPDATING", 2],
  [19, "HIT/UPDATING", 2],
  [20, "HIT/REVALIDATED", 2],
  [60, "HIT/REVALIDATED", 2],
])("after %i s an unchanged response is a %s", async (seconds, cache, asked) => {
  const site = await startSite({ standingClock: true });
  const first = await site.get(DATA);
  site.advance(seconds);
  const later = await site.get(DATA);
  expect(later.cache).toBe(cache);
  expect(later.text).toBe(first.text);
  await site.until("the origin has been asked", async () => (await site.counts()).total === asked);
  expect((await site.counts()).conditional).toBe(asked - 1);
});

it("the stale body comes at once, one request refreshes it, and the next one sees the new body", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  await put(site, "new");
  site.advance(7);
  await site.behave({ delay_ms: 300 });
  const stale = await site.get(DATA);
  expect(stale.cache).toBe("HIT/UPDATING");
  expect(stale.header("cache-status")).toBe("freshline; hit; ttl=-2; detail=stale-while-revalidate");
  expect(stale.header("age")).toBe("7");
  expect(stale.json()).toMatchObject({ value: "initial" });
  // It did not wait for the origin, which has not answered yet.
  expect(refreshes(site)).toEqual([]);
  await site.until("it is refreshed", () => refreshes(site).length > 0);
  expect(refreshes(site)).toMatchObject([{ result: "replaced" }]);
  const next = await site.get(DATA);
  expect(next.cache).toBe("HIT/HIT");
  expect(next.json()).toMatchObject({ value: "new" });
});

it("many requests in the window cause one background request", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  site.advance(10);
  await site.behave({ delay_ms: 500 });
  const answers = await Promise.all(Array.from({ length: 30 }, () => site.get(DATA)));
  expect(new Set(answers.map(({ cache }) => cache))).toEqual(new Set(["HIT/UPDATING"]));
  await site.until("it is refreshed", () => refreshes(site).length > 0);
  expect(refreshes(site)).toMatchObject([{ result: "validated" }]);
  expect(await site.counts()).toMatchObject({ total: 2, conditional: 1, not_modified: 1 });
});

it("after the window the fetch blocks, and the answer is the new body", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  await put(site, "new");
  site.advance(20);
  const fetched = await site.get(DATA);
  expect(fetched.cache).toBe("MISS/EXPIRED");
  expect(fetched.json()).toMatchObject({ value: "new" });
});

it("a refresh that fails changes nothing inside the window; after it the error shows", async () => {
  const site = await startSite({ standingClock: true });
  const first = await site.get(DATA);
  await site.behave({ status: 500 });
  for (const seconds of [6, 6]) {
    site.advance(seconds);
    const stale = await site.get(DATA);
    expect(stale.status).toBe(200);
    expect(stale.cache).toBe("HIT/UPDATING");
    expect(stale.text).toBe(first.text);
  }
  await site.until("both refreshes have failed", () => refreshes(site).length === 2);
  expect(refreshes(site)).toMatchObject([{ result: "failed" }, { result: "failed" }]);
  site.advance(8);
  const failed = await site.get(DATA);
  expect(failed.status).toBe(502);
  expect(failed.json()["code"]).toBe("origin_error");
});

it("a client that leaves does not end the refresh that it caused", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  await put(site, "new");
  site.advance(6);
  await site.behave({ delay_ms: 200 });
  // Each request has a connection of its own, which is gone when its answer has come.
  expect((await site.get(DATA, { Connection: "close" })).cache).toBe("HIT/UPDATING");
  await site.until("it is refreshed", () => refreshes(site).length > 0);
  expect((await site.get(DATA)).json()).toMatchObject({ value: "new" });
});

it("a HEAD in the window refreshes the whole response, not its head", async () => {
  const site = await startSite({ standingClock: true });
  await site.get(DATA);
  await put(site, "new");
  site.advance(6);
  const head = await site.ask(DATA, { method: "HEAD" });
  expect(head.cache).toBe("HIT/UPDATING");
  expect(head.body.length).toBe(0);
  await site.until("it is refreshed", () => refreshes(site).length > 0);
  const next = await site.get(DATA);
  expect(next.cache).toBe("HIT/HIT");
  expect(next.json()).toMatchObject({ value: "new" });
  expect(await site.asked(`HEAD ${DATA}`)).toBe(0);
});

it("an operator's default window counts where the response names none", async () => {
  const site = await startSite({
    standingClock: true,
    settings: { CACHE_DEFAULT_STALE_WHILE_REVALIDATE: "15s" },
  });
  const path = "/data?id=1&cache-control=max-age=5";
  await site.get(path);
  site.advance(6);
  expect((await site.get(path)).cache).toBe("HIT/UPDATING");
});
