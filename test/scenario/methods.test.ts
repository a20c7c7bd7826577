import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { describe, expect, it } from "vitest";
import { startOrigin } from "./own-origin.ts";
import { exchange } from "./raw.ts";
import { startSite } from "./site.ts";

interface Echo {
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body_bytes: number;
  readonly body_sha256: string;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const framing = (echo: Echo): string[] =>
  echo.headers
    .filter(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name))
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`);

/** Sends a body in chunks, which Node does when nobody says how long it is. */
function askInChunks(url: string, method: string, chunks: readonly Uint8Array[]): Promise<Echo> {
  return new Promise((resolve, reject) => {
    const headers = { "Transfer-Encoding": "chunked" };
    const request = httpRequest(url, { method, headers, agent: false }, async (response) => {
      const text = (await response.toArray()).join("");
      resolve(JSON.parse(text) as Echo);
    });
    request.on("error", reject);
    for (const chunk of chunks) request.write(chunk);
    request.end();
  });
}

describe("a request with a body", () => {
  const body = randomBytes(300_000);

  it.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "GET"])(
    "reaches the origin byte for byte by %s, with its length or in chunks",
    async (method) => {
      const site = await startSite();
      const answer = await site.ask("/echo", {
        method,
        body,
        headers: { "Content-Length": String(body.length) },
      });
      expect(answer.status).toBe(200);
      expect(answer.cache).toBe("MISS/BYPASS");
      const whole = answer.json<Echo>();
      expect(whole).toMatchObject({ method, body_bytes: body.length, body_sha256: sha256(body) });
      expect(framing(whole)).toEqual([`content-length: ${body.length}`]);

      const url = `http://127.0.0.1:${site.proxy.port}/echo`;
      const chunks = [body.subarray(0, 7), body.subarray(7, 70_000), body.subarray(70_000)];
      const chunked = await askInChunks(url, method, chunks);
      expect(chunked).toMatchObject({ method, body_bytes: body.length, body_sha256: sha256(body) });
      expect(framing(chunked)).toEqual(["transfer-encoding: chunked"]);
    },
  );

  it("that is empty says so to the origin", async () => {
    const site = await startSite();
    const answer = await site.ask("/echo", { method: "POST", headers: { "Content-Length": "0" } });
    expect(framing(answer.json<Echo>())).toEqual(["content-length: 0"]);
  });

  it("reaches the origin again when it comes again: nothing of it is stored", async () => {
    const site = await startSite();
    for (let i = 0; i < 2; i++) {
      expect((await site.ask("/echo", { method: "POST", body: "twice" })).cache).toBe("MISS/BYPASS");
    }
    expect(await site.asked("POST /echo")).toBe(2);
  });

  it("is answered when the origin answers before it has read it", async () => {
    const origin = await startOrigin((_, response) => response.writeHead(403).end("no"));
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const answer = await site.ask("/upload", { method: "POST", body: randomBytes(4 * 1024 * 1024) });
    expect(answer.status).toBe(403);
    expect(answer.text).toBe("no");
  });
});

describe("HEAD", () => {
  it("is answered from a stored GET, with its fields and no body", async () => {
    const site = await startSite();
    const got = await site.get("/data?id=1&cache-control=max-age=60");
    const head = await site.ask("/data?id=1&cache-control=max-age=60", { method: "HEAD" });
    expect(head.cache).toBe("HIT/HIT");
    expect(head.body.length).toBe(0);
    expect(head.header("content-length")).toBe(String(got.body.length));
    expect(head.header("etag")).toBe(got.header("etag"));
    expect(await site.asked("HEAD /data?id=1&cache-control=max-age=60")).toBe(0);
  });

  it("goes to the origin when nothing is stored, and stores nothing", async () => {
    const site = await startSite();
    const head = await site.ask("/data?id=1&cache-control=max-age=60", { method: "HEAD" });
    expect(head.cache).toBe("MISS/MISS");
    expect(head.header("content-length")).not.toBe("0");
    expect((await site.get("/data?id=1&cache-control=max-age=60")).cache).toBe("MISS/MISS");
  });
});

describe("an unsafe request", () => {
  const path = "/data?id=1&cache-control=max-age=60";

  it.each(["PUT", "POST", "PATCH", "DELETE"])("by %s invalidates what it was for", async (method) => {
    const origin = await startOrigin((_, response) =>
      response.writeHead(200, { "Cache-Control": "max-age=60" }).end("ok"),
    );
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    await site.get("/a");
    await site.get("/b");
    expect((await site.get("/a")).cache).toBe("HIT/HIT");
    await site.ask("/a", { method });
    expect((await site.get("/a")).cache).toBe("MISS/MISS");
    expect((await site.get("/b")).cache).toBe("HIT/HIT");
  });

  it("shows the next reader what it has changed", async () => {
    const site = await startSite();
    expect((await site.get(path)).json()).toMatchObject({ value: "initial" });
    await site.ask(path, { method: "PUT", body: '{"value":"changed"}' });
    const after = await site.get(path);
    expect(after.cache).toBe("MISS/MISS");
    expect(after.json()).toMatchObject({ value: "changed" });
  });

  it.each([400, 404, 500, 503])("that fails with %i invalidates nothing", async (status) => {
    const site = await startSite();
    await site.get(path);
    await site.behave({ status });
    expect((await site.ask(path, { method: "PUT", body: '{"value":"x"}' })).status).toBe(status);
    expect((await site.get(path)).cache).toBe("HIT/HIT");
  });

  it("invalidates what Location and Content-Location name, on the same host only", async () => {
    const origin = await startOrigin((request, response) => {
      if (request.method === "POST") {
        response.setHeader("Location", request.headers["x-location"] as string);
        response.setHeader("Content-Location", "/content");
        response.writeHead(201).end();
      } else response.writeHead(200, { "Cache-Control": "max-age=60" }).end(request.url);
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const everything = ["/list", "/created", "/content", "/other"];
    for (const each of everything) await site.get(each);
    await site.ask("/list", { method: "POST", body: "new", headers: { "X-Location": "/created" } });
    const words = [];
    for (const each of everything) words.push((await site.get(each)).cache);
    expect(words).toEqual(["MISS/MISS", "MISS/MISS", "MISS/MISS", "HIT/HIT"]);

    // Another host's URI is not this one's to invalidate, though this cache has it.
    const elsewhere = { Host: "elsewhere.example" };
    await site.get("/other", elsewhere);
    const location = { "X-Location": "http://elsewhere.example/other" };
    await site.ask("/list", { method: "POST", body: "new", headers: location });
    expect((await site.get("/other", elsewhere)).cache).toBe("HIT/HIT");
  });

  it("invalidates what Location names by its key, whatever its parameters and its spelling", async () => {
    const origin = await startOrigin((request, response) => {
      if (request.method === "POST") {
        response.setHeader("Location", "/made?utm_source=q");
        response.setHeader("Content-Location", "/quoted?q='x'");
        response.writeHead(201).end();
      } else response.writeHead(200, { "Cache-Control": "max-age=60" }).end(request.url);
    });
    const site = await startSite({ settings: { ORIGINS: origin.url, CACHE_KEY_IGNORE_PARAMS: "utm_*" } });
    const named = ["/made", "/quoted?q='x'", "/quoted?q=%27x%27"];
    // Raw, because a client's URL would spell the second as the third.
    const get = (target: string) =>
      exchange(site.proxy.port, `GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
    for (const each of named) expect(await get(each)).toContain("X-Cache: MISS");
    for (const each of named) expect(await get(each)).toContain("X-Cache: HIT");
    await site.ask("/list", { method: "POST", body: "new", headers: { Host: "a.example" } });
    for (const each of named) expect(await get(each)).toContain("X-Cache: MISS");
  });

  it("leaves what is stored alone when it is only OPTIONS", async () => {
    const site = await startSite();
    await site.get(path);
    await site.ask(path, { method: "OPTIONS" });
    expect((await site.get(path)).cache).toBe("HIT/HIT");
  });
});
