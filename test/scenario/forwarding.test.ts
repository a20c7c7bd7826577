import type { IncomingHttpHeaders } from "node:http";
import { describe, expect, it } from "vitest";
import type { SettingName } from "../../src/config/settings.ts";
import { startOrigin } from "./own-origin.ts";
import { type Ask, startSite } from "./site.ts";

/** What the origin sees of one request. */
async function seenByOrigin(
  headers: NonNullable<Ask["headers"]>,
  settings: Partial<Record<SettingName, string>> = {},
): Promise<{ headers: IncomingHttpHeaders; host: string; origin: string }> {
  const origin = await startOrigin((_, response) => response.end("ok"));
  const site = await startSite({ settings: { ORIGINS: origin.url, ...settings } });
  await site.get("/a", headers);
  const host = `127.0.0.1:${site.proxy.port}`;
  return { headers: origin.requests[0]?.headers ?? {}, host, origin: new URL(origin.url).host };
}

const CLAIMS = {
  "X-Forwarded-For": "203.0.113.7, 198.51.100.1",
  "X-Forwarded-Host": "claimed.example",
  "X-Forwarded-Proto": "https",
  Forwarded: "for=203.0.113.7",
  "X-Forwarded-Port": "444",
};

describe("where a request came from", () => {
  it("is told to the origin, with the origin's own Host", async () => {
    const seen = await seenByOrigin({});
    expect(seen.headers).toMatchObject({
      host: seen.origin,
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": seen.host,
      "x-forwarded-proto": "http",
      via: "1.1 freshline",
    });
  });

  it("is replaced, not believed, when anybody claims it", async () => {
    const seen = await seenByOrigin(CLAIMS);
    expect(seen.headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": seen.host,
      "x-forwarded-proto": "http",
    });
    expect(seen.headers).not.toHaveProperty("forwarded");
    expect(seen.headers).not.toHaveProperty("x-forwarded-port");
  });

  it("is believed of TRUSTED_PROXIES, and the peer is added to the list", async () => {
    const seen = await seenByOrigin(CLAIMS, { TRUSTED_PROXIES: "127.0.0.0/8" });
    expect(seen.headers).toMatchObject({
      "x-forwarded-for": "203.0.113.7, 198.51.100.1, 127.0.0.1",
      "x-forwarded-host": "claimed.example",
      "x-forwarded-proto": "https",
    });
  });

  it("is not believed of peers outside TRUSTED_PROXIES", async () => {
    const seen = await seenByOrigin(CLAIMS, { TRUSTED_PROXIES: "10.0.0.0/8" });
    expect(seen.headers["x-forwarded-for"]).toBe("127.0.0.1");
  });

  it("divides the cache, since an origin may answer by it", async () => {
    const origin = await startOrigin((request, response) => {
      const body = `${request.headers["x-forwarded-proto"]}://${request.headers["x-forwarded-host"]}`;
      response.writeHead(200, { "Cache-Control": "max-age=60" }).end(body);
    });
    const site = await startSite({ settings: { ORIGINS: origin.url, TRUSTED_PROXIES: "127.0.0.1" } });
    const as = (host: string, proto: string) =>
      site.get("/a", { "X-Forwarded-Host": host, "X-Forwarded-Proto": proto });
    expect((await as("a.example", "http")).text).toBe("http://a.example");
    expect((await as("a.example", "https")).text).toBe("https://a.example");
    expect((await as("b.example", "http")).text).toBe("http://b.example");
    expect((await as("a.example", "http")).cache).toBe("HIT/HIT");
  });

  it("adds to Via what others have said", async () => {
    const seen = await seenByOrigin({ Via: "1.0 before" });
    expect(seen.headers.via).toBe("1.0 before, 1.1 freshline");
  });

  it("includes the client's Host with PRESERVE_HOST", async () => {
    const seen = await seenByOrigin({ Host: "shop.example" }, { PRESERVE_HOST: "true" });
    expect(seen.headers.host).toBe("shop.example");
  });
});

describe("the request id", () => {
  it("is the client's own, to the origin and back", async () => {
    const origin = await startOrigin((_, response) => response.end("ok"));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const answer = await site.get("/a", { "X-Request-Id": "abc-123" });
    expect(answer.header("x-request-id")).toBe("abc-123");
    expect(origin.requests[0]?.headers["x-request-id"]).toBe("abc-123");
  });

  it.each([
    ["is absent", {}],
    ["would not fit in a log line", { "X-Request-Id": 'a"b c' }],
    ["is too long", { "X-Request-Id": "x".repeat(129) }],
  ])("is a new one when the client's %s", async (_, headers) => {
    const origin = await startOrigin((_request, response) => response.end("ok"));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const answer = await site.get("/a", headers);
    const id = answer.header("x-request-id");
    expect(id).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(origin.requests[0]?.headers["x-request-id"]).toBe(id);
    expect((await site.get("/a", headers)).header("x-request-id")).not.toBe(id);
  });

  it("is each client's own on a hit, never the one that was stored", async () => {
    const site = await startSite();
    const path = "/data?id=1&cache-control=max-age=60";
    await site.get(path, { "X-Request-Id": "first" });
    const hit = await site.get(path, { "X-Request-Id": "second" });
    expect(hit.cache).toBe("HIT/HIT");
    expect(hit.header("x-request-id")).toBe("second");
  });

  it("is in the JSON of an error", async () => {
    const site = await startSite();
    await site.behave({ cut_before_head: true });
    const answer = await site.get("/data?id=1", { "X-Request-Id": "abc-123" });
    expect(answer.status).toBe(502);
    expect(answer.header("content-type")).toBe("application/json");
    expect(answer.header("cache-control")).toBe("no-store");
    expect(answer.json()).toEqual({
      code: "origin_unreachable",
      message: expect.any(String),
      requestId: "abc-123",
    });
  });
});
