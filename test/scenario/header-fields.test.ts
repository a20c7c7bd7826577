import { describe, expect, it } from "vitest";
import { startRedis } from "../redis-server.ts";
import { linesWithout, startOrigin } from "./own-origin.ts";
import { exchange } from "./raw.ts";
import { startSite } from "./site.ts";

/** What the proxy and its server add to an answer, and the origin's own server. */
const ADDED = ["via", "x-cache-status", "x-cache", "cache-status", "x-request-id", "connection", "age"];

/** Field lines that a careless hop would merge, sort, lower-case or re-encode. */
const ODD_LINES = [
  "X-lower-UPPER",
  "1",
  "x-repeated",
  "first",
  "Content-Type",
  "text/plain",
  "X-Repeated",
  "second",
  "X-Latin1",
  "caf\xe9 \xff",
  "X-Empty",
  "",
  "Link",
  "</a>; rel=preload",
  "Link",
  "</b>; rel=preload",
  "Date",
  new Date().toUTCString(),
];

/** An origin that answers with exactly these field lines. */
const originWith = (lines: readonly string[]) =>
  startOrigin((_, response) => {
    response.writeHead(200, [...lines, "Content-Length", "2"]);
    response.end(Buffer.from("ok"));
  });

describe("response fields", () => {
  it("keep case, order, repetition and bytes on a miss, a hit and a pass", async () => {
    const lines = [...ODD_LINES, "Cache-Control", "max-age=60"];
    const origin = await originWith(lines);
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const answers = [
      await site.get("/a"),
      await site.get("/a"),
      await site.ask("/a", { method: "POST" }),
      await site.ask("/b", { method: "HEAD" }),
    ];
    expect(answers.map(({ cache }) => cache)).toEqual(["MISS/MISS", "HIT/HIT", "MISS/BYPASS", "MISS/MISS"]);
    for (const { rawHeaders } of answers) {
      expect(linesWithout(rawHeaders, ...ADDED)).toEqual([...lines, "Content-Length", "2"]);
    }
  });

  it("keep all that in Redis, too", async () => {
    await using redis = await startRedis();
    const lines = [...ODD_LINES, "Cache-Control", "max-age=60"];
    const origin = await originWith(lines);
    const settings = { ORIGINS: origin.url, CACHE_MEMORY_BYTES: "0" };
    const site = await startSite({ settings, redisUrl: redis.url });
    await site.get("/a");
    await site.until("it is stored", () => site.events.some(({ type }) => type === "stored"));
    const { cache, rawHeaders } = await site.get("/a");
    expect(cache).toBe("HIT/HIT");
    const fromRedis = () => site.events.some((event) => event.type === "answered" && event.tier === "redis");
    await site.until("it is told to have come from Redis", fromRedis);
    expect(linesWithout(rawHeaders, ...ADDED)).toEqual([...lines, "Content-Length", "2"]);
  });

  it("keep every Set-Cookie apart, and what has one is not stored", async () => {
    const cookies = ["Set-Cookie", "a=1; Path=/", "set-cookie", "b=2", "Set-Cookie", "c=3; Expires=x, y"];
    const origin = await originWith([...cookies, "Cache-Control", "max-age=60"]);
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    for (let i = 0; i < 2; i++) {
      const answer = await site.get("/a");
      expect(answer.cache).toBe("MISS/MISS");
      expect(linesWithout(answer.rawHeaders, ...ADDED, "date").slice(0, 6)).toEqual(cookies);
    }
  });

  it("that are hop-by-hop, or that Connection names, end at the proxy; also when they were stored", async () => {
    const origin = await startOrigin((_, response) => {
      response.writeHead(200, [
        ...["Connection", "X-Named, close", "X-Named", "secret", "Keep-Alive", "timeout=7"],
        ...["Proxy-Connection", "keep-alive", "Proxy-Authenticate", "Basic", "Upgrade", "h2c"],
        ...["Cache-Control", "max-age=60", "X-Kept", "1"],
      ]);
      response.end(Buffer.from("ok"));
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    for (const method of ["GET", "GET", "POST"]) {
      const { rawHeaders, text } = await site.ask("/a", { method });
      expect(text).toBe("ok");
      const names = linesWithout(rawHeaders, ...ADDED, "content-length", "transfer-encoding").filter(
        (_, i) => i % 2 === 0,
      );
      expect(names.filter((name) => name !== "Date")).toEqual(["Cache-Control", "X-Kept"]);
      expect(rawHeaders).not.toContain("timeout=7");
    }
  });

  it("that are the proxy's to write are written once, whatever the origin claims", async () => {
    const origin = await originWith([
      ...["X-Cache", "HIT", "X-Cache-Status", "HIT", "X-Request-Id", "theirs"],
      ...["Cache-Status", "inner; hit", "Via", "1.0 inner"],
    ]);
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const { rawHeaders, header, cache } = await site.get("/a", { "X-Request-Id": "mine-1" });
    expect(cache).toBe("MISS/MISS");
    expect(rawHeaders.filter((name) => name.toLowerCase() === "x-request-id")).toHaveLength(1);
    expect(header("x-request-id")).toBe("mine-1");
    // RFC 9110 §7.6.3, RFC 9211 §2: what others nearer to the origin have said comes first.
    expect(header("via")).toBe("1.0 inner, 1.1 freshline");
    expect(header("cache-status")).toMatch(/^inner; hit, freshline; fwd=uri-miss; fwd-status=200/);
  });

  it("come with the origin's reason phrase", async () => {
    const origin = await startOrigin((_, response) =>
      response.writeHead(200, "Fine Indeed", { "Cache-Control": "max-age=60" }).end("ok"),
    );
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    for (const cache of ["MISS/MISS", "HIT/HIT"]) {
      expect(await site.get("/a")).toMatchObject({ cache, statusMessage: "Fine Indeed" });
    }
  });
});

describe("request fields", () => {
  /** What the proxy writes itself, or its connection does. */
  const WRITTEN = ["host", "connection", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
  const OWN = [...WRITTEN, "x-request-id", "via", "content-length", "transfer-encoding"];

  it.each(["GET", "POST"])("keep case, order, repetition and bytes on %s", async (method) => {
    const origin = await originWith(ODD_LINES);
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const lines = ODD_LINES.flatMap((text, i) => (i % 2 === 0 ? [`${text}: ${ODD_LINES[i + 1]}`] : []));
    const cookies = ["Cookie: a=1", "cookie: b=2", "Authorization: Basic eA==", "User-Agent: odd"];
    const head = [`${method} /a HTTP/1.1`, "Host: a.example", ...lines, ...cookies, "Connection: close"];
    await exchange(site.proxy.port, `${head.join("\r\n")}\r\n\r\n`);
    const reached = linesWithout(origin.requests[0]?.rawHeaders ?? [], ...OWN);
    expect(reached).toEqual([...ODD_LINES, ...cookies.flatMap((line) => line.split(": "))]);
  });

  it("that are hop-by-hop, or that Connection names, end at the proxy", async () => {
    const origin = await originWith([]);
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const head = [
      ...["GET /a HTTP/1.1", "Host: a.example", "Connection: close, X-Named, authorization", "X-Named: 1"],
      ...["Authorization: Basic eA==", "Keep-Alive: timeout=7", "TE: trailers", "Proxy-Connection: close"],
      ...["Proxy-Authorization: Basic eA==", "HTTP2-Settings: AAMAAABk", "X-Kept: 1"],
    ];
    await exchange(site.proxy.port, `${head.join("\r\n")}\r\n\r\n`);
    expect(linesWithout(origin.requests[0]?.rawHeaders ?? [], ...OWN)).toEqual(["X-Kept", "1"]);
  });

  it("do not carry the client's conditions or range when the cache wants the whole", async () => {
    const origin = await originWith(["ETag", '"1"', "Cache-Control", "max-age=60"]);
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const answer = await site.get("/a", { "If-None-Match": '"1"', "If-Modified-Since": "x" });
    expect(answer.status).toBe(304);
    expect(answer.body.length).toBe(0);
    expect(origin.requests[0]?.headers).not.toHaveProperty("if-none-match");
    expect((await site.get("/a")).cache).toBe("HIT/HIT");
  });
});
