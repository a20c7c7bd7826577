import { expect, it } from "vitest";
import { startSite } from "./site.ts";

const DATA = "/data?id=123&cache-control=must-revalidate,max-age=10";

it("is a MISS, then a HIT that grows older, and never reaches the origin while it is fresh", async () => {
  const site = await startSite({ standingClock: true });
  const first = await site.get(DATA);
  expect(first.status).toBe(200);
  expect(first.cache).toBe("MISS/MISS");
  expect(first.header("cache-status")).toBe("freshline; fwd=uri-miss; fwd-status=200; stored");
  expect(first.header("age")).toBeUndefined();
  site.advance(3);
  const young = await site.get(DATA);
  site.advance(4);
  const old = await site.get(DATA);
  expect([young.cache, old.cache]).toEqual(["HIT/HIT", "HIT/HIT"]);
  expect([young.header("age"), old.header("age")]).toEqual(["3", "7"]);
  expect(old.header("cache-status")).toBe("freshline; hit; ttl=3");
  expect([young.text, old.text]).toEqual([first.text, first.text]);
  expect(await site.asked(`GET ${DATA}`)).toBe(1);
});

it("asks with If-None-Match after 10 s, and a 304 makes it fresh for 10 s more", async () => {
  const site = await startSite({ standingClock: true });
  const first = await site.get(DATA);
  site.advance(10);
  const validated = await site.get(DATA);
  expect(validated.status).toBe(200);
  expect(validated.cache).toBe("HIT/REVALIDATED");
  expect(validated.header("cache-status")).toBe("freshline; fwd=stale; fwd-status=304");
  expect(validated.header("age")).toBe("0");
  expect(validated.text).toBe(first.text);
  expect(await site.counts()).toMatchObject({ total: 2, conditional: 1, not_modified: 1 });

  site.advance(8);
  const fresh = await site.get(DATA);
  expect(fresh.cache).toBe("HIT/HIT");
  expect(fresh.header("age")).toBe("8");
  site.advance(2);
  expect((await site.get(DATA)).cache).toBe("HIT/REVALIDATED");
  expect(await site.counts()).toMatchObject({ total: 3, conditional: 2, not_modified: 2 });
});

it.each([0, 1, 2])(
  "gives the new body after 10 s when it was PUT on mock origin %i of three",
  async (port) => {
    const site = await startSite({ standingClock: true, origins: 3 });
    const before = await site.get(DATA);
    const put = await site.origin("/data?id=123", { method: "PUT", body: '{"value":"new"}' }, port);
    expect(put.status).toBe(200);
    // It was put past the proxy, which cannot know yet.
    expect((await site.get(DATA)).cache).toBe("HIT/HIT");
    site.advance(10);
    const after = await site.get(DATA);
    expect(after.cache).toBe("MISS/EXPIRED");
    expect(after.header("cache-status")).toBe("freshline; fwd=stale; fwd-status=200; stored");
    expect(after.json()).toMatchObject({ id: "123", value: "new" });
    expect(after.text).not.toBe(before.text);
    const again = await site.get(DATA);
    expect(again.cache).toBe("HIT/HIT");
    expect(again.text).toBe(after.text);
    expect(await site.counts()).toMatchObject({ total: 3, conditional: 1, not_modified: 0 });
  },
);

it("a PUT through the proxy is seen by the next request, fresh or not (RFC 9111 §4.4)", async () => {
  const site = await startSite({ standingClock: true, origins: 3 });
  await site.get(DATA);
  const put = await site.ask(DATA, { method: "PUT", body: '{"value":"new"}' });
  expect(put.status).toBe(200);
  expect(put.cache).toBe("MISS/BYPASS");
  expect(put.header("cache-status")).toBe("freshline; fwd=method; fwd-status=200");
  const after = await site.get(DATA);
  expect(after.cache).toBe("MISS/MISS");
  expect(after.json()).toMatchObject({ value: "new" });
});

const FAULTS: readonly (readonly [string, object, number, string])[] = [
  ["a status of 500", { status: 500 }, 502, "origin_error"],
  ["a status of 502", { status: 502 }, 502, "origin_error"],
  ["a status of 503", { status: 503 }, 502, "origin_error"],
  ["a status of 504", { status: 504 }, 502, "origin_error"],
  ["a cut before the head", { cut_before_head: true }, 502, "origin_unreachable"],
  ["no answer in time", { delay_ms: 10_000 }, 504, "origin_timeout"],
];

it.each(FAULTS)(
  "with %s from every origin after 10 s it is an error, never the stale body",
  async (...row) => {
    const [, fault, status, code] = row;
    const site = await startSite({
      origins: 2,
      // Not even an operator's default may override must-revalidate (RFC 9111 §5.2.2.2).
      settings: { ORIGIN_TIMEOUT: "500ms", CACHE_DEFAULT_STALE_IF_ERROR: "1h" },
    });
    const first = await site.get(DATA);
    site.advance(10);
    await site.behave(fault);
    const failed = await site.get(DATA);
    expect(failed.status).toBe(status);
    expect(failed.cache).toBe("MISS/EXPIRED");
    expect(failed.header("content-type")).toBe("application/json");
    expect(failed.header("cache-control")).toBe("no-store");
    expect(failed.json()).toEqual({
      code,
      message: expect.any(String),
      requestId: failed.header("x-request-id"),
    });
    expect(failed.header("cache-status")).toContain(`; detail=${code}`);

    await site.behave({ status: null, cut_before_head: null, delay_ms: null });
    const recovered = await site.get(DATA);
    expect(recovered.cache).toBe("HIT/REVALIDATED");
    expect(recovered.text).toBe(first.text);
  },
);

it("with every origin refusing connections after 10 s it is a 502, and then one without asking", async () => {
  const site = await startSite({ standingClock: true, origins: 3 });
  await site.get(DATA);
  site.advance(10);
  await site.mock.close();
  const codes: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const failed = await site.get(DATA);
    expect(failed.status).toBe(502);
    expect(failed.text).not.toContain("updated_at");
    codes.push(failed.json()["code"]);
  }
  // Each request tries two of the three, and every refusal takes an origin out.
  expect(codes).toEqual([
    "origin_unreachable",
    "origin_unreachable",
    "no_healthy_origin",
    "no_healthy_origin",
  ]);
});

it.each([
  ["proxy-revalidate,max-age=10", "RFC 9111 §5.2.2.8"],
  ["no-cache,max-age=10", "RFC 9111 §5.2.2.4"],
  ["must-revalidate,max-age=10,stale-if-error=600,stale-while-revalidate=600", "RFC 9111 §5.2.2.2"],
])("%s is no more served stale than must-revalidate is (%s)", async (directives) => {
  const site = await startSite({ standingClock: true });
  const path = `/data?id=1&cache-control=${directives}`;
  await site.get(path);
  site.advance(11);
  await site.behave({ status: 503 });
  const failed = await site.get(path);
  expect(failed.status).toBe(502);
  expect(failed.text).not.toContain("updated_at");
});

it("a client's own X-Request-Id names the error, too", async () => {
  const site = await startSite({ standingClock: true });
  await site.mock.close();
  const failed = await site.get(DATA, { "X-Request-Id": "mine-17" });
  expect(failed.header("x-request-id")).toBe("mine-17");
  expect(failed.json()["requestId"]).toBe("mine-17");
  await site.until("it is told", () => site.events.some((event) => event.type === "answered"));
  expect(site.events.find((event) => event.type === "answered")).toMatchObject({
    requestId: "mine-17",
    status: 502,
  });
});
